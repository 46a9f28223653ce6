import { type ChildProcess, spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { identifyProcess, isRunning, type ProcessIdentity } from "./process-identity.ts";
import { openLog } from "./process-log.ts";
import type { ControlPlaneCommand } from "./process-spec.ts";

const longestDelayMs = 10_000;
const healthyAfterMs = 10_000;
/** How long a control plane that was started again may take to connect. */
const patienceMs = 60_000;
/** How long a control plane that was superseded may take to leave its sockets. */
const leaveMs = 5000;

/** Serves the last good configuration to the proxies while no control plane lives. */
export interface SnapshotServer {
  close(): Promise<void>;
}

export interface ControlPlaneWatchOptions {
  readonly state: string;
  readonly serveLastGood: () => Promise<SnapshotServer>;
  readonly restartAfterMs: number;
  readonly log: (message: string) => void;
}

/** One connected control plane. */
export interface ControlPlaneConnection {
  readonly identity: ProcessIdentity;
  readonly closed: Promise<void>;
  supersede(byPid: number): void;
}

/** Knows which control plane is in charge. When it is lost, serves the last good configuration in its place and starts
 * it again; when one is there, hands over to it. */
export class ControlPlaneWatch {
  readonly #options: ControlPlaneWatchOptions;
  #current: ControlPlaneConnection | undefined;
  #connectedAt = 0;
  #command: ControlPlaneCommand | undefined;
  #attempts = 0;
  #child: ChildProcess | undefined;
  #absence: AbortController | undefined;
  #absenceOver: Promise<void> = Promise.resolve();
  #handOvers: Promise<unknown> = Promise.resolve();
  #closed = false;
  /** Control planes that we have started and that came too late. */
  readonly #unwanted = new Set<string>();

  constructor(options: ControlPlaneWatchOptions) {
    this.#options = options;
  }

  get current(): ControlPlaneConnection | undefined {
    return this.#current;
  }

  /** True when there is a control plane to wait for: one is connected, or one will be started again. */
  get expected(): boolean {
    return this.#current !== undefined || this.#command !== undefined;
  }

  /** How a lost control plane is started again. */
  remember(command: ControlPlaneCommand): void {
    this.#command = command;
  }

  /** Puts a control plane in charge. Resolves when the xDS socket is free for it, with the process that is in charge
   * instead, if there is one and it shall not be superseded. */
  take(connection: ControlPlaneConnection, takeOver: boolean): Promise<{ busy: number } | undefined> {
    const handOver = this.#handOvers.then(async () => {
      const before = this.#current;
      if (this.#unwanted.has(keyOf(connection.identity))) return { busy: before?.identity.pid ?? 0 };
      if (before !== undefined) {
        if (!takeOver) return { busy: before.identity.pid };
        this.#current = undefined;
        before.supersede(connection.identity.pid);
        await left(before, connection.identity.pid);
      }
      this.#current = connection;
      this.#connectedAt = Date.now();
      await this.#endAbsence();
      void connection.closed.then(() => this.#lost(connection));
      return undefined;
    });
    this.#handOvers = handOver.catch(() => undefined);
    return handOver;
  }

  /** A connection has ended without a word: its control plane was killed, or crashed. */
  #lost(connection: ControlPlaneConnection): void {
    if (this.#current !== connection || this.#closed) return;
    this.#current = undefined;
    if (Date.now() - this.#connectedAt >= healthyAfterMs) this.#attempts = 0;
    this.#options.log(`the control plane (process ${connection.identity.pid}) is gone`);
    const absence = new AbortController();
    this.#absence = absence;
    this.#absenceOver = this.#bridge(connection, absence.signal).catch((error: unknown) => {
      this.#options.log(`while no control plane lives: ${String(error)}`);
    });
  }

  /** Starts and serves nothing any more. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#endAbsence();
    if (this.#child?.pid !== this.#current?.identity.pid) this.#child?.kill("SIGTERM");
  }

  async #endAbsence(): Promise<void> {
    this.#absence?.abort();
    this.#absence = undefined;
    await this.#absenceOver;
  }

  /** What happens from the loss of one control plane to the arrival of the next. */
  async #bridge(lost: ControlPlaneConnection, signal: AbortSignal): Promise<void> {
    // Its sockets are free once the process has ended, and not before.
    while (!signal.aborted && isRunning(lost.identity)) await pause(20, signal);
    if (signal.aborted) return;
    const server = this.#serve(signal);
    while (!signal.aborted && this.#command !== undefined) {
      const delay = this.#options.restartAfterMs * 2 ** this.#attempts++;
      await pause(Math.min(longestDelayMs, delay), signal);
      if (!signal.aborted) await this.#runControlPlane(this.#command, signal);
    }
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
    await (await server)?.close();
  }

  async #serve(signal: AbortSignal): Promise<SnapshotServer | undefined> {
    while (!signal.aborted) {
      try {
        return await this.#options.serveLastGood();
      } catch (error) {
        this.#options.log(`the last good configuration cannot be served: ${String(error)}`);
        await pause(1000, signal);
      }
    }
    return undefined;
  }

  /** Resolves when the started control plane has ended or has come into charge. */
  async #runControlPlane(command: ControlPlaneCommand, signal: AbortSignal): Promise<void> {
    const output = openLog(this.#options.state, "control-plane");
    const child = spawn(command.command, command.args, {
      cwd: command.cwd,
      env: command.env,
      detached: true,
      stdio: ["ignore", output, output],
    });
    closeSync(output);
    this.#child = child;
    const identity = child.pid === undefined ? undefined : identifyProcess(child.pid);
    const ended = new Promise<string>((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("exit", (code, name) => resolve(name === null ? `code ${code}` : name));
    });
    void ended.then(() => {
      if (this.#child === child) this.#child = undefined;
    });
    this.#options.log(`the control plane is started again as process ${child.pid}`);
    const inCharge = new Promise<undefined>((resolve) =>
      signal.addEventListener("abort", () => resolve(undefined), { once: true }),
    );
    const late = pause(patienceMs, signal).then(() => (signal.aborted ? undefined : "it took too long"));
    const how = await Promise.race([ended, inCharge, late]);
    if (how === undefined && this.#current?.identity.pid === child.pid) return;
    // It came too late, or not at all. It may be about to connect, and must not supersede the one that is in charge.
    if (identity !== undefined) this.#unwanted.add(keyOf(identity));
    child.kill("SIGKILL");
    await ended;
    if (how === undefined) return;
    this.#options.log(`the control plane was gone before it was in charge: ${how}`);
  }
}

/** Resolves when a superseded control plane has left its sockets to the one in process `to`. */
async function left({ closed, identity }: ControlPlaneConnection, to: number): Promise<void> {
  const leaves = await Promise.race([closed.then(() => true), sleep(leaveMs).then(() => false)]);
  if (identity.pid === to) return;
  if (!leaves) process.kill(identity.pid, "SIGKILL");
  const until = Date.now() + leaveMs;
  while (isRunning(identity) && Date.now() < until) await sleep(20);
}

function keyOf({ pid, startTime }: ProcessIdentity): string {
  return `${pid} ${startTime}`;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
