import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AclStep, BasicAuthStep, KeyAuthStep } from "#model/program.ts";
import { consumer, key, password } from "./consumers.ts";
import { errorBody, Gateway, jsonType, valuesOf } from "./gateway.ts";

const keyAuth: KeyAuthStep = {
  step: "key-auth",
  names: ["apikey", "X-Key"],
  inHeader: true,
  inQuery: true,
  hideCredentials: false,
  runOnPreflight: true,
  realm: "",
};
const basicAuth: BasicAuthStep = { step: "basic-auth", realm: "service", hideCredentials: false };
const acl = (lists: Partial<AclStep>): AclStep => ({
  step: "acl",
  allow: [],
  deny: [],
  hideGroupsHeader: false,
  ...lists,
});

let gateway: Gateway;

beforeAll(async () => {
  gateway = await Gateway.start({
    routes: {
      "/key-header-only": [{ ...keyAuth, inQuery: false }],
      "/key-query-only": [{ ...keyAuth, inHeader: false }],
      "/key-hidden": [{ ...keyAuth, hideCredentials: true, realm: "the house" }],
      "/key-no-preflight": [{ ...keyAuth, runOnPreflight: false }],
      "/key": [keyAuth],
      "/basic-hidden": [{ ...basicAuth, hideCredentials: true }],
      "/basic": [basicAuth],
      "/both": [keyAuth, basicAuth],
      "/acl-allow": [keyAuth, acl({ allow: ["staff", "guests"] })],
      "/acl-deny": [keyAuth, acl({ deny: ["guests"] })],
      "/acl-hidden": [keyAuth, acl({ allow: ["staff"], hideGroupsHeader: true })],
      "/acl-alone": [acl({ allow: ["staff"] })],
      "/": "plain",
    },
    consumers: [
      consumer("eve", [key("eve-key"), key("kéy with späces")], { customId: "17", groups: ["dev", "staff"] }),
      consumer("bob", [key("bob-key"), password("bob", "se:cret")], { groups: ["guests"] }),
      consumer("nobody", [key("nobody-key")]),
    ],
  });
}, 60_000);

afterAll(() => gateway.stop());

const caller = [
  "x-consumer-id",
  "x-consumer-username",
  "x-consumer-custom-id",
  "x-credential-identifier",
  "x-consumer-groups",
  "x-anonymous-consumer",
] as const;

/** What the application learned about the caller. */
function callerOf(answer: { seen: Parameters<typeof valuesOf>[0] }): Record<string, string[]> {
  return Object.fromEntries(
    caller.map((name) => [name, valuesOf(answer.seen, name)] as const).filter(([, values]) => values.length > 0),
  );
}

const eve = {
  "x-consumer-id": ["id-of-eve"],
  "x-consumer-username": ["eve"],
  "x-consumer-custom-id": ["17"],
  "x-credential-identifier": ["credential-eve-key"],
};
const bob = {
  "x-consumer-id": ["id-of-bob"],
  "x-consumer-username": ["bob"],
  "x-credential-identifier": ["credential-bob-key"],
};
const spoofed = Object.fromEntries(caller.map((name) => [name, "spoofed"]));

