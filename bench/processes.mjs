import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** The proxy that is measured has this core for itself; load, backend and everything else have the other. */
export const proxyCore = 0;
export const otherCore = 1;

/**
 * @typedef {object} Running
 * @property {number} pid
 * @property {(signal?: NodeJS.Signals) => Promise<void>} stop resolves when it has ended
 */

/** @type {Set<import("node:child_process").ChildProcess>} */
const children = new Set();

/** @type {string[]} */
const folders = [];

// The last resort; run.mjs calls stopAll first.
process.on("exit", () => {
  for (const child of children) child.kill("SIGTERM");
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A new folder that goes when the bench ends. @param {string} what */
export function temporaryFolder(what) {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), `diolkos-bench-${what}-`)));
  folders.push(folder);
  return folder;
}
for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) {
  process.on(signal, () => void stopAll().then(() => process.exit(130)));
}

/** Ends all that runs, politely: the product takes its own children along, which a SIGKILL would leave running. */
export async function stopAll() {
  await Promise.all(
    [...children].map(async (child) => {
      child.kill("SIGTERM");
      await Promise.race([once(child, "exit"), sleep(20_000)]);
    }),
  );
}

/**
 * Starts a process on one core. Its output goes to `log`.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ core?: number, log: string, env?: NodeJS.ProcessEnv, cwd?: string }} options
 * @returns {Running}
 */
export function start(command, args, { core, log, env, cwd }) {
  const output = openSync(log, "a");
  const pinned = core === undefined ? [command, ...args] : ["taskset", "-c", String(core), command, ...args];
  const [program = command, ...rest] = pinned;
  const child = spawn(program, rest, { stdio: ["ignore", output, output], env: env ?? process.env, cwd });
  closeSync(output);
  children.add(child);
  const ended = once(child, "exit").finally(() => children.delete(child));
  ended.catch(() => undefined);
  if (child.pid === undefined) throw new Error(`${command} cannot be started; see ${log}`);
  return {
    pid: child.pid,
    async stop(signal = "SIGTERM") {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      await ended;
    },
  };
}

/** Waits until something listens. @param {number} port @param {number} [timeoutMs] */
export async function untilListening(port, timeoutMs = 30_000) {
  const deadline = Date.now() + timeoutMs;
  while (Date.now() < deadline) {
    const socket = connect(port, "127.0.0.1");
    const connected = await new Promise((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
    });
    socket.destroy();
    if (connected) return;
    await sleep(50);
  }
  throw new Error(`nothing listens on 127.0.0.1:${port}`);
}

/** @param {number} count @returns {Promise<number[]>} */
export async function freePorts(count) {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, "127.0.0.1");
      await once(server, "listening");
      return server;
    }),
  );
  return servers.map((server) => {
    const address = server.address();
    server.close();
    if (address === null || typeof address === "string") throw new Error("no port");
    return address.port;
  });
}

/**
 * CPU time (user and system) that a process and its children have used, in nanoseconds, from the scheduler's own
 * accounts, which are exact where /proc/PID/stat counts ticks of 10 ms.
 * @param {number} pid
 * @returns {number}
 */
export function cpuNanoseconds(pid) {
  const tasks = readdirSync(`/proc/${pid}/task`).map((task) => {
    try {
      return Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]);
    } catch {
      return 0; // A thread that has just ended.
    }
  });
  return (
    tasks.reduce((sum, one) => sum + one, 0) +
    childrenOf(pid).reduce((sum, one) => sum + cpuNanoseconds(one), 0)
  );
}

/** @param {number} pid @returns {number[]} */
export function childrenOf(pid) {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" ").filter(Boolean).map(Number),
  );
}

/** Resident memory in bytes. @param {number} pid */
export function residentBytes(pid) {
  const line = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(line?.[1]) * 1024;
}
