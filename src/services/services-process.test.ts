import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Log } from "#telemetry/log.ts";
import { calendarWindow, type rateLimitUnits } from "./calendar-window.ts";
import type { StoreConfig } from "./services-config.ts";
import { type RunningServices, runServices } from "./services-process.ts";
import { counterKey } from "./shared-counters.ts";
import { startRedis, type TestRedis } from "./start-redis.ts";

type Unit = (typeof rateLimitUnits)[number];

let folder: string;
const running: { stop(): Promise<unknown> | unknown }[] = [];
const logged: string[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "diolkos-services-"));
  logged.length = 0;
});

afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
  rmSync(folder, { recursive: true });
});

async function redis(...args: Parameters<typeof startRedis>): Promise<TestRedis> {
  const started = await startRedis(...args);
  running.push(started);
  return started;
}

function store(port: number, more: Partial<StoreConfig> = {}): StoreConfig {
  return {
    id: "main",
    host: "127.0.0.1",
    port,
    database: 0,
    ssl: false,
    sslVerify: false,
    timeoutMs: 1000,
    ...more,
  };
}

/** As the control plane writes it: complete, private, at once. */
function writeConfig(name: string, content: string): string {
  const path = join(folder, `${name}.json`);
  writeFileSync(`${path}.new`, content, { mode: 0o600 });
  renameSync(`${path}.new`, path);
  return path;
}

interface Answer {
  readonly status: number;
  readonly body: { allowed?: boolean; used?: number[]; error?: string };
  readonly ms: number;
}

interface Service {
  readonly services: RunningServices;
  readonly socketPath: string;
  configure(...stores: StoreConfig[]): void;
  send(method: string, path: string, body?: string): Promise<{ status: number; text: string }>;
  post(path: string, body: unknown): Promise<Answer>;
  check(identifier: string, windows: Partial<Record<Unit, number>>, now?: number): Promise<Answer>;
}

const recordLog = (level: string) => (message: string, fields?: object) => {
  logged.push(`${level} ${JSON.stringify(fields)} ${message}`);
};
const log: Log = {
  debug: recordLog("debug"),
  info: recordLog("info"),
  warn: recordLog("warn"),
  error: recordLog("error"),
};

async function service(stores: readonly StoreConfig[], name = "one"): Promise<Service> {
  const socketPath = join(folder, `${name}.sock`);
  const configPath = writeConfig(name, JSON.stringify({ stores }));
  const services = await runServices({ socketPath, configPath, log });
  const agent = new Agent({ keepAlive: true });
  running.push({
    stop: async () => {
      await services.close();
      agent.destroy();
    },
  });
  const send = (method: string, path: string, body?: string) =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      const sent = request({ socketPath, agent, method, path }, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk) => {
          text += chunk;
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
        response.on("error", reject);
      });
      sent.on("error", reject).end(body);
    });
  const post = async (path: string, body: unknown) => {
    const started = performance.now();
    const { status, text } = await send("POST", path, JSON.stringify(body));
    return { status, body: JSON.parse(text), ms: performance.now() - started };
  };
  return {
    services,
    socketPath,
    configure: (...next) => void writeConfig(name, JSON.stringify({ stores: next })),
    send,
    post,
    check: (identifier, windows, now = Date.now()) =>
      post("/v1/limits/check", {
        store: "main",
        counter: "rl",
        identifier,
        now,
        windows: Object.entries(windows).map(([unit, limit]) => ({ unit, limit })),
      }),
  };
}

const noon = Date.parse("2026-08-07T12:00:30Z");

test("of 200 requests at once exactly as many pass as the limit says, over two services", async () => {
  const { port } = await redis();
  const both = [await service([store(port)], "one"), await service([store(port)], "two")];
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, i) => both[i % 2]?.check("ada", { minute: 50, hour: 1000 }, noon)),
  );
  const allowed = answers.filter((answer) => answer?.body.allowed);
  expect(allowed.map((answer) => answer?.body.used?.[0]).sort((a = 0, b = 0) => a - b)).toEqual(
    Array.from({ length: 50 }, (_, i) => i + 1),
  );
  const refused = answers.filter((answer) => answer?.body.allowed === false);
  expect(refused).toHaveLength(150);
  expect(refused.every((answer) => answer?.status === 200 && answer.body.used?.[0] === 50)).toBe(true);
  expect((await both[0]?.check("ada", { hour: 1000 }, noon))?.body.used).toEqual([51]);
});

