import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { identifyProcess, isRunning, type ProcessIdentity } from "./process-identity.ts";

/** Proof that this process is the only supervisor of a state directory. */
export interface SupervisorLock {
  /** What became of the lock: still ours, somebody else's, or gone with its directory. */
  check(): "held" | "taken" | "gone";
  release(): void;
}

/** The supervisor that holds a state directory now. */
export function findSupervisor(state: string): ProcessIdentity | undefined {
  const holder = readHolder(lockPath(state));
  return holder !== undefined && isRunning(holder) ? holder : undefined;
}

/** Takes the lock of a state directory, or returns the process that holds it. The lock of a process that has ended
 * is no lock. */
export function takeSupervisorLock(state: string): SupervisorLock | { readonly heldBy: ProcessIdentity } {
  mkdirSync(state, { recursive: true, mode: 0o700 });
  const path = lockPath(state);
  const mine = identifyProcess(process.pid);
  if (mine === undefined) throw new Error("this process cannot find itself in the process table");
  const written = `${path}.${process.pid}`;
  writeFileSync(written, JSON.stringify(mine), { mode: 0o600 });
  try {
    for (;;) {
      // A link is made by one process only, and with its content.
      if (tryLink(written, path)) break;
      const heldBy = readHolder(path);
      if (heldBy !== undefined && isRunning(heldBy)) return { heldBy };
      setAside(path, written);
    }
  } finally {
    rmSync(written, { force: true });
  }
  const check = () => {
    const holder = readHolder(path);
    if (holder === undefined) return "gone";
    return holder.pid === mine.pid && holder.startTime === mine.startTime ? "held" : "taken";
  };
  const release = () => {
    if (check() === "held") rmSync(path, { force: true });
  };
  return { check, release };
}

const lockPath = (state: string) => join(state, "supervisor.lock");

function readHolder(path: string): ProcessIdentity | undefined {
  try {
    const { pid, startTime } = JSON.parse(readFileSync(path, "utf8")) as ProcessIdentity;
    return { pid, startTime };
  } catch {
    return undefined;
  }
}

/** Removes a lock whose holder has ended. Another process may have replaced it since we looked: that one goes back. */
function setAside(path: string, unique: string): void {
  const aside = `${unique}.stale`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  const holder = readHolder(aside);
  if (holder !== undefined && isRunning(holder)) tryLink(aside, path);
  rmSync(aside, { force: true });
}

function tryLink(existing: string, path: string): boolean {
  try {
    linkSync(existing, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}
