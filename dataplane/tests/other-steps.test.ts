import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type {
  CorrelationIdStep,
  IpStep,
  KeyAuthStep,
  NameOperations,
  ReplyStep,
  TransformRequestStep,
  TransformResponseStep,
} from "#model/program.ts";
import { consumer, key } from "./consumers.ts";
import { errorBody, Gateway, jsonType, valuesOf } from "./gateway.ts";

const operations = (more: Partial<NameOperations> = {}): NameOperations => ({
  remove: [],
  rename: [],
  replace: [],
  add: [],
  append: [],
  ...more,
});
const toRequest = (more: Partial<TransformRequestStep>): TransformRequestStep => ({
  step: "transform-request",
  headers: operations(),
  query: operations(),
  ...more,
});
const toResponse = (headers: Partial<NameOperations>): TransformResponseStep => ({
  step: "transform-response",
  headers: operations(headers),
});
const ip = (more: Partial<IpStep>): IpStep => ({ step: "ip", allow: [], deny: [], status: 403, ...more });
const correlation = (more: Partial<CorrelationIdStep>): CorrelationIdStep => ({
  step: "correlation-id",
  header: "X-Correlation",
  generator: "uuid",
  echo: true,
  ...more,
});
const reply = (more: Partial<ReplyStep>): ReplyStep => ({ step: "reply", status: 503, ...more });
const keyAuth: KeyAuthStep = {
  step: "key-auth",
  names: ["apikey"],
  inHeader: true,
  inQuery: true,
  hideCredentials: false,
  runOnPreflight: true,
  realm: "",
};

let gateway: Gateway;

beforeAll(async () => {
  gateway = await Gateway.start({
    consumers: [consumer("eve", [key("eve-key")])],
    routes: {
      "/ip-allow": [ip({ allow: ["10.0.0.0/8", "2001:db8::/33", "127.0.0.1"] })],
      "/ip-deny": [ip({ deny: ["10.1.2.3", "10.2.0.0/15", "::ffff:192.0.2.0/120"] })],
      "/ip-both": [ip({ allow: ["10.0.0.0/8"], deny: ["10.1.0.0/16"], status: 404, message: "Not here" })],
      "/uuid": [correlation({})],
      "/counter": [correlation({ generator: "uuid#counter" })],
      "/tracker": [correlation({ generator: "tracker", echo: false })],
      "/headers": [
        toRequest({
          headers: operations({
            remove: ["X-Remove", "host"],
            rename: [
              { from: "X-Old", to: "X-New" },
              { from: "host", to: "x-host" },
              { from: "x-absent", to: "x-new-too" },
            ],
            replace: [
              { name: "X-Replace", value: "new" },
              { name: "x-not-there", value: "new" },
            ],
            add: [
              { name: "X-Add", value: "added" },
              { name: "X-Here", value: "added" },
              { name: "X-Remove", value: "again" },
            ],
            append: [{ name: "X-Append", value: "last" }],
          }),
        }),
      ],
      "/host": [toRequest({ headers: operations({ replace: [{ name: "Host", value: "other.example:8080" }] }) })],
      "/query-gone": [toRequest({ query: operations({ remove: ["a"] }) })],
      "/query": [
        toRequest({
          query: operations({
            remove: ["remove me"],
            rename: [{ from: "old", to: "new name" }],
            replace: [
              { name: "replace", value: "a&b=c" },
              { name: "not-there", value: "x" },
            ],
            add: [
              { name: "add", value: "1" },
              { name: "here", value: "1" },
            ],
            append: [{ name: "append", value: "ü" }],
          }),
        }),
      ],
      "/path": [toRequest({ uri: "/v2/artists", method: "POST" })],
      "/who": [
        keyAuth,
        toRequest({ headers: operations({ rename: [{ from: "X-Consumer-Username", to: "X-User" }] }) }),
      ],
      "/response": [
        toResponse({
          remove: ["X-Remove", "X-Absent"],
          rename: [{ from: "X-Old", to: "X-New" }],
          replace: [
            { name: "X-Replace", value: "new" },
            { name: "x-not-there", value: "new" },
          ],
          add: [
            { name: "X-Add", value: "added" },
            { name: "X-Remove", value: "not again" },
          ],
          append: [{ name: "X-Append", value: "last" }],
        }),
      ],
      "/reply-message": [reply({ message: 'So "long" and thanks' })],
      "/reply-body": [reply({ status: 200, body: "<p>hello</p>", contentType: "text/html" })],
      "/reply-empty": [reply({ status: 204 })],
      "/reply-trigger": [reply({ status: 418, message: "Triggered", trigger: "X-Trigger" })],
      "/reply-echo": [reply({ status: 200, message: "echo", echo: true })],
      "/reply-marked": [toResponse({ add: [{ name: "x-mark", value: "1" }] }), reply({ message: "x" })],
      "/v2": "nowhere",
      "/": "plain",
    },
  });
}, 60_000);

