import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ProcessIdentity } from "./process-identity.ts";
import type { Drain, Readiness } from "./process-spec.ts";

/** What the next supervisor must know of a process to adopt or to end it. */
export interface ProcessRecord extends ProcessIdentity {
  readonly id: string;
  readonly hash: string;
  readonly drain: Drain;
  readonly stopStage: 0 | 1 | 2;
  readonly readiness: Readiness;
  readonly startedAt: string;
  readonly restarts: number;
}

/** The children of this state directory's supervisors, in `<state>/processes.json`. Written at once at every change, so
 * that a supervisor that is killed leaves no child behind unknown. */
export class ProcessRecords {
  readonly #path: string;
  readonly #records: Map<string, ProcessRecord>;

  constructor(state: string) {
    mkdirSync(state, { recursive: true, mode: 0o700 });
    this.#path = join(state, "processes.json");
    this.#records = new Map(readRecords(state).map((record) => [record.id, record]));
  }

  all(): readonly ProcessRecord[] {
    return [...this.#records.values()];
  }

  get(id: string): ProcessRecord | undefined {
    return this.#records.get(id);
  }

  set(record: ProcessRecord): void {
    this.#records.set(record.id, record);
    this.#write();
  }

  delete(id: string): void {
    if (this.#records.delete(id)) this.#write();
  }

  #write(): void {
    const written = `${this.#path}.new`;
    try {
      writeFileSync(written, `${JSON.stringify(this.all(), null, 1)}\n`, { mode: 0o600 });
      renameSync(written, this.#path);
    } catch (error) {
      // A full disk is no reason to let processes down; the next change tries again.
      process.stderr.write(`${this.#path}: ${String(error)}\n`);
    }
  }
}

/** The recorded children of a state directory; empty when there is no readable record. */
export function readRecords(state: string): readonly ProcessRecord[] {
  try {
    const records: unknown = JSON.parse(readFileSync(join(state, "processes.json"), "utf8"));
    return Array.isArray(records) ? (records as ProcessRecord[]) : [];
  } catch {
    return [];
  }
}