test("a refused request consumes nothing, in none of its windows", async () => {
  const { port } = await redis();
  const { check } = await service([store(port)]);
  const windows = { second: 2, minute: 3, hour: 10, day: 10, month: 10, year: 10 };
  expect((await check("ada", windows, noon)).body).toEqual({ allowed: true, used: [1, 1, 1, 1, 1, 1] });
  expect((await check("ada", windows, noon)).body).toEqual({ allowed: true, used: [2, 2, 2, 2, 2, 2] });
  for (let i = 0; i < 3; i++)
    expect((await check("ada", windows, noon)).body).toEqual({ allowed: false, used: [2, 2, 2, 2, 2, 2] });
  expect((await check("ada", windows, noon + 1000)).body).toEqual({
    allowed: true,
    used: [1, 3, 3, 3, 3, 3],
  });
  expect((await check("ada", windows, noon + 2000)).body).toEqual({
    allowed: false,
    used: [0, 3, 3, 3, 3, 3],
  });
  expect((await check("ada", windows, noon + 30_000)).body).toEqual({
    allowed: true,
    used: [1, 1, 4, 4, 4, 4],
  });
  expect((await check("bob", windows, noon)).body).toEqual({ allowed: true, used: [1, 1, 1, 1, 1, 1] });
  expect((await check("eve", { minute: 0 }, noon)).body).toEqual({ allowed: false, used: [0] });
});

test("windows change with the UTC calendar", async () => {
  const { port } = await redis();
  const { check } = await service([store(port)]);
  const used = async (at: string) => (await check("x", { month: 9, year: 9 }, Date.parse(at))).body.used;
  expect(await used("2024-02-29T23:59:59.999Z")).toEqual([1, 1]);
  expect(await used("2024-03-01T00:00:00.000Z")).toEqual([1, 2]);
  expect(await used("2024-12-31T23:59:59.999Z")).toEqual([1, 3]);
  expect(await used("2025-01-01T00:00:00.000Z")).toEqual([1, 1]);
});

test("synchronisation adds up what the proxies counted, and shares counters with checks", async () => {
  const server = await redis();
  const one = await service([store(server.port)], "one");
  const two = await service([store(server.port)], "two");
  const { start } = calendarWindow("minute", Date.now());
  const entry = (delta: number, more: object = {}) => ({
    counter: "rl",
    identifier: "ada",
    unit: "minute",
    window: start,
    delta,
    ...more,
  });
  const sync = async (from: Service, ...entries: object[]) =>
    (await from.post("/v1/limits/sync", { store: "main", entries })).body.used;
  expect(await sync(one, entry(0))).toEqual([0]);
  expect(await server.client().dbsize()).toBe(0);
  expect(await sync(one, entry(5), entry(2, { identifier: "bob" }))).toEqual([5, 2]);
  expect(await sync(two, entry(7), entry(0, { identifier: "bob" }))).toEqual([12, 2]);
  expect(await sync(one, entry(0))).toEqual([12]);
  expect(await sync(one)).toEqual([]);
  expect((await two.check("ada", { minute: 13 }, start)).body).toEqual({ allowed: true, used: [13] });
  expect((await two.check("ada", { minute: 13 }, start)).body).toEqual({ allowed: false, used: [13] });
  await Promise.all(Array.from({ length: 100 }, (_, i) => sync(i % 2 === 0 ? one : two, entry(3))));
  expect(await sync(one, entry(0))).toEqual([313]);
  const misaligned = await one.post("/v1/limits/sync", { store: "main", entries: [entry(1, { window: 7 })] });
  expect(misaligned.status).toBe(400);
});

test("counters expire soon after their window", async () => {
  const server = await redis();
  const { check, post } = await service([store(server.port)]);
  const spy = server.client();
  const now = Date.now();
  await check("ada", { second: 5, year: 5 }, now);
  const entry = { counter: "rl", identifier: "old", unit: "day", window: 0, delta: 1 };
  await post("/v1/limits/sync", { store: "main", entries: [entry] });
  const ttl = (identifier: string, unit: Unit, at: number) =>
    spy.pttl(counterKey("rl", identifier, unit, calendarWindow(unit, at).start));
  expect(await ttl("ada", "second", now)).toBeLessThanOrEqual(6000);
  const year = calendarWindow("year", now).end - now;
  expect(Math.abs((await ttl("ada", "year", now)) - year - 5000)).toBeLessThan(2000);
  expect(await ttl("old", "day", 0)).toBeGreaterThan(0);
  expect(await spy.dbsize()).toBe(3);
  // Only the year's is left.
  await expect.poll(() => spy.dbsize(), { timeout: 10_000, interval: 200 }).toBe(1);
});

