import { setTimeout as sleep } from "node:timers/promises";
import { equal } from "#incremental/equal.ts";
import { endProcess } from "./drain.ts";
import { endOrphans, isRunning } from "./process-identity.ts";
import { logPath } from "./process-log.ts";
import type { ProcessRecords } from "./process-records.ts";
import { type ProcessFailure, type ProcessSpec, type ProcessState, specHash } from "./process-spec.ts";
import { describeUnready, isReady, untilReady } from "./readiness.ts";
import type { RollingGate } from "./rolling-gate.ts";
import {
  adoptProcess,
  endStragglers,
  type ProcessExit,
  type RunningProcess,
  startProcess,
} from "./running-process.ts";
import type { ProcessEventName } from "./supervisor-protocol.ts";

const firstDelayMs = 200;
const longestDelayMs = 5000;
/** A process that lived this long was well; its next end is a first one again. */
const healthyAfterMs = 10_000;
const complainAfterMs = 10_000;
/** How long the other replicas wait for one that was restarted. */
const rollingPatienceMs = 15_000;

/** What a process shares with the others of its supervisor. */
export interface ProcessSurroundings {
  readonly state: string;
  readonly records: ProcessRecords;
  readonly gate: RollingGate;
  readonly onEvent: (event: ProcessEventName, process: ProcessState) => void;
}

interface Life {
  readonly running: RunningProcess;
  readonly spec: ProcessSpec;
  readonly hash: string;
  readonly startedAt: number;
}

/** Keeps one process as it is wanted: adopts or starts it, watches it, starts it again when it ends, restarts it when
 * its spec changes, and ends it when it is not wanted any more. */
export class ManagedProcess {
  readonly id: string;
  /** Resolves when the process is not wanted and has ended. */
  readonly done: Promise<void>;
  #wanted: ProcessSpec | undefined;
  #finished = false;
  #restartAsked = false;
  #drainMs = 0;
  #attempts = 0;
  #wake = new AbortController();
  readonly #hurry = new AbortController();
  #leaveGate: (() => void) | undefined;
  #state: ProcessState;
  readonly #around: ProcessSurroundings;

  constructor(spec: ProcessSpec, around: ProcessSurroundings) {
    this.id = spec.id;
    this.#wanted = spec;
    this.#around = around;
    this.#state = { id: spec.id, phase: "starting", restarts: 0 };
    this.done = this.#live();
  }

  get state(): ProcessState {
    return this.#state;
  }

  /** The spec that it shall have now; undefined while it is being ended. */
  get wanted(): ProcessSpec | undefined {
    return this.#wanted;
  }

  /** Gives it another spec; false when it has already ended for good. */
  want(spec: ProcessSpec, drainMs: number): boolean {
    if (this.#finished) return false;
    if (equal(this.#wanted, spec)) return true;
    if (this.#wanted === undefined || specHash(this.#wanted) !== specHash(spec)) this.#attempts = 0;
    this.#wanted = spec;
    this.#drainMs = drainMs;
    this.#stir();
    return true;
  }

  /** Ends it and starts it again. */
  restart(drainMs: number): void {
    this.#restartAsked = true;
    this.#attempts = 0;
    this.#drainMs = drainMs;
    this.#stir();
  }

  /** Ends it for good. */
  stop(drainMs: number): Promise<void> {
    this.#wanted = undefined;
    this.#drainMs = drainMs;
    this.#stir();
    return this.done;
  }

  /** Cuts all waiting for its end short, now and later. */
  hurry(): void {
    this.#hurry.abort();
  }

  #stir(): void {
    this.#wake.abort();
  }

  async #live(): Promise<void> {
    let life = await this.#adopt();
    for (;;) {
      if (this.#wake.signal.aborted) this.#wake = new AbortController();
      const spec = this.#wanted;
      if (spec === undefined) {
        this.#passGate();
        if (life === undefined) break;
        await this.#end(life);
        // It may have become wanted again meanwhile.
        life = undefined;
        continue;
      }
      life = life === undefined ? await this.#start(spec) : this.#renew(life, spec);
      if (life === undefined) {
        await this.#backOff();
        continue;
      }
      const exit = this.#mustReplace(life) ? undefined : await this.#watch(life);
      if (exit !== undefined) {
        this.#noteExit(life, exit);
        life = undefined;
        await this.#backOff();
      } else if (this.#mustReplace(life)) {
        // While it waits for its turn, it may become unwanted, or wanted as it is.
        if (!(await this.#awaitTurn(life.running)) || this.#wanted === undefined) continue;
        if (!this.#mustReplace(life)) continue;
        await this.#end(life);
        life = undefined;
      }
    }
    this.#around.records.delete(this.id);
    this.#finished = true;
    this.#tell("stopped", { phase: "stopping" });
  }

  /** A process that an earlier supervisor has started and that still runs. One with another spec is ended by the
   * same path as any process whose spec changes. */
  async #adopt(): Promise<Life | undefined> {
    const record = this.#around.records.get(this.id);
    const spec = this.#wanted;
    if (record === undefined || spec === undefined) return undefined;
    if (!isRunning(record)) {
      endOrphans(record);
      return undefined;
    }
    // Not for a moment shall it seem to be away.
    const ready = record.hash === specHash(spec) && (await isReady(spec.readiness));
    this.#tell("adopted", {
      phase: ready ? "ready" : "running",
      pid: record.pid,
      startedAt: record.startedAt,
      restarts: record.restarts,
    });
    // Until its spec proves to be the wanted one, it is drained as the process that it is.
    const was = { ...spec, drain: record.drain };
    const startedAt = Date.parse(record.startedAt);
    return { running: adoptProcess(record), spec: was, hash: record.hash, startedAt };
  }

  /** Takes over what may change without a restart: how readiness is seen, and how it is ended. */
  #renew(life: Life, spec: ProcessSpec): Life {
    if (specHash(spec) !== life.hash) return life;
    const record = this.#around.records.get(this.id);
    if (record !== undefined && (!equal(record.drain, spec.drain) || record.stopStage !== spec.stopStage)) {
      this.#around.records.set({ ...record, drain: spec.drain, stopStage: spec.stopStage });
    }
    return { ...life, spec };
  }

  async #start(spec: ProcessSpec): Promise<Life | undefined> {
    this.#restartAsked = false;
    const started = await startProcess(this.#around.state, spec);
    if ("kind" in started) {
      this.#passGate();
      this.#tell("failed-to-start", { phase: "backing-off", failure: started });
      return undefined;
    }
    const now = new Date();
    const hash = specHash(spec);
    const { restarts } = this.#state;
    this.#around.records.set({
      id: this.id,
      pid: started.pid,
      startTime: started.startTime,
      hash,
      drain: spec.drain,
      stopStage: spec.stopStage,
      readiness: spec.readiness,
      startedAt: now.toISOString(),
      restarts,
    });
    this.#tell("started", { phase: "running", pid: started.pid, startedAt: now.toISOString() });
    return { running: started, spec, hash, startedAt: now.getTime() };
  }

