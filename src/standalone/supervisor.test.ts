import { readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { WorkloadEnvironmentAnswer } from "#admin/types.ts";
import { runExec } from "./exec.ts";
import { identifyProcess } from "./process-identity.ts";
import type { ProcessState } from "./process-spec.ts";
import { socketPath } from "./socket-path.ts";
import { connectSupervisor, type SupervisorClient, stopSupervisor } from "./supervisor-client.ts";
import { askSupervisor } from "./supervisor-connection.ts";
import {
  buildProgram,
  freePort,
  Instance,
  nodeProcess,
  removeProgram,
  until,
  webProcess,
} from "./supervisor-fixture.ts";

let program: string;
beforeAll(async () => {
  program = await buildProgram();
});
afterAll(() => removeProgram(program));

const instances: Instance[] = [];
const clients: SupervisorClient[] = [];
function newInstance(under?: string): Instance {
  const instance = new Instance(program, under);
  instances.push(instance);
  return instance;
}
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await Promise.all(instances.splice(0).map((instance) => instance.destroy()));
});

interface Connected {
  readonly client: SupervisorClient;
  readonly events: Array<{ event: string; process: ProcessState }>;
}

async function connect(instance: Instance): Promise<Connected> {
  const events: Connected["events"] = [];
  const client = await connectSupervisor({
    state: instance.state,
    spawnCommand: instance.spawnCommand,
    takeOver: false,
    onEvent: (event, process) => events.push({ event, process }),
  });
  if ("busy" in client) throw new Error("busy");
  clients.push(client);
  return { client, events };
}

const names = (events: Connected["events"], id: string) =>
  events.filter(({ process }) => process.id === id).map(({ event }) => event);

const answer = async (port: number) =>
  fetch(`http://127.0.0.1:${port}/`).then(
    (response) => response.text(),
    () => "",
  );

const runs = (pid: number | undefined) => pid !== undefined && identifyProcess(pid) !== undefined;

/** `diolkos exec` of a shell script, where the control plane says that the variable COLOUR is a secret of a process. */
async function execWith(supervisorSocket: string, id: string, script: string): Promise<number> {
  const answer: WorkloadEnvironmentAnswer = {
    ...{ name: "prod/a-0", environment: {}, secretVariables: ["COLOUR"], directory: "/" },
    ...{ process: id, supervisorSocket },
  };
  const server = createServer((_, response) => response.end(JSON.stringify(answer)));
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  const err = () => {};
  const code = await runExec({ adminPort: port, workload: "prod/a", command: ["sh", "-c", script], err });
  await new Promise((closed) => server.close(closed));
  return code;
}