afterAll(() => gateway.stop());

describe("ip", () => {
  const from = async (path: string, address: string) =>
    (await gateway.fetch(path, { headers: { "x-forwarded-for": address } })).status;

  test.each([
    ["/ip-allow", "10.255.0.1", 200],
    ["/ip-allow", "11.0.0.1", 403],
    ["/ip-allow", "127.0.0.1", 200],
    ["/ip-allow", "127.0.0.2", 403],
    ["/ip-allow", "2001:db8:7fff::1", 200],
    ["/ip-allow", "2001:db8:8000::1", 403],
    ["/ip-deny", "10.1.2.3", 403],
    ["/ip-deny", "10.1.2.4", 200],
    ["/ip-deny", "10.3.255.255", 403],
    ["/ip-deny", "10.4.0.0", 200],
    ["/ip-deny", "192.0.2.77", 403],
    ["/ip-deny", "::1", 200],
    ["/ip-both", "10.2.0.1", 200],
    ["/ip-both", "10.1.0.1", 404],
    ["/ip-both", "192.0.2.1", 404],
  ])("%s from %s: %i", async (path, address, status) => {
    expect(await from(path, address)).toBe(status);
  });

  test("takes the connection's address without X-Forwarded-For", async () => {
    expect((await gateway.fetch("/ip-allow")).status).toBe(200);
    expect((await gateway.fetch("/ip-both")).status).toBe(404);
  });

  test("tells the address, or what it is told to tell", async () => {
    const own = await gateway.fetch("/ip-allow", { headers: { "x-forwarded-for": "2001:db8:8000::1" } });
    expect(own.body).toBe(errorBody("IP address not allowed: 2001:db8:8000::1"));
    expect(valuesOf(own, "content-type")).toEqual([jsonType]);
    const v4 = await gateway.fetch("/ip-allow", { headers: { "x-forwarded-for": "192.0.2.1" } });
    expect(v4.body).toBe(errorBody("IP address not allowed: 192.0.2.1"));
    const given = await gateway.fetch("/ip-both", { headers: { "x-forwarded-for": "192.0.2.1" } });
    expect(given.body).toBe(errorBody("Not here"));
  });
});