describe("key-auth", () => {
  const refused = async (path: string, message: string, headers = {}, challenge = "Key") => {
    const before = gateway.upstream.count;
    const answer = await gateway.fetch(path, { headers });
    expect({
      status: answer.status,
      body: answer.body,
      type: valuesOf(answer, "content-type"),
      challenge: valuesOf(answer, "www-authenticate"),
      asked: gateway.upstream.count - before,
    }).toEqual({ status: 401, body: errorBody(message), type: [jsonType], challenge: [challenge], asked: 0 });
  };

  test("lets a known key in and tells the application who calls", async () => {
    const answer = await gateway.fetch("/key", { headers: { apikey: "eve-key" } });
    expect(answer.status).toBe(200);
    expect(callerOf(answer)).toEqual(eve);
    expect(valuesOf(answer.seen, "apikey")).toEqual(["eve-key"]);
  });

  test("replaces what the client says of itself", async () => {
    const first = await gateway.fetch("/key", { headers: { apikey: "eve-key", ...spoofed } });
    expect(callerOf(first)).toEqual(eve);
    const second = await gateway.fetch("/key", { headers: { apikey: "bob-key", ...spoofed } });
    expect(callerOf(second)).toEqual(bob);
    const twice = await gateway.fetch("/key", {
      headers: { apikey: "bob-key", "x-consumer-id": ["a", "b"], "x-consumer-groups": ["a", "b"] },
    });
    expect(callerOf(twice)).toEqual(bob);
  });

  test("takes the names in turn, each in the header and then in the query", async () => {
    expect((await gateway.fetch("/key?apikey=eve-key")).status).toBe(200);
    expect((await gateway.fetch("/key?X-Key=eve-key&a=1")).status).toBe(200);
    expect((await gateway.fetch("/key", { headers: { "x-KEY": "eve-key" } })).status).toBe(200);
    await refused("/key?APIKEY=eve-key", "No API key found in request");
    const both = await gateway.fetch("/key?apikey=wrong", { headers: { apikey: "eve-key", "x-key": "wrong" } });
    expect(both.status).toBe(200);
  });

  test("decodes names and values of the query", async () => {
    const encoded = encodeURIComponent("kéy with späces");
    expect((await gateway.fetch(`/key?a=b&api%6Bey=${encoded}`)).status).toBe(200);
    expect((await gateway.fetch(`/key?apikey=${encoded.replaceAll("%20", "+")}`)).status).toBe(200);
  });

  test("looks only where it may", async () => {
    expect((await gateway.fetch("/key-header-only", { headers: { apikey: "eve-key" } })).status).toBe(200);
    await refused("/key-header-only?apikey=eve-key", "No API key found in request");
    expect((await gateway.fetch("/key-query-only?apikey=eve-key")).status).toBe(200);
    await refused("/key-query-only", "No API key found in request", { apikey: "eve-key" });
  });

  test("refuses a request without a key", async () => {
    await refused("/key", "No API key found in request");
    await refused("/key", "No API key found in request", { apikey: "" });
    await refused("/key?apikey", "No API key found in request");
    await refused("/key?apikey=", "No API key found in request");
    await refused("/key-hidden", "No API key found in request", {}, 'Key realm="the house"');
  });

  test("refuses an unknown key", async () => {
    await refused("/key", "Unauthorized", { apikey: "eve-keyy" });
    await refused("/key", "Unauthorized", { apikey: "bob:se:cret" });
    await refused("/key", "Unauthorized", { apikey: "x".repeat(5000) });
  });

  test("refuses a repeated key", async () => {
    await refused("/key", "Duplicate API key found", { apikey: ["eve-key", "eve-key"] });
    await refused("/key?apikey=eve-key&a=1&apikey=bob-key", "Duplicate API key found");
  });

  test("hides the key from the application", async () => {
    const header = await gateway.fetch("/key-hidden?apikey=x&a=1&b=%20", { headers: { apikey: "eve-key" } });
    expect(header.seen?.url).toBe("/key-hidden?a=1&b=%20");
    expect(valuesOf(header.seen, "apikey")).toEqual([]);
    expect(callerOf(header)).toEqual(eve);
    expect((await gateway.fetch("/key-hidden?apikey=eve-key")).seen?.url).toBe("/key-hidden");
    expect((await gateway.fetch("/key-hidden?&a&apikey=eve-key&&b=")).seen?.url).toBe("/key-hidden?a&b=");
  });

  test("asks preflights too, unless it is told otherwise", async () => {
    expect((await gateway.fetch("/key", { method: "OPTIONS" })).status).toBe(401);
    const free = await gateway.fetch("/key-no-preflight", { method: "OPTIONS", headers: spoofed });
    expect(free.status).toBe(200);
    expect(callerOf(free)).toEqual({});
    await refused("/key-no-preflight", "No API key found in request");
  });

  test("leaves other routes alone", async () => {
    const plain = await gateway.fetch("/plain", { headers: { "x-consumer-id": "me" } });
    expect(valuesOf(plain.seen, "x-consumer-id")).toEqual(["me"]);
  });
});