describe("a process", () => {
  test("is started, becomes ready, is started again when it is killed, and ends with the rest", async () => {
    const instance = newInstance();
    const { client, events } = await connect(instance);
    const port = await freePort();
    client.apply([webProcess("workload/prod/a-0", port)], instance.controlPlane);
    await until(() => client.processes.get("workload/prod/a-0")?.phase === "ready", "ready");
    expect(names(events, "workload/prod/a-0")).toEqual(["started", "ready"]);

    const first = instance.pidOf("workload/prod/a-0") ?? 0;
    expect(await answer(port)).toBe(String(first));
    process.kill(first, "SIGKILL");
    await until(async () => !["", String(first)].includes(await answer(port)), "the next process");
    await until(() => names(events, "workload/prod/a-0").length === 5, "ready again");
    expect(names(events, "workload/prod/a-0").slice(2)).toEqual(["exited", "started", "ready"]);
    const state = client.processes.get("workload/prod/a-0");
    expect(state).toMatchObject({ restarts: 1, lastExit: { code: null, signal: "SIGKILL" } });
    expect(state?.failure).toBeUndefined();

    const second = instance.pidOf("workload/prod/a-0");
    const supervisor = instance.supervisorPid;
    expect(runs(second) && runs(supervisor)).toBe(true);
    await client.stop(1000);
    await until(() => !runs(supervisor), "the supervisor's end");
    expect(runs(second)).toBe(false);
    expect(instance.pidOf("workload/prod/a-0")).toBeUndefined();
  });

  test("that ends again and again is started more and more slowly", async () => {
    const instance = newInstance();
    const { client, events } = await connect(instance);
    client.apply([nodeProcess("workload/prod/a-0", "process.exit(7)")], instance.controlPlane);
    await sleep(2500);
    const starts = names(events, "workload/prod/a-0").filter((name) => name === "started").length;
    // At once, at once, after 0.2, 0.4, 0.8, 1.6 s, each with some time to live.
    expect(starts).toBeGreaterThanOrEqual(4);
    expect(starts).toBeLessThanOrEqual(6);
    expect(client.processes.get("workload/prod/a-0")).toMatchObject({
      lastExit: { code: 7 },
      failure: { kind: "exited", message: "it ended with code 7" },
    });
    await client.stop(0);
  });

  test.each([
    [{ command: "no-such-command" }, "the command no-such-command was not found"],
    [{ cwd: "/no/such/folder" }, "the directory /no/such/folder does not exist"],
    [{ command: "./nothing", cwd: "/tmp" }, "the command ./nothing does not exist"],
    [{ command: "/etc/passwd" }, "the command /etc/passwd may not be executed"],
  ])("that cannot be started says why: %o", async (more, message) => {
    const instance = newInstance();
    const { client, events } = await connect(instance);
    client.apply([nodeProcess("workload/prod/a-0", "", more)], instance.controlPlane);
    await until(() => events.length > 0, "an event");
    expect(events[0]).toMatchObject({ event: "failed-to-start", process: { failure: { message } } });
    expect(client.processes.get("workload/prod/a-0")?.failure?.fix).toBeDefined();
    await client.stop(0);
  });

  test("takes what it has started with it", async () => {
    const instance = newInstance();
    const { client } = await connect(instance);
    const port = await freePort();
    // A shell that waits for the application, as `npm start` does.
    const { command, args } = webProcess("x", port);
    const code = `${command} -e '${args[1]}' & wait`;
    const spec = webProcess("workload/prod/a-0", port, { command: "sh", args: ["-c", code] });
    client.apply([spec], instance.controlPlane);
    await until(() => client.processes.get(spec.id)?.phase === "ready", "ready");
    const shell = instance.pidOf(spec.id) ?? 0;
    const application = Number(await answer(port));
    process.kill(shell, "SIGKILL");
    await until(() => !runs(application), "the end of the application of the killed shell");
    await until(async () => Number(await answer(port)) > 0, "the next one");
    const next = Number(await answer(port));
    await client.stop(0);
    expect(runs(next)).toBe(false);
  });

  test("is restarted when its spec changes, and only it", async () => {
    const instance = newInstance();
    const { client, events } = await connect(instance);
    const [a, b] = [
      webProcess("workload/prod/a-0", await freePort()),
      webProcess("workload/prod/b-0", await freePort()),
    ];
    client.apply([a, b], instance.controlPlane);
    await until(
      () => names(events, a.id).includes("ready") && names(events, b.id).includes("ready"),
      "ready",
    );
    const before = [instance.pidOf(a.id), instance.pidOf(b.id)];
    client.apply([{ ...a, env: { VERSION: "2" } }, b], instance.controlPlane);
    await until(() => names(events, a.id).filter((name) => name === "ready").length === 2, "ready again");
    expect(instance.pidOf(a.id)).not.toBe(before[0]);
    expect(instance.pidOf(b.id)).toBe(before[1]);
    expect(client.processes.get(a.id)?.restarts).toBe(0);
    // Removed: it ends, and the other one stays.
    client.apply([b], instance.controlPlane);
    await until(() => !runs(instance.pidOf(a.id)), "the end of what is not wanted");
    expect(instance.pidOf(b.id)).toBe(before[1]);
    await client.stop(0);
  });

  test("of a group is restarted only when the one before is ready again", async () => {
    const instance = newInstance();
    const { client, events } = await connect(instance);
    const specs = await Promise.all(
      [0, 1, 2].map(async (n) => webProcess(`workload/prod/a-${n}`, await freePort(), { group: "prod/a" })),
    );
    client.apply(specs, instance.controlPlane);
    const readyCount = () => events.filter(({ event }) => event === "ready").length;
    await until(() => readyCount() === 3, "all ready");
    events.length = 0;
    client.apply(
      specs.map((spec) => ({ ...spec, env: { VERSION: "2" } })),
      instance.controlPlane,
    );
    await until(() => readyCount() === 3, "all ready again");
    const order = events
      .filter(({ event }) => event === "stopping" || event === "ready")
      .map(({ event }) => event);
    expect(order).toEqual(["stopping", "ready", "stopping", "ready", "stopping", "ready"]);
    await client.stop(0);
  });

  test("that ignores SIGTERM is killed after its grace", async () => {
    const instance = newInstance();
    const { client } = await connect(instance);
    const port = await freePort();
    const code = `process.on("SIGTERM", () => {}); require("net").createServer().listen(${port}, "127.0.0.1")`;
    const more = { drain: { kind: "signal", graceMs: 300 }, readiness: { kind: "tcp", port } } as const;
    client.apply([nodeProcess("workload/prod/a-0", code, more)], instance.controlPlane);
    await until(() => client.processes.get("workload/prod/a-0")?.phase === "ready", "ready");
    const pid = instance.pidOf("workload/prod/a-0");
    const began = Date.now();
    await client.stop(1000);
    expect(runs(pid)).toBe(false);
    expect(Date.now() - began).toBeGreaterThan(250);
    expect(Date.now() - began).toBeLessThan(3000);
  });

  test("that listens nowhere is told of", async () => {
    const instance = newInstance();
    const { client, events } = await connect(instance);
    const port = await freePort();
    const spec = nodeProcess("workload/prod/a-0", "setInterval(() => {}, 1000)", {
      readiness: { kind: "tcp", port },
    });
    client.apply([spec], instance.controlPlane);
    await until(() => names(events, spec.id).includes("not-ready"), "a complaint", 15_000);
    expect(client.processes.get(spec.id)?.failure?.message).toBe(
      `it runs, but nothing listens on 127.0.0.1:${port}`,
    );
    await client.stop(0);
  });
});

