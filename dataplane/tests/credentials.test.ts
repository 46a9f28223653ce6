import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { credentialShard, encodeCredentialShard } from "#envoy/module/encode-credentials.ts";
import type { KeyAuthStep, RateLimitStep } from "#model/program.ts";
import { consumer, key } from "./consumers.ts";
import { Gateway, until, valuesOf } from "./gateway.ts";

const keyAuth: KeyAuthStep = {
  step: "key-auth",
  names: ["apikey"],
  inHeader: true,
  inQuery: true,
  hideCredentials: false,
  runOnPreflight: true,
  realm: "",
};
const limit: RateLimitStep = {
  step: "rate-limit",
  counter: "traps",
  windows: [{ unit: "year", limit: 1000 }],
  by: { kind: "consumer" },
  hideHeaders: false,
  status: 429,
  message: "API rate limit exceeded",
  faultTolerant: true,
};

const many = Array.from({ length: 3000 }, (_, i) => consumer(`user-${i}`, [key(`key-of-${i}`)]));

let directory: string;
let gateway: Gateway;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "dx-"));
  const wasmPath = join(directory, "trapping.wasm");
  const { status } = spawnSync(
    process.execPath,
    [
      join(import.meta.dirname, "..", "..", "node_modules", "assemblyscript", "bin", "asc.js"),
      join(import.meta.dirname, "trapping", "index.ts"),
      ...["--outFile", wasmPath, "--runtime", "minimal", "--noAssert", "--use", "abort="],
      ...["--exportStart", "_initialize", "--enable", "simd"],
    ],
    { stdio: "inherit" },
  );
  expect(status).toBe(0);
  gateway = await Gateway.start({ routes: { "/key": [keyAuth, limit], "/": "plain" }, consumers: many, wasmPath });
}, 90_000);

afterAll(async () => {
  await gateway?.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** Answers of both workers: each fresh connection lands on any of them. */
async function statuses(apikey: string): Promise<number[]> {
  const answers = await Promise.all(
    Array.from({ length: 24 }, () => gateway.fetch("/key", { headers: { apikey }, fresh: true })),
  );
  return [...new Set(answers.map(({ status }) => status))];
}

test("each of many consumers is known", async () => {
  for (const i of [0, 1, 17, 999, 2999]) {
    const answer = await gateway.fetch("/key", { headers: { apikey: `key-of-${i}` } });
    expect(valuesOf(answer.seen, "x-consumer-username")).toEqual([`user-${i}`]);
  }
  expect((await gateway.fetch("/key", { headers: { apikey: "key-of-3000" } })).status).toBe(401);
});

test("a new key is known to all workers, and a removed one to none, without a drained connection", async () => {
  const before = await gateway.admin.stats("listener_manager|http.gateway.downstream_cx_drain_close");
  expect(await statuses("new-key")).toEqual([401]);
  await gateway.setConsumers([...many, consumer("new", [key("new-key")])]);
  expect(await statuses("new-key")).toEqual([200]);
  expect(await statuses("key-of-1")).toEqual([200]);
  await gateway.setConsumers(many);
  expect(await statuses("new-key")).toEqual([401]);
  // Content that was there before, and the one in between again.
  await gateway.setConsumers([...many, consumer("new", [key("new-key")])]);
  expect(await statuses("new-key")).toEqual([200]);
  await gateway.setConsumers(many);
  expect(await statuses("new-key")).toEqual([401]);
  expect(await gateway.admin.stats("listener_manager|http.gateway.downstream_cx_drain_close")).toEqual(before);
});

test("a broken shard is refused, and the one before stays", async () => {
  const credential = key("key-of-5");
  const shard = credentialShard(credential);
  const good = encodeCredentialShard(shard, many);
  const cut = good.slice(0, good.length - 8);
  const pointing = good.slice();
  // The first slot that is used points behind the end.
  const view = new DataView(pointing.buffer);
  for (let at = 16; at < pointing.length; at += 4) {
    if (view.getUint32(at, true) === 0) continue;
    view.setUint32(at, 0x7ffffff0, true);
    break;
  }
  for (const broken of [cut, pointing, Uint8Array.of(1, 2, 3), good.map((byte) => byte ^ 0x55)]) {
    gateway.refusals.length = 0;
    await gateway.setShard(shard, broken);
    await until(() => gateway.refusals.length > 0);
    expect(gateway.refusals[0]).toContain(`diolkos.credentials-${shard}`);
    expect(await statuses("key-of-5")).toEqual([200]);
  }
  await gateway.setShard(shard, encodeCredentialShard(shard, []));
  expect(await statuses("key-of-5")).toEqual([401]);
  await gateway.setShard(shard, good);
  expect(await statuses("key-of-5")).toEqual([200]);
});

test("after a trap the gateway goes on, with all credentials and counters", async () => {
  const remaining = async () => {
    const answer = await gateway.fetch("/key", { headers: { apikey: "key-of-7" } });
    return Number(valuesOf(answer, "x-ratelimit-remaining-year")[0]);
  };
  const before = await remaining();
  const trapped = await Promise.all(
    Array.from({ length: 24 }, () =>
      gateway.fetch("/key", { headers: { apikey: "key-of-7", "x-trap": "1" }, fresh: true }),
    ),
  );
  expect(new Set(trapped.map(({ status }) => status))).toEqual(new Set([503]));
  expect(await (await gateway.fetch("/")).status).toBe(200);
  // Envoy waits up to a second before it starts a machine again.
  await until(async () => (await statuses("key-of-8")).every((status) => status === 200), 10_000);
  expect(await remaining()).toBe(before - 1);
  await gateway.setConsumers([...many, consumer("late", [key("late-key")])]);
  expect(await statuses("late-key")).toEqual([200]);
  expect(await statuses("key-of-2999")).toEqual([200]);
});