describe("correlation-id", () => {
  const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

  test("uuid: another one for each request, which the client gets, too", async () => {
    const ids = new Set<string>();
    for (let i = 0; i < 600; i++) {
      const answer = await gateway.fetch("/uuid");
      const [id = ""] = valuesOf(answer.seen, "x-correlation");
      expect(id).toMatch(uuid);
      expect(valuesOf(answer, "x-correlation")).toEqual([id]);
      ids.add(id);
    }
    expect(ids.size).toBe(600);
  });

  test("the client's own stays", async () => {
    const answer = await gateway.fetch("/uuid", {
      headers: { "x-correlation": "mine", "x-reply": JSON.stringify([["x-correlation", "the application's"]]) },
    });
    expect(valuesOf(answer.seen, "x-correlation")).toEqual(["mine"]);
    expect(valuesOf(answer, "x-correlation")).toEqual(["mine"]);
    const empty = await gateway.fetch("/uuid", { headers: { "x-correlation": "" } });
    expect(valuesOf(empty.seen, "x-correlation")[0]).toMatch(uuid);
  });

  test("uuid#counter: one uuid, counted up", async () => {
    const ids: string[] = [];
    for (let i = 0; i < 3; i++) ids.push(valuesOf((await gateway.fetch("/counter")).seen, "x-correlation")[0] ?? "");
    const parts = ids.map((id) => id.split("#"));
    expect(new Set(parts.map(([id]) => id)).size).toBe(1);
    expect(parts[0]?.[0]).toMatch(uuid);
    const first = Number(parts[0]?.[1]);
    expect(parts.map(([, count]) => Number(count))).toEqual([first, first + 1, first + 2]);
  });

  test("tracker: address, port, worker, connection, request, time", async () => {
    const answer = await gateway.fetch("/tracker");
    const [id = ""] = valuesOf(answer.seen, "x-correlation");
    expect(id).toMatch(new RegExp(`^127\\.0\\.0\\.1-${gateway.port}-\\d+-\\d+-\\d+-\\d+\\.\\d{3}$`));
    expect(Math.abs(Number(id.split("-")[5]) - Date.now() / 1000)).toBeLessThan(5);
    expect(valuesOf(answer, "x-correlation")).toEqual([]);
  });
});

describe("transform-request", () => {
  test("changes headers in Kong's order", async () => {
    const answer = await gateway.fetch("/headers", {
      headers: {
        "x-remove": ["1", "2"],
        "x-old": ["a", "b"],
        "x-new": "gone",
        "x-replace": ["1", "2"],
        "x-here": "here",
        "x-append": "first",
      },
    });
    const values = (name: string) => valuesOf(answer.seen, name);
    expect(values("x-remove")).toEqual(["again"]);
    expect(values("x-old")).toEqual([]);
    expect(values("x-new")).toEqual(["a", "b"]);
    expect(values("x-new-too")).toEqual([]);
    expect(values("x-replace")).toEqual(["new"]);
    expect(values("x-not-there")).toEqual([]);
    expect(values("x-add")).toEqual(["added"]);
    expect(values("x-here")).toEqual(["here"]);
    expect(values("x-append")).toEqual(["first", "last"]);
    expect(values("host")).toEqual(["example.com"]);
    expect(values("x-host")).toEqual([]);
  });

  test("replaces the host", async () => {
    expect(valuesOf((await gateway.fetch("/host")).seen, "host")).toEqual(["other.example:8080"]);
  });

  test("changes the query, names compared decoded", async () => {
    const answer = await gateway.fetch(
      "/query?a=%41&remove+me=1&remove%20me=2&old=1&old&new%20name=x&replace=1&replace=2&here&z=+",
    );
    expect(answer.seen?.url).toBe(
      "/query?a=%41&new%20name=1&new%20name&replace=a%26b%3dc&here&z=+&add=1&append=%c3%bc",
    );
    expect((await gateway.fetch("/query")).seen?.url).toBe("/query?add=1&here=1&append=%c3%bc");
  });

  test("leaves no question mark behind", async () => {
    expect((await gateway.fetch("/query-gone?a=1&a")).seen?.url).toBe("/query-gone");
    expect((await gateway.fetch("/query-gone?b=%2F&&c")).seen?.url).toBe("/query-gone?b=%2F&&c");
  });

  test("changes path and method; the query and the route stay", async () => {
    const answer = await gateway.fetch("/path/x?a=1");
    expect(answer.seen).toMatchObject({ method: "POST", url: "/v2/artists?a=1" });
    expect(valuesOf(answer.seen, "x-envoy-ip-tags")).toEqual([]);
  });

  test("a client cannot choose a route by the mark", async () => {
    const answer = await gateway.fetch("/v2", { headers: { "x-envoy-ip-tags": "/path" } });
    expect(answer.status).toBe(503);
  });

  test("sees who calls", async () => {
    const answer = await gateway.fetch("/who", { headers: { apikey: "eve-key", "x-user": "spoofed" } });
    expect(valuesOf(answer.seen, "x-user")).toEqual(["eve"]);
    expect(valuesOf(answer.seen, "x-consumer-username")).toEqual([]);
    expect(valuesOf(answer.seen, "x-consumer-id")).toEqual(["id-of-eve"]);
  });
});

