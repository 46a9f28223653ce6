import { afterEach, expect, test } from "vitest";
import type { StoreError } from "./redis-connection.ts";
import { RedisStore } from "./redis-store.ts";
import { startRedis, type TestRedis } from "./start-redis.ts";

const running: { stop(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

async function redis(...args: Parameters<typeof startRedis>): Promise<TestRedis> {
  const started = await startRedis(...args);
  running.push(started);
  return started;
}

function storeOn(port: number, more: { timeoutMs?: number; database?: number } = {}) {
  const events: string[] = [];
  const store = new RedisStore(
    {
      id: "a",
      host: "127.0.0.1",
      port,
      database: more.database ?? 0,
      ssl: false,
      sslVerify: false,
      timeoutMs: more.timeoutMs ?? 1000,
    },
    (event) => events.push(event.up ? "up" : event.reason),
  );
  running.push({ stop: () => store.close() });
  return { store, events };
}

const failureOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "none",
    (error: StoreError) => error.failure,
  );

test("connects only when it is used, and closes with the store", async () => {
  const server = await redis();
  const { store, events } = storeOn(server.port);
  const names = async () => {
    const list = await server.client().client("LIST");
    return `${list}`.split("\n").filter((line) => line.includes(" name=diolkos ")).length;
  };
  expect(await names()).toBe(0);
  expect(await store.run((client) => client.ping())).toBe("PONG");
  expect(await names()).toBe(1);
  await store.close();
  await expect.poll(names).toBe(0);
  expect(await failureOf(store.run((client) => client.ping()))).toBe("connection");
  expect(events).toEqual(["up"]);
});

test("calls of one turn of the loop are read by Redis in few reads", async () => {
  const server = await redis();
  const { store } = storeOn(server.port);
  await store.run((client) => client.ping());
  const spy = server.client();
  const reads = async () => Number(/total_reads_processed:(\d+)/.exec(await spy.info("stats"))?.[1]);
  const before = await reads();
  await Promise.all(Array.from({ length: 500 }, () => store.run((client) => client.incr("n"))));
  expect(await spy.get("n")).toBe("500");
  // Redis reads at most 16 KiB at a time; one by one it would be 500.
  expect((await reads()) - before).toBeLessThan(20);
});

test("never holds more than a bounded number of calls", async () => {
  const server = await redis();
  const { store } = storeOn(server.port, { timeoutMs: 1500 });
  await store.run((client) => client.ping());
  server.pause();
  const started = Date.now();
  let busyAfter = 0;
  const failures = await Promise.all(
    Array.from({ length: 6000 }, async () => {
      const failure = await failureOf(store.run((client) => client.ping()));
      if (failure === "busy") busyAfter = Math.max(busyAfter, Date.now() - started);
      return failure;
    }),
  );
  const count = (failure: string) => failures.filter((one) => one === failure).length;
  expect(count("busy")).toBe(6000 - 4096);
  expect(busyAfter).toBeLessThan(1000);
  expect(count("timeout") + count("connection")).toBe(4096);
  expect(Date.now() - started).toBeLessThan(4000);
});

test("closing waits for what is under way", async () => {
  const server = await redis();
  const { store } = storeOn(server.port);
  const call = store.run((client) => client.incr("n"));
  await store.close();
  expect(await call).toBe(1);
});

test("a database that Redis does not have is an error, not database 0", async () => {
  const server = await redis({ args: ["--databases", "4"] });
  const { store } = storeOn(server.port, { database: 9 });
  await expect(store.run((client) => client.incr("n"))).rejects.toThrow("Redis answers ERR");
  const right = storeOn(server.port, { database: 3 }).store;
  await right.run((client) => client.incr("n"));
  const spy = server.client();
  expect(await spy.get("n")).toBeNull();
  await spy.select(3);
  expect(await spy.get("n")).toBe("1");
});