  /** Resolves with the exit, or with undefined when something else is wanted. */
  async #watch({ running, spec }: Life): Promise<ProcessExit | undefined> {
    const over = new AbortController();
    if (this.#state.phase !== "ready") {
      void this.#followReadiness(spec, over.signal);
    }
    const exit = await Promise.race([running.exited, this.#changed()]);
    over.abort();
    return exit;
  }

  async #followReadiness(spec: ProcessSpec, signal: AbortSignal): Promise<void> {
    const late = setTimeout(() => {
      const failure: ProcessFailure = {
        kind: "not-ready",
        message: `it runs, but ${describeUnready(spec.readiness)}`,
        fix: `See ${logPath(this.#around.state, this.id)}.`,
      };
      this.#tell("not-ready", { failure });
    }, complainAfterMs);
    if (await untilReady(spec.readiness, signal)) {
      this.#passGate();
      const { failure: _, ...rest } = this.#state;
      this.#state = rest;
      this.#tell("ready", { phase: "ready" });
    }
    clearTimeout(late);
  }

  #mustReplace(life: Life): boolean {
    return this.#restartAsked || (this.#wanted !== undefined && specHash(this.#wanted) !== life.hash);
  }

  async #end(life: Life): Promise<void> {
    this.#tell("stopping", { phase: "stopping" });
    await endProcess(life.running, life.spec.drain, this.#drainMs, this.#hurry.signal);
    endStragglers(life.running);
    this.#around.records.delete(this.id);
    const { pid: _, ...rest } = this.#state;
    this.#state = { ...rest, phase: "starting" };
  }

  #noteExit(life: Life, { code, signal }: ProcessExit): void {
    endStragglers(life.running);
    this.#passGate();
    if (Date.now() - life.startedAt >= healthyAfterMs) this.#attempts = 0;
    const { pid: _, ...rest } = this.#state;
    this.#state = { ...rest, restarts: rest.restarts + 1 };
    const how = signal === null ? (code === null ? "" : ` with code ${code}`) : ` by ${signal}`;
    this.#tell("exited", {
      phase: "backing-off",
      lastExit: { code, signal, at: new Date().toISOString() },
      failure: {
        kind: "exited",
        message: `it ended${how}`,
        fix: `See ${logPath(this.#around.state, this.id)}.`,
      },
    });
  }

  /** At once the first time, then after 0.2 s and twice as long each time, at most 5 s. A change ends the wait. */
  async #backOff(): Promise<void> {
    const attempt = this.#attempts++;
    if (attempt === 0) return;
    const delay = Math.min(longestDelayMs, firstDelayMs * 2 ** (attempt - 1));
    await sleep(delay, undefined, { signal: this.#wake.signal }).catch(() => undefined);
  }

  /** True when it may be replaced now; false when something else is wanted meanwhile. */
  async #awaitTurn(running: RunningProcess): Promise<boolean> {
    const group = this.#wanted?.group;
    if (group === undefined || this.#leaveGate !== undefined) return true;
    const entering = this.#around.gate.enter(group);
    const changed = this.#changed().then(() => "changed" as const);
    const turn = await Promise.race([entering, running.exited.then(() => "ended" as const), changed]);
    if (typeof turn === "string") {
      void entering.then((leave) => leave());
      // One that has ended by itself harms nobody by being replaced.
      return turn === "ended";
    }
    this.#leaveGate = turn;
    setTimeout(() => {
      turn();
      if (this.#leaveGate === turn) this.#leaveGate = undefined;
    }, rollingPatienceMs).unref();
    return true;
  }

  /** Resolves when something else is wanted than before. */
  #changed(): Promise<undefined> {
    return new Promise((resolve) => {
      if (this.#wake.signal.aborted) resolve(undefined);
      this.#wake.signal.addEventListener("abort", () => resolve(undefined), { once: true });
    });
  }

  #passGate(): void {
    this.#leaveGate?.();
    this.#leaveGate = undefined;
  }

  #tell(event: ProcessEventName, change: Partial<ProcessState>): void {
    this.#state = { ...this.#state, ...change };
    this.#around.onEvent(event, this.#state);
  }
}
