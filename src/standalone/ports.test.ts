import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { checkFixedPort, openPorts } from "./ports.ts";
import { identifyProcess } from "./process-identity.ts";
import { ProcessRecords } from "./process-records.ts";
import { until } from "./supervisor-fixture.ts";

let state: string;
const servers: Server[] = [];
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), "dlk-ports-"));
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => new Promise((closed) => server.close(closed))));
  rmSync(state, { recursive: true });
});

async function listen(port: number, host = "127.0.0.1"): Promise<number> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, host, resolve));
  return (server.address() as { port: number }).port;
}

/** Another process that listens. */
async function startListener(port: number, detached: boolean) {
  const code = `require("net").createServer().listen(${port}, "127.0.0.1", () => console.log("listens"))`;
  const child = spawn(process.execPath, ["-e", code], { detached, stdio: ["ignore", "pipe", "ignore"] });
  await new Promise((resolve) => child.stdout.once("data", resolve));
  const stop = async () => {
    child.kill("SIGKILL");
    await until(() => child.signalCode !== null, "its end");
  };
  return { pid: child.pid ?? 0, stop };
}

test("a port stays the same over restarts, and none is given twice", async () => {
  const ports = await openPorts({ state, reserved: [20_000] });
  const keys = Array.from({ length: 200 }, (_, n) => `prod/a-${n}/egress`);
  const given = keys.map((key) => ports.portFor(key));
  expect(new Set(given).size).toBe(keys.length);
  for (const port of given) {
    expect(port).toBeGreaterThan(20_000);
    expect(port).toBeLessThan(30_000);
  }
  expect(ports.portFor("prod/a-7/egress")).toBe(given[7]);
  await new Promise((resolve) => setImmediate(resolve));
  const again = await openPorts({ state });
  expect(keys.map((key) => again.portFor(key))).toEqual(given);
  expect(given).not.toContain(again.portFor("prod/new/egress"));
});

test("a port that a stranger has taken is chosen anew, one that our own process holds stays", async () => {
  const ports = await openPorts({ state });
  const [strange, ours] = [ports.portFor("strange"), ports.portFor("ours")];
  await new Promise((resolve) => setImmediate(resolve));
  await listen(strange);
  const child = await startListener(ours, true);
  try {
    new ProcessRecords(state).set({
      ...(identifyProcess(child.pid) ?? { pid: 0, startTime: "" }),
      id: "workload/prod/a-0",
      hash: "",
      drain: { kind: "signal", graceMs: 0 },
      stopStage: 2,
      readiness: { kind: "none" },
      startedAt: "",
      restarts: 0,
    });
    const again = await openPorts({ state });
    expect(again.portFor("ours")).toBe(ours);
    expect(again.portFor("strange")).not.toBe(strange);
    // Nobody of ours runs any more: whoever listens is a stranger.
    rmSync(join(state, "processes.json"));
    expect((await openPorts({ state })).portFor("ours")).not.toBe(ours);
  } finally {
    await child.stop();
  }
});

test("ports that others listen on are not given", async () => {
  const first = (await openPorts({ state })).portFor("a");
  rmSync(join(state, "ports.json"), { force: true });
  await listen(first, "0.0.0.0");
  expect((await openPorts({ state })).portFor("a")).not.toBe(first);
});

test("an unreadable file is no reason to fail", async () => {
  writeFileSync(join(state, "ports.json"), "{");
  const port = (await openPorts({ state })).portFor("a");
  await new Promise((resolve) => setImmediate(resolve));
  expect(JSON.parse(readFileSync(join(state, "ports.json"), "utf8"))).toEqual({ a: port });
});

test("a fixed port that is in use names who has it", async () => {
  const port = await listen(0);
  const options = { state, address: "127.0.0.1", port, purpose: "gateway", option: "--gateway-port" };
  expect(await checkFixedPort(options)).toMatchObject({
    message: expect.stringContaining(`${port}, the gateway's address, is in use by process ${process.pid} (`),
    fix: "Stop that process, or choose another port with --gateway-port.",
  });
  await Promise.all(servers.splice(0).map((server) => new Promise((closed) => server.close(closed))));
  expect(await checkFixedPort(options)).toBeUndefined();
  expect((await checkFixedPort({ ...options, address: "203.0.113.1" }))?.message).toBe(
    "203.0.113.1 is no address of this machine.",
  );
});
