import { endProcess } from "./drain.ts";
import { ManagedProcess, type ProcessSurroundings } from "./managed-process.ts";
import { endOrphans, isRunning } from "./process-identity.ts";
import { type ProcessRecord, ProcessRecords } from "./process-records.ts";
import type { ProcessPhase, ProcessSpec, ProcessState } from "./process-spec.ts";
import { isReady } from "./readiness.ts";
import { RollingGate } from "./rolling-gate.ts";
import { adoptProcess } from "./running-process.ts";

/** Drain of a process that is removed or replaced while the rest goes on. */
const replaceDrainMs = 3000;

/** All processes of one supervisor. */
export class ProcessSet {
  readonly #around: ProcessSurroundings;
  readonly #processes = new Map<string, ManagedProcess>();
  /** Processes that an earlier supervisor has left and of which we do not know yet whether they are wanted. */
  #unclaimed: readonly ProcessRecord[];
  #stopping: Promise<void> | undefined;
  readonly #hurry = new AbortController();

  constructor(state: string, onEvent: ProcessSurroundings["onEvent"]) {
    const records = new ProcessRecords(state);
    this.#around = { state, records, gate: new RollingGate(), onEvent };
    this.#unclaimed = records.all();
  }

  states(): readonly ProcessState[] {
    return [...this.#processes.values()].map(({ state }) => state);
  }

  /** With what an earlier supervisor has left and still runs, so that a control plane knows from the start what serves. */
  async knownStates(): Promise<readonly ProcessState[]> {
    const left = this.#unclaimed
      .filter(isRunning)
      .map(async ({ id, pid, readiness, startedAt, restarts }) => {
        const phase: ProcessPhase = (await isReady(readiness)) ? "ready" : "running";
        return { id, pid, phase, startedAt, restarts };
      });
    return [...(await Promise.all(left)), ...this.states()];
  }

  spec(id: string): ProcessSpec | undefined {
    return this.#processes.get(id)?.wanted;
  }

  get empty(): boolean {
    return this.#processes.size === 0 && this.#unclaimed.length === 0;
  }

  /** Makes exactly these processes run. Those that run with an equal spec are left alone. */
  apply(specs: readonly ProcessSpec[]): void {
    if (this.#stopping !== undefined) return;
    const wanted = new Map(specs.map((spec) => [spec.id, spec]));
    for (const [id, process] of this.#processes) {
      if (!wanted.has(id) && process.wanted !== undefined) void process.stop(replaceDrainMs);
    }
    for (const spec of wanted.values()) {
      if (this.#processes.get(spec.id)?.want(spec, replaceDrainMs) !== true) this.#add(spec);
    }
    const stale = this.#unclaimed.filter(({ id }) => !wanted.has(id));
    this.#unclaimed = [];
    for (const record of stale) void this.#endUnclaimed(record, replaceDrainMs);
  }

  restart(id: string): void {
    this.#processes.get(id)?.restart(replaceDrainMs);
  }

  /** Ends everything, stage by stage; resolves when nothing runs any more. A second call without drain time cuts the
   * first one short. */
  stopAll(drainMs: number): Promise<void> {
    if (this.#stopping === undefined) this.#stopping = this.#stopStages(drainMs);
    else if (drainMs === 0) {
      this.#hurry.abort();
      for (const process of this.#processes.values()) process.hurry();
    }
    return this.#stopping;
  }

  async #stopStages(drainMs: number): Promise<void> {
    const unclaimed = this.#unclaimed;
    this.#unclaimed = [];
    for (const stage of [0, 1, 2] as const) {
      // Nobody sends anything to the last stage any more.
      const time = stage === 2 ? 0 : drainMs;
      const processes = [...this.#processes.values()].filter(
        ({ wanted }) => wanted === undefined || wanted.stopStage === stage,
      );
      await Promise.all([
        ...processes.map((process) => process.stop(time)),
        ...unclaimed
          .filter(({ stopStage }) => stopStage === stage)
          .map((record) => this.#endUnclaimed(record, time)),
      ]);
    }
  }

  #add(spec: ProcessSpec): void {
    const process = new ManagedProcess(spec, this.#around);
    this.#processes.set(spec.id, process);
    void process.done.then(() => {
      if (this.#processes.get(spec.id) === process) this.#processes.delete(spec.id);
    });
  }

  async #endUnclaimed(record: ProcessRecord, drainMs: number): Promise<void> {
    if (isRunning(record)) {
      await endProcess(adoptProcess(record), record.drain, drainMs, this.#hurry.signal);
    }
    endOrphans(record);
    // The id may have been given to a new process meanwhile.
    if (this.#around.records.get(record.id)?.pid !== record.pid) return;
    this.#around.records.delete(record.id);
    this.#around.onEvent("stopped", { id: record.id, phase: "stopping", restarts: record.restarts });
  }
}