test("without Redis calls fail at once, and work again when it is back, though it forgot the script", async () => {
  const first = await startRedis();
  const { check } = await service([store(first.port)]);
  expect((await check("ada", { year: 100 })).body.used).toEqual([1]);
  await first.stop();
  for (let i = 0; i < 5; i++) {
    const answer = await check("ada", { year: 100 });
    expect(answer.status).toBe(503);
    expect(answer.ms).toBeLessThan(500);
  }
  await redis({ port: first.port });
  await expect.poll(async () => (await check("ada", { year: 100 })).status, { timeout: 5000 }).toBe(200);
  expect((await check("ada", { year: 100 })).body.used).toEqual([2]);
});

test("a Redis that is not there from the start is found when it comes", async () => {
  const first = await startRedis();
  await first.stop();
  const { check } = await service([store(first.port)]);
  const answer = await check("ada", { year: 9 });
  expect(answer).toMatchObject({ status: 503, body: { error: "store main: ECONNREFUSED" } });
  await redis({ port: first.port });
  await expect.poll(async () => (await check("ada", { year: 9 })).status, { timeout: 5000 }).toBe(200);
});

test("a Redis that says nothing costs one timeout, then nothing, and heals", async () => {
  const server = await redis();
  const { check } = await service([store(server.port, { timeoutMs: 300 })]);
  expect((await check("ada", { year: 100 })).status).toBe(200);
  server.pause();
  const slow = await Promise.all(Array.from({ length: 50 }, () => check("ada", { year: 100 })));
  for (const answer of slow) {
    expect(answer.status).toBe(503);
    expect(answer.ms).toBeLessThan(900);
  }
  for (let i = 0; i < 10; i++) {
    const answer = await check("ada", { year: 100 });
    expect(answer).toMatchObject({ status: 503 });
    expect(answer.ms).toBeLessThan(200);
  }
  server.resume();
  await expect.poll(async () => (await check("ada", { year: 100 })).status, { timeout: 5000 }).toBe(200);
});

test("a Redis that says nothing from the start is given up in time", async () => {
  const server = await redis();
  server.pause();
  const { check } = await service([store(server.port, { timeoutMs: 300 })]);
  const answer = await check("ada", { year: 100 });
  expect(answer.status).toBe(503);
  expect(answer.ms).toBeLessThan(900);
  server.resume();
  await expect.poll(async () => (await check("ada", { year: 100 })).status, { timeout: 5000 }).toBe(200);
});

test("a wrong password is an error that does not show it; the right one heals it", async () => {
  const server = await redis({ password: "correct-horse" });
  const { check, configure, services } = await service([store(server.port, { password: "hunter2" })]);
  const wrong = await check("ada", { year: 9 });
  expect(wrong).toMatchObject({ status: 503, body: { error: "store main: Redis answers WRONGPASS" } });
  configure(store(server.port));
  await expect
    .poll(async () => (await check("ada", { year: 9 })).body.error)
    .toBe("store main: Redis answers NOAUTH");
  configure(store(server.port, { password: "correct-horse" }));
  await expect.poll(async () => (await check("ada", { year: 9 })).status).toBe(200);
  configure(store(server.port, { username: "default", password: "correct-horse" }));
  await expect.poll(() => logged.filter((line) => line.includes("is connected")).length).toBe(1);
  expect((await check("ada", { year: 9 })).status).toBe(200);
  const said = logged.join("\n") + (await services.metrics());
  expect(said).not.toMatch(/hunter2|correct-horse/);
  expect(said).toContain("WRONGPASS");
});

