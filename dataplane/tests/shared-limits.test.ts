import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AclStep, KeyAuthStep, RateLimitStep } from "#model/program.ts";
import { type RunningServices, runServices } from "#services/services-process.ts";
import { startRedis, type TestRedis } from "#services/start-redis.ts";
import { consumer, key } from "./consumers.ts";
import { type Answer, errorBody, Gateway, type Routes, until, valuesOf } from "./gateway.ts";

const keyAuth: KeyAuthStep = {
  step: "key-auth",
  names: ["apikey"],
  inHeader: true,
  inQuery: true,
  hideCredentials: false,
  runOnPreflight: true,
  realm: "",
};
const acl: AclStep = { step: "acl", allow: ["staff"], deny: [], hideGroupsHeader: false };

function limit(counter: string, most: number, syncRate: number, more: Partial<RateLimitStep> = {}): RateLimitStep {
  return {
    step: "rate-limit",
    counter,
    windows: [
      { unit: "month", limit: most },
      { unit: "year", limit: most + 100 },
    ],
    by: { kind: "service" },
    hideHeaders: false,
    status: 429,
    message: "API rate limit exceeded",
    faultTolerant: true,
    shared: { store: "main", syncRate, timeoutMs: 500 },
    ...more,
  };
}

const routes: Routes = {
  "/asked-load": [limit("asked-load", 200, -1)],
  "/asked-strict": [limit("asked-strict", 1000, -1, { faultTolerant: false })],
  "/asked-tolerant": [limit("asked-tolerant", 1000, -1)],
  "/asked": [limit("asked", 3, -1)],
  "/consumer": [keyAuth, acl, limit("consumer", 2, -1, { by: { kind: "consumer" } })],
  "/header": [limit("header", 2, -1, { by: { kind: "header", name: "x-client" } })],
  "/synced-load": [limit("synced-load", 30, 0.05)],
  "/synced": [limit("synced", 100, 0.1)],
};

let directory: string;
let redis: TestRedis;
let services: RunningServices;
let one: Gateway;
let two: Gateway;

const startServices = async () => {
  services = await runServices({
    socketPath: join(directory, "s"),
    configPath: join(directory, "services.json"),
    log: silent,
  });
};
const silent = { debug() {}, info() {}, warn() {}, error() {} };

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "dx-"));
  redis = await startRedis();
  const store = {
    id: "main",
    host: "127.0.0.1",
    port: redis.port,
    database: 0,
    ssl: false,
    sslVerify: false,
    timeoutMs: 500,
  };
  writeFileSync(join(directory, "services.json"), JSON.stringify({ stores: [store] }));
  await startServices();
  const consumers = [consumer("eve", [key("eve-key")], { groups: ["staff"] })];
  const servicesSocket = join(directory, "s");
  one = await Gateway.start({ routes, consumers, servicesSocket });
  two = await Gateway.start({ routes, consumers, servicesSocket });
}, 60_000);

afterAll(async () => {
  await one?.stop();
  await two?.stop();
  await services?.close();
  await redis?.stop();
  rmSync(directory, { recursive: true, force: true });
});

const remaining = (answer: Answer) => Number(valuesOf(answer, "x-ratelimit-remaining-month")[0] ?? Number.NaN);

test("asked for each request: one count for all gateways, and Kong's headers", async () => {
  const first = await one.fetch("/asked");
  expect(first.status).toBe(200);
  expect(remaining(first)).toBe(2);
  expect(valuesOf(first, "x-ratelimit-limit-year")).toEqual(["103"]);
  expect(valuesOf(first, "ratelimit-remaining")).toEqual(["2"]);
  expect(remaining(await two.fetch("/asked"))).toBe(1);
  expect(remaining(await one.fetch("/asked"))).toBe(0);
  const refused = await two.fetch("/asked");
  expect(refused.status).toBe(429);
  expect(refused.body).toBe(errorBody("API rate limit exceeded"));
  expect(valuesOf(refused, "retry-after")).toEqual(valuesOf(refused, "ratelimit-reset"));
  // A refused request counts in no window.
  expect(valuesOf(refused, "x-ratelimit-remaining-year")).toEqual(["100"]);
});

