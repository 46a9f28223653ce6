import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CorsStep, KeyAuthStep } from "#model/program.ts";
import { type Answer, Gateway } from "./gateway.ts";

const cors = (more: Partial<CorsStep> = {}): CorsStep => ({
  step: "cors",
  origins: [],
  originPatterns: [],
  methods: ["GET", "POST"],
  headers: [],
  exposedHeaders: [],
  credentials: false,
  privateNetwork: false,
  preflightContinue: false,
  allowOriginAbsent: true,
  ...more,
});

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
    routes: {
      "/any-credentials": [cors({ credentials: true })],
      "/any": [cors()],
      "/one": [cors({ origins: ["http://one.example"] })],
      "/list": [
        cors({ origins: ["http://a.example", "https://b.example:443", "null"], exposedHeaders: ["x-a", "x-b"] }),
      ],
      "/pattern": [
        cors({ originPatterns: ["https?://[a-z]+\\.example\\.(com|org)(:\\d{2,5})?", "(?i)app://.*"], credentials: true }),
      ],
      "/full": [
        cors({ headers: ["x-one", "x-two"], maxAge: 600, privateNetwork: true, exposedHeaders: ["x-total"] }),
      ],
      "/continue": [cors({ preflightContinue: true })],
      "/needs-origin": [cors({ allowOriginAbsent: false })],
      "/key": [cors({ origins: ["http://one.example", "http://two.example"] }), keyAuth],
    },
  });
}, 60_000);

afterAll(() => gateway.stop());

/** What concerns cors in an answer. */
const marks = (answer: Answer) =>
  answer.headers
    .filter(([name]) => name.startsWith("access-control-") || name === "vary")
    .map(([name, value]) => `${name}: ${value}`)
    .sort();

const preflight = (path: string, origin: string, headers = {}) =>
  gateway.fetch(path, {
    method: "OPTIONS",
    headers: { origin, "access-control-request-method": "GET", ...headers },
  });

const call = (path: string, origin?: string, reply: [string, string][] = []) =>
  gateway.fetch(path, {
    headers: { ...(origin === undefined ? {} : { origin }), "x-reply": JSON.stringify(reply) },
  });

const methods = "access-control-allow-methods: GET,POST";

describe("preflights", () => {
  test("are answered without asking the application", async () => {
    const before = gateway.upstream.count;
    const answer = await preflight("/any", "http://x.example");
    expect(answer.status).toBe(200);
    expect(answer.body).toBe("");
    expect(answer.headers.filter(([name]) => name === "content-type")).toEqual([]);
    expect(marks(answer)).toEqual([methods, "access-control-allow-origin: *"]);
    expect(gateway.upstream.count).toBe(before);
  });

  test("tell all that is set", async () => {
    const answer = await preflight("/full", "http://x.example", {
      "access-control-request-headers": "x-wish",
      "access-control-request-private-network": "true",
    });
    expect(marks(answer)).toEqual([
      "access-control-allow-headers: x-one,x-two",
      methods,
      "access-control-allow-origin: *",
      "access-control-allow-private-network: true",
      "access-control-max-age: 600",
    ]);
  });

  test("get the headers they wish for when none are set", async () => {
    const answer = await preflight("/any", "http://x.example", {
      "access-control-request-headers": "X-Wish, Y",
      "access-control-request-private-network": "true",
    });
    expect(marks(answer)).toContain("access-control-allow-headers: X-Wish, Y");
    expect(marks(answer)).not.toContain("access-control-allow-private-network: true");
  });

  test("of a refused origin are answered, too, without an allowed origin", async () => {
    const answer = await preflight("/list", "http://c.example");
    expect(answer.status).toBe(200);
    expect(marks(answer)).toEqual([methods, "vary: Origin"]);
  });

  test("name the origin when credentials may be sent", async () => {
    expect(marks(await preflight("/any-credentials", "http://x.example"))).toEqual([
      "access-control-allow-credentials: true",
      methods,
      "access-control-allow-origin: http://x.example",
      "vary: Origin",
    ]);
  });

  test("come before authentication", async () => {
    expect((await preflight("/key", "http://one.example")).status).toBe(200);
  });

  test("can be left to the application, whose answer stays as it is", async () => {
    const answer = await preflight("/continue", "http://x.example");
    expect(answer.seen?.method).toBe("OPTIONS");
    expect(marks(answer)).toEqual([]);
  });

  test("are only those with an origin and a method", async () => {
    const without = await gateway.fetch("/any", { method: "OPTIONS", headers: { origin: "http://x.example" } });
    expect(without.seen?.method).toBe("OPTIONS");
    expect(marks(without)).toEqual(["access-control-allow-origin: *"]);
  });
});