describe("a log", () => {
  test("is bounded, and can be asked for", async () => {
    const instance = newInstance();
    const { client } = await connect(instance);
    const code =
      'let n = 0; setInterval(() => { for (let i = 0; i < 40; i++) console.log("line", n++, "x".repeat(200)) }, 10)';
    client.apply([nodeProcess("workload/prod/a-0", code)], instance.controlPlane);
    const path = join(instance.state, "logs/workload/prod/a-0.log");
    const size = (file: string) => statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    await until(() => size(`${path}.1`) > 50_000, "a rotated log");
    expect(readFileSync(path, "utf8")).not.toContain("\0");
    const lines = await client.logs("workload/prod/a-0", 3);
    expect(lines).toHaveLength(3);
    await client.stop(0);
  });
});

describe("a supervisor that is killed", () => {
  test("is replaced by one that adopts what runs", async () => {
    const instance = newInstance();
    const { client, events } = await connect(instance);
    const [a, b] = [
      webProcess("workload/prod/a-0", await freePort()),
      webProcess("workload/prod/b-0", await freePort()),
    ];
    client.apply([a, b], instance.controlPlane);
    await until(
      () => names(events, a.id).includes("ready") && names(events, b.id).includes("ready"),
      "ready",
    );
    const before = [instance.pidOf(a.id), instance.pidOf(b.id)];
    const supervisor = instance.supervisorPid ?? 0;
    events.length = 0;
    process.kill(supervisor, "SIGKILL");
    await until(() => names(events, a.id).length > 0 && names(events, b.id).length > 0, "adoption");
    // Not for a moment do they seem to be away.
    const seen = events.map(({ event, process: { phase } }) => `${event} ${phase}`);
    expect(seen).toEqual(["adopted ready", "adopted ready"]);
    expect([instance.pidOf(a.id), instance.pidOf(b.id)]).toEqual(before);
    expect(instance.supervisorPid).not.toBe(supervisor);
    // What was adopted is kept as any other: started again, and ended.
    process.kill(before[0] ?? 0, "SIGKILL");
    await until(
      () => names(events, a.id).at(-1) === "ready" && instance.pidOf(a.id) !== before[0],
      "a restart",
    );
    const after = [instance.pidOf(a.id), instance.pidOf(b.id)];
    expect(after[1]).toBe(before[1]);
    await client.stop(1000);
    expect(after.map(runs)).toEqual([false, false]);
  });

  test("leaves nothing behind: its successor ends what is not wanted, and restarts what has changed", async () => {
    const instance = newInstance();
    const { client, events } = await connect(instance);
    const ports = [await freePort(), await freePort(), await freePort()] as const;
    const [a, b, c] = [webProcess("a", ports[0]), webProcess("b", ports[1]), webProcess("c", ports[2])];
    client.apply([a, b, c], instance.controlPlane);
    await until(() => events.filter(({ event }) => event === "ready").length === 3, "ready");
    const before = [instance.pidOf("a"), instance.pidOf("b"), instance.pidOf("c")];
    client.close();
    process.kill(instance.supervisorPid ?? 0, "SIGKILL");
    const next = await connect(instance);
    // Known from the start, before anything is wanted.
    expect([...next.client.processes.values()].map(({ id, phase }) => `${id} ${phase}`)).toEqual([
      "a ready",
      "b ready",
      "c ready",
    ]);
    next.client.apply([a, { ...b, env: { VERSION: "2" } }], instance.controlPlane);
    await until(() => names(next.events, "b").includes("ready") && !runs(before[2]), "the wanted state");
    expect(instance.pidOf("a")).toBe(before[0]);
    expect(runs(before[1])).toBe(false);
    expect(instance.pidOf("c")).toBeUndefined();
    await until(() => !next.client.processes.has("c"), "its end to be told");
    await next.client.stop(0);
  });

  test("while it ends everything: its successor ends the rest", async () => {
    const instance = newInstance();
    const { client } = await connect(instance);
    const port = await freePort();
    const code = `
      process.on("SIGTERM", () => setTimeout(() => process.exit(0), 700));
      require("net").createServer().listen(${port}, "127.0.0.1")`;
    const spec = nodeProcess("a", code, { readiness: { kind: "tcp", port } });
    client.apply([spec], instance.controlPlane);
    await until(() => client.processes.get("a")?.phase === "ready", "ready");
    const [pid, supervisor] = [instance.pidOf("a"), instance.supervisorPid ?? 0];
    const stopped = client.stop(1000);
    await sleep(200);
    process.kill(supervisor, "SIGKILL");
    await stopped;
    expect(runs(pid)).toBe(false);
    await until(() => instance.supervisorPid === undefined, "no supervisor");
  });
});