test("while Redis loads its data calls fail at once", async () => {
  const disk = ["--dir", folder, "--enable-debug-command", "yes"];
  const first = await startRedis({ args: disk });
  const filler = first.client();
  await filler.call("DEBUG", "POPULATE", "2000");
  await filler.save();
  await first.stop();
  // 2,000 keys take 2 s to load.
  const slow = ["--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024"];
  await redis({ port: first.port, args: [...disk, ...slow] });
  const { check } = await service([store(first.port, { timeoutMs: 400 })]);
  const answer = await check("ada", { year: 9 });
  expect(answer.status).toBe(503);
  expect(answer.ms).toBeLessThan(1000);
  await expect.poll(async () => (await check("ada", { year: 9 })).status, { timeout: 10_000 }).toBe(200);
});

test("TLS: the certificate is verified only when it shall be, by the server's name", async () => {
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const subject = ["-subj", "/CN=redis.example", "-addext", "subjectAltName=DNS:redis.example"];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  execFileSync(
    "openssl",
    ["req", "-x509", ...curve, "-days", "1", "-keyout", key, "-out", cert, ...subject],
    {
      stdio: "ignore",
    },
  );
  const plain = await startRedis();
  await plain.stop();
  const tlsPort = plain.port;
  const files = ["--tls-cert-file", cert, "--tls-key-file", key, "--tls-auth-clients", "no"];
  await redis({ args: ["--tls-port", String(tlsPort), ...files] });
  const { check, configure } = await service([store(tlsPort, { ssl: true })]);
  expect((await check("ada", { year: 9 })).body.used).toEqual([1]);
  configure(store(tlsPort, { ssl: true, sslVerify: true, serverName: "redis.example" }));
  await expect.poll(async () => (await check("ada", { year: 9 })).body.error).toMatch(/CERT|SELF_SIGNED/);
  configure(store(tlsPort));
  await expect.poll(async () => (await check("ada", { year: 9 })).status).toBe(503);
});

test("a change of the configuration touches only the stores that it changes", async () => {
  const [a, b] = [await redis(), await redis()];
  const { check, post, configure, services } = await service([store(a.port), store(b.port, { id: "b" })]);
  const checkB = () =>
    post("/v1/limits/check", {
      store: "b",
      counter: "rl",
      identifier: "",
      now: noon,
      windows: [{ unit: "year", limit: 9 }],
    });
  const connections = async (of: TestRedis) =>
    `${await of.client().client("LIST")}`
      .split("\n")
      .flatMap((line) => (line.includes(" name=diolkos ") ? [/^id=(\d+)/.exec(line)?.[1]] : []));
  await Promise.all([check("ada", { year: 9 }), checkB()]);
  const before = await connections(a);
  expect(before).toHaveLength(1);
  expect(await services.metrics()).toContain('diolkos_services_store_up{store="b"} 1');
  configure(store(a.port));
  await expect.poll(async () => (await checkB()).status).toBe(404);
  await expect.poll(() => connections(b)).toEqual([]);
  expect(await connections(a)).toEqual(before);
  expect(await services.metrics()).not.toContain('diolkos_services_store_up{store="b"}');
  writeConfig("one", '{"stores":[{"password":"hunter2"');
  await expect.poll(() => logged.some((line) => line.includes("invalid and not applied"))).toBe(true);
  expect((await check("ada", { year: 9 })).status).toBe(200);
  expect(logged.join("\n")).not.toContain("hunter2");
  // Moved to another Redis: counting goes on there.
  configure(store(b.port));
  await expect.poll(() => connections(a)).toEqual([]);
  expect((await check("bob", { year: 9 })).status).toBe(200);
});

test("the socket is private; a dead process' socket is replaced, a living one's is not", async () => {
  const socketPath = join(folder, "one.sock");
  const script = `require("node:net").createServer().listen(${JSON.stringify(socketPath)}, () => console.log())`;
  const dead: ChildProcess = spawn(process.execPath, ["-e", script]);
  if (dead.stdout === null) throw new Error("no output");
  await once(dead.stdout, "data");
  dead.kill("SIGKILL");
  await once(dead, "exit");
  expect(statSync(socketPath).isSocket()).toBe(true);
  const { send } = await service([]);
  expect(statSync(socketPath).mode & 0o777).toBe(0o600);
  await expect(service([])).rejects.toThrow("another process serves");
  expect(await send("GET", "/healthz")).toMatchObject({ status: 200 });
});

