import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** A process for ever: its number alone may be given to another one later. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in the operating system's own form. */
  readonly startTime: string;
}

/** The identity of a process that runs now. A process that has ended but was not yet reaped does not run. */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  const startTime = process.platform === "linux" ? startTimeFromProc(pid) : startTimeFromPs(pid);
  return startTime === undefined ? undefined : { pid, startTime };
}

/** True while exactly this process runs. */
export function isRunning(identity: ProcessIdentity): boolean {
  return identifyProcess(identity.pid)?.startTime === identity.startTime;
}

/** Sends a signal to a process group; without effect when there is none. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // ESRCH: all have ended.
  }
}

/** Ends what a process that has ended itself has left behind in its group, unless the number belongs to others now. */
export function endOrphans({ pid, startTime }: ProcessIdentity): void {
  // The kernel gives no number away that is still the number of a group; but another boot gave it to others.
  const sameBoot = process.platform !== "linux" || startTime.startsWith(`${bootId()}/`);
  if (sameBoot && identifyProcess(pid) === undefined) signalGroup(pid, "SIGKILL");
}

/** Number of the session that a process belongs to; a supervised process and all that it starts share one.
 * Known on Linux only. */
export function sessionOf(pid: number): number | undefined {
  const session = Number(statFields(pid)?.[3]);
  return Number.isInteger(session) ? session : undefined;
}

/** The fields of /proc/PID/stat from the third (the state) on. */
function statFields(pid: number): string[] | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined;
  }
  // The second field is the program's name in parentheses and may itself hold spaces and parentheses.
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
}

function startTimeFromProc(pid: number): string | undefined {
  const fields = statFields(pid);
  if (fields === undefined || fields[0] === "Z" || fields[0] === "X") return undefined;
  // Field 22: ticks since the machine was booted; so the boot belongs to the identity.
  return `${bootId()}/${fields[19]}`;
}

let boot: string | undefined;
function bootId(): string {
  if (boot === undefined) {
    try {
      boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    } catch {
      boot = "";
    }
  }
  return boot;
}

function startTimeFromPs(pid: number): string | undefined {
  try {
    const text = execFileSync("ps", ["-o", "stat=,lstart=", "-p", String(pid)], {
      encoding: "utf8",
      env: { ...process.env, LC_ALL: "C", TZ: "UTC" },
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
    return text === "" || text.startsWith("Z") ? undefined : text.slice(text.indexOf(" ") + 1).trim();
  } catch {
    return undefined;
  }
}