describe("a control plane that is killed", () => {
  test("is replaced: everything goes on, the last good configuration is served, a new one takes over", async () => {
    const instance = newInstance();
    const port = await freePort();
    const spec = webProcess("workload/prod/a-0", port);
    const controlPlane = await instance.startControlPlane([spec]);
    await until(async () => (await answer(port)) !== "", "the workload");
    const workload = await answer(port);
    expect(instance.lastGoodIsServed).toBe(false);

    controlPlane.kill("SIGKILL");
    await until(() => instance.lastGoodIsServed, "last-good", 3000);
    await until(() => instance.controlPlanePid !== controlPlane.pid, "another control plane");
    await until(() => !instance.lastGoodIsServed, "the hand-over");
    expect(await answer(port)).toBe(workload);

    // Killed again, with a workload: both come back.
    const second = instance.controlPlanePid ?? 0;
    process.kill(second, "SIGKILL");
    process.kill(Number(workload), "SIGKILL");
    await until(() => instance.controlPlanePid !== second, "a third control plane");
    await until(async () => !["", workload].includes(await answer(port)), "a new workload");

    const last = await answer(port);
    process.kill(instance.controlPlanePid ?? 0, "SIGTERM");
    await until(() => instance.supervisorPid === undefined, "the end of everything");
    expect(runs(Number(last))).toBe(false);
    await until(() => !runs(instance.controlPlanePid), "the end of the control plane");
  });

  test("and whose user starts the next one: that one is in charge, no further one stays", async () => {
    const instance = newInstance();
    const spec = webProcess("workload/prod/a-0", await freePort());
    const first = await instance.startControlPlane([spec]);
    await until(() => instance.pidOf(spec.id) !== undefined, "the workload");
    const workload = instance.pidOf(spec.id);
    first.kill("SIGKILL");
    const second = await instance.startControlPlane([spec], "--take-over");
    await sleep(1500);
    expect(instance.controlPlanePid).toBe(second.pid);
    expect(runs(second.pid)).toBe(true);
    expect(instance.pidOf(spec.id)).toBe(workload);
    second.kill("SIGTERM");
    await until(() => instance.supervisorPid === undefined, "the end");
  });

  test("before it said what it wants leaves no supervisor behind", async () => {
    const instance = newInstance();
    const { client } = await connect(instance);
    client.close();
    await until(() => instance.supervisorPid === undefined, "the end of an idle supervisor", 12_000);
  });
});

