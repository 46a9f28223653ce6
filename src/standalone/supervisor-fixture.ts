import { type ChildProcess, spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { build } from "esbuild";
import { identifyProcess } from "./process-identity.ts";
import { readRecords } from "./process-records.ts";
import type { ControlPlaneCommand, ProcessSpec } from "./process-spec.ts";
import { findSupervisor } from "./supervisor-lock.ts";

/** For tests: a state directory whose supervisor and control planes run as processes of their own. */
export class Instance {
  readonly state: string;
  readonly program: string;
  readonly #folder = mkdtempSync(join(realpathSync(tmpdir()), "dlk-"));
  readonly #started: ChildProcess[] = [];

  /** `under`: further folders between the temporary one and the state directory. */
  constructor(program: string, under = "") {
    this.state = join(this.#folder, under, "state");
    this.program = program;
  }

  get spawnCommand(): { command: string; args: string[] } {
    return { command: process.execPath, args: [this.program, "supervise", this.state] };
  }

  /** A control plane that wants the processes in `<state>/wanted.json`. */
  get controlPlane(): ControlPlaneCommand {
    const args = [this.program, "control-plane", this.state];
    return { command: process.execPath, args, cwd: "/", env: { PATH: process.env.PATH ?? "" } };
  }

  /** Starts a control plane in the foreground, as a user would; resolves when it is in charge. */
  async startControlPlane(wanted: readonly ProcessSpec[], ...flags: string[]): Promise<ChildProcess> {
    mkdirSync(this.state, { recursive: true });
    writeFileSync(join(this.state, "wanted.json"), JSON.stringify(wanted));
    const { command, args } = this.controlPlane;
    const child = spawn(command, [...args, ...flags], { stdio: ["ignore", "inherit", "inherit"] });
    this.#started.push(child);
    const exited = new Promise((resolve) => child.once("exit", resolve));
    const told = until(() => this.controlPlanePid === child.pid, "a control plane in charge");
    await Promise.race([told, exited]);
    return child;
  }

  /** The control plane that was last in charge. */
  get controlPlanePid(): number | undefined {
    return readNumber(join(this.state, "control-plane.pid"));
  }

  get supervisorPid(): number | undefined {
    return findSupervisor(this.state)?.pid;
  }

  pidOf(id: string): number | undefined {
    const pid = readRecords(this.state).find((record) => record.id === id)?.pid;
    return pid !== undefined && identifyProcess(pid) !== undefined ? pid : undefined;
  }

  get lastGoodIsServed(): boolean {
    return existsSync(join(this.state, "last-good"));
  }

  /** Ends everything, whatever the test has left, by the pids of its own processes. */
  async destroy(): Promise<void> {
    const pids = [...readRecords(this.state).map(({ pid }) => -pid)];
    for (const child of this.#started) if (child.exitCode === null) kill(child.pid);
    kill(this.supervisorPid);
    for (const pid of pids) kill(pid);
    // The one that a supervisor has started: it is ours while it says so in this directory.
    kill(this.controlPlanePid);
    await sleep(50);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Bundles a program, by default the one that tests run as supervisor and as control plane; Node alone does not read
 * TypeScript. `removeProgram` removes it. */
export async function buildProgram(contents = program): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "dlk-program-"));
  const outfile = join(folder, "program.mjs");
  await build({
    stdin: { contents, resolveDir: import.meta.dirname, loader: "ts" },
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    banner: {
      js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
    },
  });
  return outfile;
}

export function removeProgram(path: string): void {
  rmSync(dirname(path), { recursive: true, force: true });
}

const program = `
  import { readFileSync, rmSync, writeFileSync } from "node:fs";
  import { createServer } from "node:net";
  import { connectSupervisor } from "./supervisor-client.ts";
  import { runSupervisor } from "./supervisor.ts";
  import { socketPath } from "./socket-path.ts";

  const [role, state, ...flags] = process.argv.slice(2);
  const listen = async () => {
    const path = socketPath(state, "xds.sock");
    rmSync(path, { force: true });
    const server = createServer();
    await new Promise((resolve, reject) => server.once("error", reject).listen(path, resolve));
    return server;
  };
  if (role === "supervise") {
    const serveLastGood = async () => {
      const server = await listen();
      writeFileSync(state + "/last-good", "");
      return { close: async () => { rmSync(state + "/last-good"); await new Promise((end) => server.close(end)); } };
    };
    const more = { logLimitBytes: 50_000, idleMs: 3000 };
    process.exit(await runSupervisor({ state, serveLastGood, ...more }));
  }
  const command = { command: process.execPath, args: [process.argv[1], "control-plane", state], cwd: "/", env: process.env };
  const client = await connectSupervisor({
    state,
    takeOver: flags.includes("--take-over"),
    spawnCommand: { command: process.execPath, args: [process.argv[1], "supervise", state] },
    onEnd: (why) => { console.error("ended:", why); client.close(); process.exit(0); },
  });
  if ("busy" in client) process.exit(3);
  await listen();
  client.apply(JSON.parse(readFileSync(state + "/wanted.json", "utf8")), command);
  process.on("SIGTERM", async () => { await client.stop(1000); process.exit(0); });
  writeFileSync(state + "/control-plane.pid", String(process.pid));
`;

/** Waits until something holds. */
export async function until(holds: () => boolean | Promise<boolean>, what: string, ms = 8000): Promise<void> {
  const end = Date.now() + ms;
  while (Date.now() < end) {
    if (await holds()) return;
    await sleep(20);
  }
  throw new Error(`not within ${ms} ms: ${what}`);
}

/** Outside the range from which the system takes ports for outgoing connections; test files begin at different places. */
let nextPort = 10_000 + ((process.pid * 97) % 9000);

/** A port that is free, and that this file's tests get once only. */
export async function freePort(): Promise<number> {
  for (;;) {
    nextPort = nextPort >= 19_999 ? 10_000 : nextPort + 1;
    const port = nextPort;
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
}

/** A process for tests: node running a few lines of JavaScript. */
export function nodeProcess(id: string, code: string, more: Partial<ProcessSpec> = {}): ProcessSpec {
  return {
    id,
    command: process.execPath,
    args: ["-e", code],
    env: {},
    cwd: "/",
    readiness: { kind: "none" },
    drain: { kind: "signal", graceMs: 2000 },
    stopStage: 2,
    ...more,
  };
}

/** An HTTP server that answers with its pid. */
export function webProcess(id: string, port: number, more: Partial<ProcessSpec> = {}): ProcessSpec {
  const code = `require("http").createServer((q, r) => r.end(String(process.pid))).listen(${port}, "127.0.0.1")`;
  return nodeProcess(id, code, { readiness: { kind: "tcp", port }, ...more });
}

function readNumber(path: string): number | undefined {
  try {
    return Number(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

function kill(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}
