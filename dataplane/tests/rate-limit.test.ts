import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { KeyAuthStep, RateLimitStep } from "#model/program.ts";
import { consumer, key } from "./consumers.ts";
import { type Answer, errorBody, Gateway, jsonType, type Routes, valuesOf } from "./gateway.ts";

const keyAuth: KeyAuthStep = {
  step: "key-auth",
  names: ["apikey"],
  inHeader: true,
  inQuery: true,
  hideCredentials: false,
  runOnPreflight: true,
  realm: "",
};

function limit(counter: string, windows: RateLimitStep["windows"], more: Partial<RateLimitStep> = {}): RateLimitStep {
  return {
    step: "rate-limit",
    counter,
    windows,
    by: { kind: "ip" },
    hideHeaders: false,
    status: 429,
    message: "API rate limit exceeded",
    faultTolerant: true,
    ...more,
  };
}

const year = (n: number) => [{ unit: "year", limit: n }] as const;

const routes = {
  "/windows": [
    limit("windows", [
      { unit: "day", limit: 100 },
      { unit: "month", limit: 3 },
      { unit: "year", limit: 3 },
    ]),
  ],
  "/own-words": [limit("own-words", year(1), { status: 503, message: 'Slow "down"', hideHeaders: true })],
  "/consumer": [keyAuth, limit("consumer", year(2), { by: { kind: "consumer" } })],
  "/credential": [keyAuth, limit("credential", year(2), { by: { kind: "credential" } })],
  "/no-caller": [limit("no-caller", year(2), { by: { kind: "consumer" } })],
  "/header": [limit("header", year(2), { by: { kind: "header", name: "X-Client" } })],
  "/path": [limit("path", year(2), { by: { kind: "path", path: "/path/a" } })],
  "/service": [limit("service", year(2), { by: { kind: "service" } })],
  "/shared-1": [limit("together", year(3), { by: { kind: "service" } })],
  "/shared-2": [limit("together", year(3), { by: { kind: "service" } })],
  "/load": [limit("load", [{ unit: "month", limit: 300 }, { unit: "year", limit: 500 }], { by: { kind: "service" } })],
  "/second": [limit("second", [{ unit: "second", limit: 1 }])],
  "/survive": [limit("survive", year(10), { by: { kind: "service" } })],
  "/replied": [
    limit("replied", year(10)),
    { step: "reply", status: 418, message: "I'm a teapot" },
  ],
} satisfies Routes;

let gateway: Gateway;

beforeAll(async () => {
  gateway = await Gateway.start({
    routes,
    consumers: [
      consumer("eve", [key("eve-1"), key("eve-2")]),
      consumer("bob", [key("bob-1")]),
    ],
  });
}, 60_000);

afterAll(() => gateway.stop());

const numbers = (answer: Answer) =>
  Object.fromEntries(
    answer.headers
      .filter(([name]) => /ratelimit|retry-after/.test(name))
      .map(([name, value]) => [name, Number(value)]),
  );

const from = (ip: string) => ({ headers: { "x-forwarded-for": ip } });
const statuses = async (count: number, path: string, options = {}) => {
  const all: number[] = [];
  for (let i = 0; i < count; i++) all.push((await gateway.fetch(path, options)).status);
  return all;
};

/** Seconds of this year (UTC) so far. */
function passedOfYear(): number {
  const now = new Date();
  return Math.floor((now.getTime() - Date.UTC(now.getUTCFullYear(), 0)) / 1000);
}

describe("windows", () => {
  test("count down together, and the closest one is told", async () => {
    const first = await gateway.fetch("/windows");
    // Of two that are equally close, the longer one; Kong's year has 365 days.
    const reset = Math.max(1, 365 * 86400 - passedOfYear());
    const { "ratelimit-reset": told, ...rest } = numbers(first);
    expect(Math.abs((told ?? 0) - reset)).toBeLessThan(3);
    expect(rest).toEqual({
      "x-ratelimit-limit-day": 100,
      "x-ratelimit-remaining-day": 99,
      "x-ratelimit-limit-month": 3,
      "x-ratelimit-remaining-month": 2,
      "x-ratelimit-limit-year": 3,
      "x-ratelimit-remaining-year": 2,
      "ratelimit-limit": 3,
      "ratelimit-remaining": 2,
    });
    expect(await statuses(2, "/windows")).toEqual([200, 200]);
  });

  test("a refused request counts in none of them", async () => {
    const before = gateway.upstream.count;
    for (let i = 0; i < 3; i++) {
      const refused = await gateway.fetch("/windows");
      expect(refused.status).toBe(429);
      expect(refused.body).toBe(errorBody("API rate limit exceeded"));
      expect(valuesOf(refused, "content-type")).toEqual([jsonType]);
      expect(numbers(refused)).toMatchObject({
        "x-ratelimit-remaining-day": 97,
        "x-ratelimit-remaining-month": 0,
        "x-ratelimit-remaining-year": 0,
        "ratelimit-remaining": 0,
      });
      expect(numbers(refused)["retry-after"]).toBe(numbers(refused)["ratelimit-reset"]);
    }
    expect(gateway.upstream.count).toBe(before);
  });

  test("a second is over after a second", async () => {
    const seen = new Set<number>();
    const end = Date.now() + 2500;
    let allowed = 0;
    while (Date.now() < end) {
      const answer = await gateway.fetch("/second");
      seen.add(answer.status);
      if (answer.status === 200) allowed++;
      expect(numbers(answer)["ratelimit-reset"]).toBe(1);
    }
    expect([...seen].sort()).toEqual([200, 429]);
    expect(allowed).toBeGreaterThanOrEqual(3);
    expect(allowed).toBeLessThanOrEqual(4);
  });

  test("a refusal can have words and a status of its own, and no headers", async () => {
    expect(numbers(await gateway.fetch("/own-words"))).toEqual({});
    const refused = await gateway.fetch("/own-words");
    expect(refused.status).toBe(503);
    expect(JSON.parse(refused.body)).toEqual({ message: 'Slow "down"' });
    expect(numbers(refused)).toEqual({});
  });

  test("a later step's own answer has the headers, too", async () => {
    const answer = await gateway.fetch("/replied");
    expect(answer.status).toBe(418);
    expect(answer.body).toBe(`{"message":"I'm a teapot"}`);
    expect(numbers(answer)).toMatchObject({ "x-ratelimit-remaining-year": 9, "ratelimit-limit": 10 });
  });
});