describe("a second control plane", () => {
  test("is told to leave, or takes over when it says so; the first one then ends and stops nothing", async () => {
    const instance = newInstance();
    const spec = webProcess("workload/prod/a-0", await freePort());
    const first = await instance.startControlPlane([spec]);
    await until(() => instance.pidOf(spec.id) !== undefined, "the workload");
    const workload = instance.pidOf(spec.id);
    const exitOf = (child: typeof first) =>
      new Promise((resolve) =>
        child.exitCode === null ? child.once("exit", resolve) : resolve(child.exitCode),
      );
    expect(await exitOf(await instance.startControlPlane([spec]))).toBe(3);

    const firstExit = exitOf(first);
    const third = await instance.startControlPlane([spec], "--take-over");
    expect(await firstExit).toBe(0);
    expect(instance.controlPlanePid).toBe(third.pid);
    expect(instance.pidOf(spec.id)).toBe(workload);
    third.kill("SIGTERM");
    expect(await exitOf(third)).toBe(0);
    expect(runs(workload)).toBe(false);
  });
});

describe("a supervisor", () => {
  test("that gets SIGTERM ends everything, and its control plane", async () => {
    const instance = newInstance();
    const spec = webProcess("workload/prod/a-0", await freePort());
    const controlPlane = await instance.startControlPlane([spec]);
    await until(() => instance.pidOf(spec.id) !== undefined, "the workload");
    const workload = instance.pidOf(spec.id);
    const exit = new Promise((resolve) => controlPlane.once("exit", resolve));
    process.kill(instance.supervisorPid ?? 0, "SIGTERM");
    expect(await exit).toBe(0);
    await until(() => instance.supervisorPid === undefined, "its end");
    expect(runs(workload)).toBe(false);
    expect(
      statSync(socketPath(instance.state, "supervisor.sock"), { throwIfNoEntry: false }),
    ).toBeUndefined();
  });

  test("is one for each state directory, however many are started", async () => {
    const instance = newInstance();
    const connected = await Promise.all(
      Array.from({ length: 4 }, () =>
        connectSupervisor({ state: instance.state, spawnCommand: instance.spawnCommand, takeOver: false }),
      ),
    );
    const inCharge = connected.filter((client) => !("busy" in client));
    expect(inCharge).toHaveLength(1);
    const log = readFileSync(join(instance.state, "logs/supervisor.log"), "utf8");
    expect(log.match(/Z supervises \//g)).toHaveLength(1);
    for (const client of inCharge) await (client as SupervisorClient).stop(0);
  });

  test("works in a state directory whose path is too long for a socket", async () => {
    const instance = newInstance("a-folder-with-a-long-name/".repeat(5));
    expect(socketPath(instance.state, "supervisor.sock")).not.toContain(instance.state);
    const { client } = await connect(instance);
    const port = await freePort();
    client.apply([webProcess("a", port)], instance.controlPlane);
    await until(async () => (await answer(port)) !== "", "the workload");
    expect(statSync(socketPath(instance.state, "supervisor.sock")).mode & 0o777).toBe(0o600);
    await client.stop(0);
  });

  test("answers questions, and can be ended by a command", async () => {
    const instance = newInstance();
    const { client } = await connect(instance);
    const spec = webProcess("a", await freePort(), { env: { COLOUR: "red", NO_PROXY: null } });
    client.apply([spec], instance.controlPlane);
    await until(() => client.processes.get("a")?.phase === "ready", "ready");
    const path = socketPath(instance.state, "supervisor.sock");
    const states = await askSupervisor(path, { type: "list" }, "states");
    expect(states?.processes).toMatchObject([{ id: "a", phase: "ready", restarts: 0 }]);
    const environment = await askSupervisor(path, { type: "environment", id: "a" }, "environment");
    expect(environment?.environment).toEqual({ COLOUR: "red", NO_PROXY: null });
    expect(await execWith(path, "a", '[ "$COLOUR" = red ]')).toBe(0);
    expect(await execWith(path, "none", "true")).toBe(1);
    const pid = instance.pidOf("a");
    expect(await stopSupervisor(instance.state, 500)).toBe(true);
    expect(runs(pid)).toBe(false);
    expect(await stopSupervisor(instance.state, 500)).toBe(false);
  });

  test("whose state directory was removed ends what nobody could find any more", async () => {
    const instance = newInstance();
    const { client } = await connect(instance);
    const spec = webProcess("a", await freePort());
    client.apply([spec], instance.controlPlane);
    await until(() => client.processes.get("a")?.phase === "ready", "ready");
    const pid = instance.pidOf("a");
    const supervisor = instance.supervisorPid;
    client.close();
    writeFileSync(join(instance.state, "supervisor.lock"), "");
    await until(() => !runs(pid) && !runs(supervisor), "the end of both");
  });
});
