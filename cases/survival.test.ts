import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { StatusAnswer } from "#admin/types.ts";
import { root } from "./runner/case-folder.ts";
import { Load } from "./runner/load.ts";
import { RunningDiolkos } from "./runner/running-diolkos.ts";
import { sendRequest } from "./runner/send-request.ts";

/** A copy of examples/dj that the tests edit. */
const folder = mkdtempSync(join(tmpdir(), "diolkos-survival-"));
cpSync(join(root, "examples"), join(folder, "examples"), { recursive: true });
const ingressFile = join(folder, "examples/dj/4-ingress/ingress.yaml");
const routerFile = join(folder, "examples/dj/2-mesh/jazz.yaml");
const ingress = readFileSync(ingressFile, "utf8");
const router = readFileSync(routerFile, "utf8");

describe("what dies comes back, and what is edited costs no request", () => {
  let running: RunningDiolkos;

  beforeAll(async () => {
    running = await RunningDiolkos.start(["examples/dj"], folder);
  }, 90_000);

  afterAll(async () => {
    await running?.stop();
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  describe("20 edits of a kind under load", () => {
    /** The k-th edit of a file, from its original. */
    const kinds: Readonly<Record<string, { file: string; original: string; edit: (k: number) => string }>> = {
      "a route added and removed": {
        file: ingressFile,
        original: ingress,
        edit: (k) => (k % 2 === 1 ? ingress : `${ingress}${ingressPath(`/new/${k}`, "metal")}`),
      },
      "rules reordered": {
        file: ingressFile,
        original: ingress,
        edit: (k) =>
          k % 2 === 1
            ? ingress
            : ingress.slice(0, ingress.indexOf("          - path:")) +
              ingressPath("/dj/metal", "metal") +
              ingressPath("/dj/jazz", "jazz"),
      },
      "a backend swapped": {
        file: routerFile,
        original: router,
        edit: (k) => (k % 2 === 1 ? router : router.replace("name: jazz-v1\n", "name: metal-v1\n")),
      },
      "a weight changed": {
        file: routerFile,
        original: router,
        edit: (k) => router.replace("weight: 95", `weight: ${75 + k}`),
      },
      "a plugin added and removed": {
        file: ingressFile,
        original: ingress,
        edit: (k) =>
          k % 2 === 1
            ? ingress
            : ingress.replace("  annotations:\n", "  annotations:\n    konghq.com/plugins: generous\n"),
      },
    };

    beforeAll(() => {
      const plugin = { minute: 1_000_000, policy: "local" };
      writeFileSync(
        join(folder, "examples/dj/generous.yaml"),
        JSON.stringify({
          apiVersion: "configuration.konghq.com/v1",
          kind: "KongPlugin",
          metadata: { name: "generous", namespace: "prod" },
          plugin: "rate-limiting",
          config: plugin,
        }),
      );
    });

    test.each(Object.entries(kinds))(
      "%s: no request fails",
      async (_, { file, original, edit }) => {
        const load = new Load(running.gatewayPort, "/dj/jazz");
        for (let k = 0; k < 20; k++) {
          const text = edit(k);
          expect(text).not.toBe(readFileSync(file, "utf8"));
          writeFileSync(file, text);
          await running.ready();
        }
        writeFileSync(file, original);
        await running.ready();
        expect(await load.stop()).toEqual([]);
        expect(load.sent).toBeGreaterThan(100);
      },
      60_000,
    );
  });

  test("the control plane killed under load: no request fails, and it comes back to the same state", async () => {
    const before = await running.status();
    const load = new Load(running.gatewayPort, "/dj/jazz");
    await sleep(300);
    process.kill(before.controlPlane.pid, "SIGKILL");
    const after = await untilStatus(
      running,
      (now) => now.controlPlane.pid !== before.controlPlane.pid && now.ready,
    );
    await sleep(300);
    expect(await load.stop()).toEqual([]);
    expect(pids(after)).toEqual(pids(before));
    expect(after.gateways.map(({ restarts }) => restarts)).toEqual([0]);
  }, 60_000);

  test("the gateway killed while the control plane is down: it comes back with the last good configuration", async () => {
    const before = await running.status();
    const gateway = before.gateways[0];
    process.kill(before.controlPlane.pid, "SIGKILL");
    process.kill(gateway?.pid ?? 0, "SIGKILL");
    await untilAnswers(running, "/dj/jazz");
    const after = await untilStatus(running, (now) => now.ready && now.gateways[0]?.sync === "synced");
    expect(after.gateways[0]?.pid).not.toBe(gateway?.pid);
  }, 60_000);

  test("a sidecar and an application killed: both are started again", async () => {
    const before = await running.status();
    const sidecar = before.sidecars.find(({ name }) => name === "prod/jazz-v1-0");
    const application = before.workloads.find(({ name }) => name === "prod/metal-v1-0");
    process.kill(sidecar?.pid ?? 0, "SIGKILL");
    process.kill(application?.pid ?? 0, "SIGKILL");
    const after = await untilStatus(
      running,
      (now) =>
        now.sidecars.some((one) => one.name === sidecar?.name && one.ready && one.pid !== sidecar.pid) &&
        now.workloads.some(
          (one) => one.name === application?.name && one.ready && one.pid !== application.pid,
        ),
    );
    expect(after.sidecars.find(({ name }) => name === sidecar?.name)?.restarts).toBeGreaterThan(0);
    await untilAnswers(running, "/dj/jazz");
    await untilAnswers(running, "/dj/metal");
  }, 60_000);

  test("Ctrl-C leaves no process behind", async () => {
    const status = await running.status();
    const all = [status.controlPlane.pid, status.controlPlane.supervisorPid ?? 0, ...pids(status)];
    process.kill(status.controlPlane.pid, "SIGINT");
    const end = Date.now() + 30_000;
    while (all.some(isAlive) && Date.now() < end) await sleep(50);
    expect(all.filter(isAlive)).toEqual([]);
  }, 60_000);
});

function ingressPath(path: string, service: string): string {
  return `          - path: ${path}\n            backend:\n              serviceName: ${service}\n              servicePort: 9080\n`;
}

/** The proxies' and applications' processes. */
function pids(status: StatusAnswer): readonly number[] {
  return [...status.gateways, ...status.sidecars, ...status.workloads].map(({ pid }) => pid ?? 0);
}

async function untilStatus(
  running: RunningDiolkos,
  holds: (status: StatusAnswer) => boolean,
): Promise<StatusAnswer> {
  const end = Date.now() + 30_000;
  while (Date.now() < end) {
    try {
      const status = await running.status();
      if (holds(status)) return status;
    } catch {
      // Nobody listens while the control plane is down.
    }
    await sleep(50);
  }
  throw new Error("the state that was waited for did not come");
}

/** Until ten answers in a row are good. */
async function untilAnswers(running: RunningDiolkos, path: string): Promise<void> {
  const end = Date.now() + 30_000;
  for (let good = 0; good < 10; ) {
    if (Date.now() > end) throw new Error(`${path} does not come back`);
    const status = await sendRequest(running.gatewayPort, path).then(
      (answer) => answer.status,
      () => 0,
    );
    good = status === 200 ? good + 1 : 0;
    if (status !== 200) await sleep(50);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