test("metrics count calls, failures and time", async () => {
  const server = await redis();
  const { check, post, send } = await service([store(server.port)]);
  await check("ada", { year: 1 });
  await check("ada", { year: 1 });
  await post("/v1/limits/sync", { store: "main", entries: [] });
  await server.stop();
  await check("ada", { year: 1 });
  await post("/v1/limits/check", { store: "main" });
  const { status, text } = await send("GET", "/metrics");
  expect(status).toBe(200);
  const lines = text.split("\n");
  const calls = (labels: string) => `diolkos_services_calls_total{store="main",${labels}}`;
  expect(lines).toEqual(
    expect.arrayContaining([
      `${calls('operation="check",outcome="allowed"')} 1`,
      `${calls('operation="check",outcome="refused"')} 1`,
      `${calls('operation="check",outcome="failed"')} 1`,
      `${calls('operation="sync",outcome="synced"')} 1`,
      'diolkos_services_call_duration_seconds_count{operation="check"} 3',
      "diolkos_services_bad_requests_total 1",
      'diolkos_services_store_up{store="main"} 0',
    ]),
  );
  expect(text).toMatch(/diolkos_services_store_failures_total\{store="main",cause="\w+"\} 1/);
});

test("closing answers what is under way", async () => {
  const server = await redis();
  const { check, services } = await service([store(server.port)]);
  await check("ada", { year: 9 });
  server.pause();
  const pending = Promise.all(Array.from({ length: 20 }, () => check("ada", { year: 99 })));
  await new Promise((resolve) => setTimeout(resolve, 100));
  const closed = services.close();
  server.resume();
  await closed;
  expect((await pending).map(({ status }) => status)).toEqual(Array(20).fill(200));
});

test("no request crashes it", async () => {
  const server = await redis();
  const { check, send, socketPath } = await service([store(server.port)]);
  const valid = {
    store: "main",
    counter: "rl",
    identifier: "ada",
    now: noon,
    windows: [{ unit: "minute", limit: 3 }],
    entries: [{ counter: "rl", identifier: "ada", unit: "minute", window: 0, delta: 1 }],
  };
  const path = fc.constantFrom("/v1/limits/check", "/v1/limits/sync", "/metrics", "/");
  // A valid body in which one value, at any depth, is replaced.
  const mutated = fc
    .tuple(
      fc.constantFrom("store", "counter", "identifier", "now", "windows", "entries"),
      fc.jsonValue(),
      fc.nat(5),
    )
    .map(([name, value, deep]) => {
      const text = JSON.stringify(valid);
      if (deep < 3) return JSON.stringify({ ...valid, [name]: value });
      const numbers = [...text.matchAll(/\d+|"(?:minute|ada|rl)"/g)];
      const at = numbers[deep % numbers.length];
      return at === undefined
        ? text
        : text.slice(0, at.index) + JSON.stringify(value) + text.slice(at.index + at[0].length);
    });
  const plausible = fc
    .record({
      identifier: fc.string({ maxLength: 300, unit: "binary" }),
      counter: fc.string({ minLength: 1, maxLength: 300, unit: "binary" }),
      now: fc.integer({ min: -1, max: 8.64e15 }),
      windows: fc.array(
        fc.record({
          unit: fc.constantFrom("second", "minute", "month", "year", "week"),
          limit: fc.maxSafeInteger(),
        }),
        { maxLength: 8 },
      ),
    })
    .map((body) => JSON.stringify({ ...valid, ...body }));
  const body = fc.oneof(fc.json(), fc.string({ unit: "binary" }), mutated, plausible);
  await fc.assert(
    fc.asyncProperty(path, body, async (to, content) => {
      const { status } = await send("POST", to, content);
      expect([200, 400, 404]).toContain(status);
    }),
    { numRuns: 500 },
  );
  const bytes = fc.uint8Array({ maxLength: 300 }).map((raw) => Buffer.from(raw));
  const head = "POST /v1/limits/check HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\n\r\n";
  await fc.assert(
    fc.asyncProperty(bytes, fc.boolean(), async (raw, withHead) => {
      const socket = connect(socketPath);
      socket.on("error", () => undefined).resume();
      const closed = once(socket, "close");
      socket.end(withHead ? Buffer.concat([Buffer.from(head), raw]) : raw);
      await closed;
    }),
    { numRuns: 200 },
  );
  expect(await send("POST", "/v1/limits/check", " ".repeat(2_000_000))).toMatchObject({ status: 413 });
  expect((await check("last", { year: 9 })).body).toEqual({ allowed: true, used: [1] });
});