describe("transform-response", () => {
  test("changes headers in Kong's order, by what was there at first", async () => {
    const reply = [
      ["x-remove", "1"],
      ["x-old", "a"],
      ["x-old", "b"],
      ["x-new", "gone"],
      ["x-replace", "1"],
      ["x-append", "first"],
    ];
    const answer = await gateway.fetch("/response", { headers: { "x-reply": JSON.stringify(reply) } });
    const values = (name: string) => valuesOf(answer, name);
    expect(answer.status).toBe(200);
    expect(values("x-remove")).toEqual([]);
    expect(values("x-old")).toEqual([]);
    expect(values("x-new")).toEqual(["a", "b"]);
    expect(values("x-replace")).toEqual(["new"]);
    expect(values("x-not-there")).toEqual([]);
    expect(values("x-add")).toEqual(["added"]);
    expect(values("x-append")).toEqual(["first", "last"]);
  });

  test("changes the gateway's own answers, too", async () => {
    const answer = await gateway.fetch("/reply-marked");
    expect(answer.status).toBe(503);
    expect(valuesOf(answer, "x-mark")).toEqual(["1"]);
  });
});

describe("reply", () => {
  test("a message is one line of JSON", async () => {
    const answer = await gateway.fetch("/reply-message");
    expect(answer.status).toBe(503);
    expect(answer.body).toBe('{"message":"So \\"long\\" and thanks"}');
    expect(valuesOf(answer, "content-type")).toEqual([jsonType]);
  });

  test("a body goes as it is", async () => {
    const answer = await gateway.fetch("/reply-body");
    expect([answer.status, answer.body]).toEqual([200, "<p>hello</p>"]);
    expect(valuesOf(answer, "content-type")).toEqual(["text/html"]);
    expect((await gateway.fetch("/reply-empty")).status).toBe(204);
  });

  test("with a trigger only when it is there", async () => {
    expect((await gateway.fetch("/reply-trigger")).status).toBe(200);
    expect((await gateway.fetch("/reply-trigger", { headers: { "x-trigger": "" } })).status).toBe(418);
    expect((await gateway.fetch("/reply-trigger?X-Trigger")).status).toBe(418);
    expect((await gateway.fetch("/reply-trigger?x-trigger=1")).status).toBe(200);
  });

  test("echo describes the request", async () => {
    const answer = await gateway.fetch("/reply-echo/x?a=1&b", { method: "PUT", headers: { "x-a": 'q"\t\u00fc' } });
    expect(valuesOf(answer, "content-type")).toEqual([jsonType]);
    expect(JSON.parse(answer.body)).toMatchObject({
      message: "echo",
      request: {
        method: "PUT",
        scheme: "http",
        host: "example.com",
        path: "/reply-echo/x",
        headers: { "x-a": 'q"\t\u00fc' },
        query: { a: "1", b: "" },
      },
    });
  });
});

test("a route without a sound program keeps everybody out", async () => {
  await gateway.setRoutes({
    "/no-program": { metadata: { id: "unknown-id" } },
    "/no-metadata": { metadata: {} },
    "/not-base64": { metadata: { id: "unknown-1", program: "*" } },
    "/cut": { metadata: { id: "unknown-2", program: "RFBLMQAAAAABAAAAAwAAAA" } },
    "/": "plain",
  });
  for (const path of ["/no-program", "/no-metadata", "/not-base64", "/cut"]) {
    const answer = await gateway.fetch(path);
    expect([path, answer.status, answer.body]).toEqual([path, 500, errorBody("An unexpected error occurred")]);
  }
  expect((await gateway.fetch("/other")).status).toBe(200);
});