test("a paused request keeps its caller", async () => {
  const answer = await one.fetch("/consumer", { headers: { apikey: "eve-key", "x-consumer-id": "me" } });
  expect(answer.status).toBe(200);
  expect(valuesOf(answer.seen, "x-consumer-id")).toEqual(["id-of-eve"]);
  expect(valuesOf(answer.seen, "x-consumer-username")).toEqual(["eve"]);
  expect(valuesOf(answer.seen, "x-consumer-groups")).toEqual(["staff"]);
});

test("a paused request keeps its body", async () => {
  const answer = await one.fetch("/asked-tolerant", { method: "POST", body: "x".repeat(100_000) });
  expect(answer.seen?.method).toBe("POST");
  expect(valuesOf(answer.seen, "content-length")).toEqual(["100000"]);
});

test("any value of a header is an identifier", async () => {
  for (const client of ['"\\', "\u00fc\u00ff", "a".repeat(3000)]) {
    const options = { headers: { "x-client": client } };
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await one.fetch("/header", options)).status);
    expect(statuses).toEqual([200, 200, 429]);
  }
});

test("asked for each request: exact under load on both gateways", async () => {
  const answers = await Promise.all(
    [one, two].flatMap((gateway) =>
      Array.from({ length: 10 }, async () => {
        let allowed = 0;
        for (let i = 0; i < 15; i++) if ((await gateway.fetch("/asked-load")).status === 200) allowed++;
        return allowed;
      }),
    ),
  );
  expect(answers.reduce((sum, count) => sum + count, 0)).toBe(200);
});

test("synchronised: each counts at once, and soon knows what the others counted", async () => {
  for (let i = 0; i < 10; i++) expect(remaining(await one.fetch("/synced"))).toBe(99 - i);
  for (let i = 0; i < 5; i++) await two.fetch("/synced");
  await new Promise((resolve) => setTimeout(resolve, 600));
  expect(remaining(await one.fetch("/synced"))).toBe(100 - 16);
  await new Promise((resolve) => setTimeout(resolve, 600));
  // Who was silent for a while learns with the next synchronisation.
  await two.fetch("/synced");
  await new Promise((resolve) => setTimeout(resolve, 600));
  expect(remaining(await two.fetch("/synced"))).toBe(100 - 18);
});

test("synchronised: the limit holds for the sum, within what one period lets through", async () => {
  const statuses: number[] = [];
  for (let i = 0; i < 40; i++) {
    statuses.push((await one.fetch("/synced-load", { fresh: true })).status);
    statuses.push((await two.fetch("/synced-load", { fresh: true })).status);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  const allowed = statuses.filter((status) => status === 200).length;
  expect(allowed).toBeGreaterThanOrEqual(30);
  expect(allowed).toBeLessThanOrEqual(44);
  expect(statuses.slice(-4)).toEqual([429, 429, 429, 429]);
});

test("without Redis: allowed without headers, or 500, as it was told; later all is well again", async () => {
  expect(remaining(await one.fetch("/asked-tolerant"))).toBeGreaterThan(0);
  redis.pause();
  const tolerant = await one.fetch("/asked-tolerant");
  expect(tolerant.status).toBe(200);
  expect(tolerant.headers.filter(([name]) => name.includes("ratelimit"))).toEqual([]);
  const strict = await one.fetch("/asked-strict");
  expect(strict.status).toBe(500);
  expect(strict.body).toBe(errorBody("An unexpected error occurred"));
  redis.resume();
  await until(async () => remaining(await one.fetch("/asked-strict")) > 0, 5000);
});

test("without the services process likewise", async () => {
  await services.close();
  const tolerant = await one.fetch("/asked-tolerant");
  expect(tolerant.status).toBe(200);
  expect(tolerant.headers.filter(([name]) => name.includes("ratelimit"))).toEqual([]);
  expect((await one.fetch("/asked-strict")).status).toBe(500);
  const before = remaining(await one.fetch("/synced"));
  expect(before).toBeGreaterThan(0);
  await new Promise((resolve) => setTimeout(resolve, 300));
  await startServices();
  await until(async () => remaining(await one.fetch("/asked-strict")) > 0, 10_000);
});