describe("other requests", () => {
  test("any origin: a star, also without an origin", async () => {
    expect(marks(await call("/any"))).toEqual(["access-control-allow-origin: *"]);
    expect(marks(await call("/any", "http://x.example"))).toEqual(["access-control-allow-origin: *"]);
    expect(marks(await call("/needs-origin"))).toEqual([]);
    expect(marks(await call("/needs-origin", "http://x.example"))).toEqual(["access-control-allow-origin: *"]);
  });

  test("any origin with credentials: the origin itself", async () => {
    expect(marks(await call("/any-credentials"))).toEqual(["access-control-allow-origin: *"]);
    expect(marks(await call("/any-credentials", "http://x.example"))).toEqual([
      "access-control-allow-credentials: true",
      "access-control-allow-origin: http://x.example",
      "vary: Origin",
    ]);
  });

  test("one plain origin is always named", async () => {
    const named = ["access-control-allow-origin: http://one.example", "vary: Origin"];
    expect(marks(await call("/one"))).toEqual(named);
    expect(marks(await call("/one", "http://other.example"))).toEqual(named);
  });

  test.each([
    ["http://a.example", "http://a.example"],
    ["http://a.example:80", "http://a.example"],
    ["https://b.example", "https://b.example"],
    ["https://b.example:443", "https://b.example"],
    ["null", "null"],
    ["https://a.example", undefined],
    ["http://a.example:8080", undefined],
    ["http://A.example", undefined],
  ])("from a list: %s is answered %s", async (origin, allowed) => {
    expect(marks(await call("/list", origin))).toEqual([
      ...(allowed === undefined ? [] : [`access-control-allow-origin: ${allowed}`]),
      "access-control-expose-headers: x-a,x-b",
      "vary: Origin",
    ]);
  });

  test.each([
    ["http://foo.example.com", "http://foo.example.com"],
    ["https://foo.example.org:8443", "https://foo.example.org:8443"],
    ["https://foo.example.org:443", "https://foo.example.org"],
    ["APP://anything at all", "APP://anything at all"],
    ["http://foo.example.net", undefined],
    ["http://foo.example.com.evil", undefined],
    ["xhttp://foo.example.com", undefined],
    ["http://foo1.example.com", undefined],
  ])("from patterns: %s is answered %s", async (origin, allowed) => {
    expect(marks(await call("/pattern", origin))).toEqual([
      "access-control-allow-credentials: true",
      ...(allowed === undefined ? [] : [`access-control-allow-origin: ${allowed}`]),
      "vary: Origin",
    ]);
  });

  test("the application's own marks give way", async () => {
    const reply: [string, string][] = [
      ["access-control-allow-origin", "http://mine.example"],
      ["vary", "Accept"],
    ];
    expect(marks(await call("/any", "http://x.example", reply))).toEqual([
      "access-control-allow-origin: *",
      "vary: Accept",
    ]);
    expect(marks(await call("/list", "http://c.example", reply))).toEqual([
      "access-control-expose-headers: x-a,x-b",
      "vary: Accept,Origin",
    ]);
  });

  test("answers of the gateway are marked, too", async () => {
    const answer = await call("/key", "http://two.example");
    expect(answer.status).toBe(401);
    expect(marks(answer)).toEqual(["access-control-allow-origin: http://two.example", "vary: Origin"]);
  });
});
