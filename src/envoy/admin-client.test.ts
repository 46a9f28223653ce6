import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AdminClient } from "./admin-client.ts";

const binary = join(import.meta.dirname, "..", "..", ".tools", "envoy");

let directory: string;
let envoy: ChildProcess;
let client: AdminClient;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "dx-"));
  const path = join(directory, "a");
  const file = join(directory, "envoy.json");
  writeFileSync(
    file,
    JSON.stringify({
      node: { id: "n", cluster: "c" },
      admin: { address: { pipe: { path } } },
      static_resources: { clusters: [{ name: "some", type: "STATIC", connect_timeout: "1s" }] },
    }),
  );
  envoy = spawn(binary, ["-c", file, "--disable-hot-restart", "--log-level", "off"], { stdio: "ignore" });
  client = new AdminClient({ path });
  while (!(await client.ready())) await new Promise((resolve) => setTimeout(resolve, 10));
});

afterAll(async () => {
  if (envoy.exitCode === null) {
    envoy.kill("SIGKILL");
    await once(envoy, "exit");
  }
  rmSync(directory, { recursive: true, force: true });
});

test("reads stats as numbers, by name", async () => {
  const stats = await client.stats("^cluster_manager\\.active_clusters$|^cluster\\.some\\.membership");
  expect(stats.get("cluster_manager.active_clusters")).toBe(1);
  expect(stats.get("cluster.some.membership_total")).toBe(0);
  expect((await client.stats()).size).toBeGreaterThan(50);
});

test("reads the running configuration", async () => {
  expect(JSON.stringify(await client.configDump())).toContain('"name":"some"');
  expect((await client.get("/clusters")).body).toContain("some::");
  expect((await client.get("/no-such-path")).status).toBe(404);
});

test("is not ready where nobody listens, and does not wait for ever", async () => {
  expect(await new AdminClient({ path: join(directory, "nobody") }).ready()).toBe(false);
  const mute = createServer(() => {}).listen(join(directory, "mute"));
  await once(mute, "listening");
  await expect(
    new AdminClient({ path: join(directory, "mute") }, { timeoutMs: 50 }).get("/"),
  ).rejects.toThrow("did not answer");
  mute.close();
});

test("drains, then ends it", async () => {
  await client.drain();
  expect(await client.ready()).toBe(false);
  const exited = once(envoy, "exit");
  await client.quit();
  await exited;
  expect(envoy.exitCode).toBe(0);
});
