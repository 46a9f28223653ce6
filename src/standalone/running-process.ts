import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, closeSync, constants, statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { identifyProcess, isRunning, type ProcessIdentity, signalGroup } from "./process-identity.ts";
import { openLog } from "./process-log.ts";
import type { ProcessFailure, ProcessSpec } from "./process-spec.ts";

export interface ProcessExit {
  /** Both null for an adopted process: only a parent learns them. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process that runs: a child of ours, or one that an earlier supervisor has left to us. */
export interface RunningProcess extends ProcessIdentity {
  /** Resolves when it has ended. */
  readonly exited: Promise<ProcessExit>;
}

const adoptedPollMs = process.platform === "linux" ? 100 : 1000;

/** Starts a process in a session of its own, with its output in its log, so that it outlives the supervisor. */
export function startProcess(state: string, spec: ProcessSpec): Promise<RunningProcess | ProcessFailure> {
  let log: number | undefined;
  let child: ChildProcess;
  try {
    log = openLog(state, spec.id);
    child = spawn(spec.command, spec.args, {
      cwd: spec.cwd,
      env: environmentOf(spec, process.env),
      detached: true,
      stdio: ["ignore", log, log],
    });
  } catch (error) {
    if (log !== undefined) closeSync(log);
    return Promise.resolve(describeStartFailure(spec, error as NodeJS.ErrnoException));
  }
  const exited = new Promise<ProcessExit>((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal }));
  });
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(describeStartFailure(spec, error)));
    child.once("spawn", () => {
      const pid = child.pid ?? 0;
      // A process that has ended already has no start time any more; its exit is about to be told.
      resolve({ pid, startTime: identifyProcess(pid)?.startTime ?? "", exited });
    });
  }).then((result) => {
    closeSync(log);
    return result as RunningProcess | ProcessFailure;
  });
}

/** Follows a process that is not our child. */
export function adoptProcess(identity: ProcessIdentity): RunningProcess {
  const { pid, startTime } = identity;
  const poll = async (): Promise<ProcessExit> => {
    while (isRunning(identity)) await sleep(adoptedPollMs);
    return { code: null, signal: null };
  };
  return { pid, startTime, exited: poll() };
}

/** Ends what the process has started and left behind, e.g. the program behind a shell script. */
export function endStragglers(running: RunningProcess): void {
  signalGroup(running.pid, "SIGKILL");
}

/** The environment that a process gets: the base, with the spec's variables laid over it. */
export function environmentOf(
  { env }: { readonly env: Readonly<Record<string, string | null>> },
  base: NodeJS.ProcessEnv,
): Record<string, string> {
  const merged: Record<string, string> = {};
  for (const [name, value] of Object.entries({ ...base, ...env })) {
    if (typeof value === "string") merged[name] = value;
  }
  return merged;
}

function describeStartFailure({ command, cwd }: ProcessSpec, error: NodeJS.ErrnoException): ProcessFailure {
  const failed = (message: string, fix: string): ProcessFailure => ({
    kind: "failed-to-start",
    message,
    fix,
  });
  if (!isDirectory(cwd))
    return failed(`the directory ${cwd} does not exist`, "Create it, or correct `directory`.");
  if (error.code === "ENOENT" && command.includes("/")) {
    return failed(`the command ${command} does not exist`, `Correct the path; it is relative to ${cwd}.`);
  }
  if (error.code === "ENOENT") {
    return failed(
      `the command ${command} was not found`,
      "Install it, put it on the PATH, or write the command with its path.",
    );
  }
  if (error.code === "EACCES") {
    return failed(`the command ${command} may not be executed`, `Make it executable: chmod +x ${command}`);
  }
  return failed(`the command ${command} cannot be started: ${error.message}`, "Correct the command.");
}

function isDirectory(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