describe("basic-auth", () => {
  const basic = (pair: string, scheme = "Basic ") => `${scheme}${Buffer.from(pair).toString("base64")}`;
  const fetchWith = (authorization: string) => gateway.fetch("/basic", { headers: { authorization } });

  test("lets a known name and password in", async () => {
    const answer = await fetchWith(basic("bob:se:cret"));
    expect(answer.status).toBe(200);
    expect(callerOf(answer)).toEqual({ ...bob, "x-credential-identifier": ["bob"] });
  });

  test("reads the header as Kong does", async () => {
    expect((await fetchWith(basic("bob:se:cret", "basic  "))).status).toBe(200);
    expect((await fetchWith(basic("bob:se:cret", "Digest x, Basic "))).status).toBe(200);
    expect((await fetchWith(basic("bob:se:cret").replace(/=+$/, ""))).status).toBe(200);
    expect((await fetchWith(basic("::bob:se:cret"))).status).toBe(200);
  });

  test("takes the credential for the proxy, too", async () => {
    const answer = await gateway.fetch("/basic", { headers: { "proxy-authorization": basic("bob:se:cret") } });
    expect(answer.status).toBe(200);
  });

  test.each([
    ["nothing", undefined],
    ["a wrong password", basic("bob:secret")],
    ["an unknown name", basic("eve:se:cret")],
    ["no colon", basic("bob")],
    ["only colons", basic(":::")],
    ["bad base64", "Basic b*b"],
    ["an empty credential", "Basic "],
    ["another scheme", "Bearer abc"],
    ["a key", basic("kbob-key")],
  ])("refuses %s", async (_, authorization) => {
    const answer = await gateway.fetch("/basic", {
      headers: authorization === undefined ? {} : { authorization },
    });
    expect(answer.status).toBe(401);
    expect(answer.body).toBe(errorBody("Unauthorized"));
    expect(valuesOf(answer, "content-type")).toEqual([jsonType]);
    expect(valuesOf(answer, "www-authenticate")).toEqual(['Basic realm="service"']);
  });

  test("hides the credential from the application", async () => {
    const answer = await gateway.fetch("/basic-hidden", { headers: { authorization: basic("bob:se:cret") } });
    expect(answer.status).toBe(200);
    expect(valuesOf(answer.seen, "authorization")).toEqual([]);
  });

  test("two authentications must both hold; the later one tells who calls", async () => {
    const authorization = basic("bob:se:cret");
    const both = await gateway.fetch("/both", { headers: { apikey: "eve-key", authorization } });
    expect(callerOf(both)).toEqual({ ...bob, "x-credential-identifier": ["bob"] });
    expect((await gateway.fetch("/both", { headers: { apikey: "eve-key" } })).status).toBe(401);
    expect((await gateway.fetch("/both", { headers: { authorization } })).status).toBe(401);
  });
});

describe("acl", () => {
  const fetchAs = (path: string, apikey: string) => gateway.fetch(path, { headers: { apikey, ...spoofed } });

  test("lets consumers of a group in and passes their groups on", async () => {
    expect(callerOf(await fetchAs("/acl-allow", "eve-key"))).toEqual({
      ...eve,
      "x-consumer-groups": ["dev, staff"],
    });
    expect(callerOf(await fetchAs("/acl-hidden", "eve-key"))).toEqual(eve);
    expect((await fetchAs("/acl-deny", "eve-key")).status).toBe(200);
    expect(callerOf(await fetchAs("/acl-deny", "nobody-key"))["x-consumer-groups"]).toBeUndefined();
  });

  test.each([
    ["/acl-hidden", "bob-key"],
    ["/acl-allow", "nobody-key"],
    ["/acl-deny", "bob-key"],
  ])("%s refuses %s", async (path, apikey) => {
    const answer = await fetchAs(path, apikey);
    expect(answer.status).toBe(403);
    expect(answer.body).toBe(errorBody("You cannot consume this service"));
    expect(valuesOf(answer, "content-type")).toEqual([jsonType]);
  });

  test("refuses when nobody is authenticated", async () => {
    const answer = await gateway.fetch("/acl-alone");
    expect(answer.status).toBe(401);
    expect(answer.body).toBe(errorBody("Unauthorized"));
    expect(valuesOf(answer, "www-authenticate")).toEqual([]);
  });
});
