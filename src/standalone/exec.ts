import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import type { WorkloadEnvironmentAnswer } from "#admin/types.ts";
import { askAdminApi, type CommandOptions, describeUnknown, streamsOf } from "./admin-api.ts";
import { environmentOf } from "./running-process.ts";
import { askSupervisor } from "./supervisor-connection.ts";

export interface ExecOptions extends CommandOptions {
  /** `NAMESPACE/WORKLOAD`, for its first replica, or `NAMESPACE/POD`. */
  readonly workload: string;
  /** The command and its arguments. */
  readonly command: readonly string[];
}

/** `diolkos exec`: runs a command with a workload's environment over the caller's own, in the caller's directory, with
 * the caller's streams. Returns the command's exit status (128 + n for signal n, 127 when it does not exist, 126 when it
 * may not be executed), 2 for an unknown workload, 1 when nothing runs. */
export async function runExec(options: ExecOptions): Promise<number> {
  const { err } = streamsOf(options);
  const [command, ...args] = options.command;
  const parts = /^([^/]+)\/([^/]+)$/.exec(options.workload);
  if (command === undefined || parts === null) {
    err("Usage: diolkos exec NAMESPACE/WORKLOAD -- COMMAND [ARGUMENT…]\n");
    return 2;
  }
  const path = `/v1/workloads/${parts.slice(1).map(encodeURIComponent).join("/")}/environment`;
  const answer = await askAdminApi<WorkloadEnvironmentAnswer>(options, path);
  if (answer.kind === "not-found") {
    err(describeUnknown(answer.message, answer.known));
    return 2;
  }
  if (answer.kind === "failed") {
    err(`${answer.message}\n`);
    return 1;
  }
  const environment = await fullEnvironment(answer.value);
  if (environment === undefined) {
    const { supervisorSocket } = answer.value;
    err(`The supervisor at ${supervisorSocket} does not answer; only the user who started it may ask it.\n`);
    return 1;
  }
  return runCommand(command, args, environment, err);
}

/** With the values that do not pass the admin API. */
async function fullEnvironment(
  answer: WorkloadEnvironmentAnswer,
): Promise<Readonly<Record<string, string | null>> | undefined> {
  if (answer.secretVariables.length === 0) return answer.environment;
  const question = { type: "environment", id: answer.process } as const;
  const secret = await askSupervisor(answer.supervisorSocket, question, "environment").catch(() => undefined);
  const values = secret?.environment;
  if (values === null || values === undefined) return undefined;
  const named = answer.secretVariables.map((name) => [name, values[name] ?? null] as const);
  return { ...answer.environment, ...Object.fromEntries(named) };
}

function runCommand(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string | null>>,
  err: (text: string) => void,
): Promise<number> {
  let child: ChildProcess | undefined;
  const forward = (signal: NodeJS.Signals) => {
    // What is typed at a terminal has reached the command already.
    const typed = (signal === "SIGINT" || signal === "SIGQUIT") && process.stdin.isTTY;
    if (!typed) child?.kill(signal);
  };
  // Before the command runs, for it may be quicker than we are.
  const signals = ["SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, forward);
  const started = spawn(command, args, { stdio: "inherit", env: environmentOf({ env }, process.env) });
  child = started;
  return new Promise<number>((resolve) => {
    started.once("error", (error: NodeJS.ErrnoException) => {
      const missing = error.code === "ENOENT";
      err(`${command}: ${missing ? "command not found" : error.message}\n`);
      resolve(missing ? 127 : 126);
    });
    started.once("exit", (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? "SIGTERM"]));
  }).finally(() => {
    for (const signal of signals) process.off(signal, forward);
  });
}