describe("identifiers", () => {
  test("consumer: all keys of one together", async () => {
    const as = (apikey: string) => ({ headers: { apikey } });
    expect(await statuses(1, "/consumer", as("eve-1"))).toEqual([200]);
    expect(await statuses(2, "/consumer", as("eve-2"))).toEqual([200, 429]);
    expect(await statuses(1, "/consumer", as("bob-1"))).toEqual([200]);
  });

  test("credential: each key for itself", async () => {
    const as = (apikey: string) => ({ headers: { apikey } });
    expect(await statuses(3, "/credential", as("eve-1"))).toEqual([200, 200, 429]);
    expect(await statuses(1, "/credential", as("eve-2"))).toEqual([200]);
  });

  test("the address stands in for a caller who is not known", async () => {
    expect(await statuses(3, "/no-caller", from("192.0.2.1"))).toEqual([200, 200, 429]);
    expect(await statuses(3, "/no-caller", from("2001:db8::1"))).toEqual([200, 200, 429]);
    expect(await statuses(1, "/no-caller", from("2001:db8::2"))).toEqual([200]);
  });

  test("header: by its value, else by address", async () => {
    const as = (client: string) => ({ headers: { "x-client": client, "x-forwarded-for": "192.0.2.9" } });
    expect(await statuses(3, "/header", as("a"))).toEqual([200, 200, 429]);
    expect(await statuses(1, "/header", as("b"))).toEqual([200]);
    expect(await statuses(3, "/header", from("192.0.2.9"))).toEqual([200, 200, 429]);
    expect(await statuses(1, "/header", from("192.0.2.10"))).toEqual([200]);
  });

  test("path: that path for all, others by address", async () => {
    expect(await statuses(1, "/path/a?x=1", from("192.0.2.1"))).toEqual([200]);
    expect(await statuses(2, "/path/a", from("192.0.2.2"))).toEqual([200, 429]);
    expect(await statuses(3, "/path/b", from("192.0.2.1"))).toEqual([200, 200, 429]);
    expect(await statuses(1, "/path/b", from("192.0.2.2"))).toEqual([200]);
  });

  test("service: all callers together", async () => {
    expect(await statuses(1, "/service", from("192.0.2.1"))).toEqual([200]);
    expect(await statuses(2, "/service", from("192.0.2.2"))).toEqual([200, 429]);
  });

  test("routes with the same counter share it", async () => {
    expect(await statuses(2, "/shared-1")).toEqual([200, 200]);
    expect(await statuses(2, "/shared-2")).toEqual([200, 429]);
  });
});

test("a limit is exact over all workers under load", async () => {
  const answers = await Promise.all(
    Array.from({ length: 32 }, async (_, connection) => {
      const seen: Answer[] = [];
      // Every second client opens a connection for each request, which any worker may take.
      const fresh = connection % 2 === 0;
      for (let i = 0; i < 30; i++) seen.push(await gateway.fetch("/load", { fresh }));
      return seen;
    }),
  );
  const allowed = answers.flat().filter(({ status }) => status === 200);
  expect(allowed).toHaveLength(300);
  // Each of them was the only one to see its count.
  const remaining = allowed.map((answer) => numbers(answer)["x-ratelimit-remaining-month"] ?? -1);
  expect(remaining.sort((a, b) => a - b)).toEqual(Array.from({ length: 300 }, (_, i) => i));
  const connections = await gateway.admin.stats("listener\\..*worker_.\\.downstream_cx_total");
  expect([...connections.values()].filter((count) => count > 0)).toHaveLength(2);
});

test("counters survive changes of routes, of the limit and of credentials", async () => {
  expect(numbers(await gateway.fetch("/survive"))["ratelimit-remaining"]).toBe(9);
  await gateway.setRoutes({
    ...routes,
    "/survive": [limit("survive", year(12), { by: { kind: "service" } })],
  });
  expect(numbers(await gateway.fetch("/survive"))["ratelimit-remaining"]).toBe(10);
  await gateway.setConsumers([consumer("new", [key("new-key")])]);
  expect(numbers(await gateway.fetch("/survive"))["ratelimit-remaining"]).toBe(9);
  await gateway.setRoutes({
    ...routes,
    "/survive": [
      limit("survive", [{ unit: "month", limit: 5 }, ...year(12)], { by: { kind: "service" } }),
    ],
  });
  expect(numbers(await gateway.fetch("/survive"))).toMatchObject({
    "x-ratelimit-remaining-month": 4,
    "x-ratelimit-remaining-year": 8,
  });
  expect(gateway.refusals).toEqual([]);
});
