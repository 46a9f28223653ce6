import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createWriteStream, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ProblemAnswer, StatusAnswer } from "#admin/types.ts";
import { root } from "./case-folder.ts";
import { sendRequest } from "./send-request.ts";

/** The command of this checkout. */
export const diolkos = join(root, "bin", "diolkos");

/** What a command printed, and how it ended. */
export interface CommandResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A `diolkos up` with ports and a state directory of its own. */
export class RunningDiolkos {
  readonly gatewayPort: number;
  readonly adminPort: number;
  readonly #process: ChildProcess;
  readonly #scratch: string;

  private constructor(process: ChildProcess, scratch: string, gatewayPort: number, adminPort: number) {
    this.#process = process;
    this.#scratch = scratch;
    this.gatewayPort = gatewayPort;
    this.adminPort = adminPort;
  }

  /** Starts it on these folders and resolves when it is ready. */
  static async start(directories: readonly string[], cwd: string): Promise<RunningDiolkos> {
    const scratch = mkdtempSync(join(tmpdir(), "diolkos-run-"));
    const [gateway = 0, tls = 0, admin = 0] = await freePorts(3);
    const child = spawn(
      diolkos,
      [
        ...["up", ...directories, "--state", join(scratch, "state"), "--gateway-port", `${gateway}`],
        ...["--gateway-tls-port", `${tls}`, "--admin-port", `${admin}`],
      ],
      { cwd, stdio: ["ignore", "pipe", "pipe"] },
    );
    const log = createWriteStream(join(scratch, "log"));
    child.stdout.pipe(log);
    child.stderr.pipe(log);
    const started = new RunningDiolkos(child, scratch, gateway, admin);
    try {
      await started.ready(60_000);
    } catch (error) {
      await started.stop();
      throw error;
    }
    return started;
  }

  /** Resolves when every Envoy has the newest state of the files. */
  async ready(withinMs = 15_000): Promise<void> {
    const end = Date.now() + withinMs;
    let answer = "nothing listens on the admin port";
    while (Date.now() < end) {
      if (this.#process.exitCode !== null) throw new Error(`diolkos up has ended:\n${this.log()}`);
      try {
        const { status, body } = await sendRequest(this.adminPort, "/readyz");
        if (status === 200) return;
        answer = body;
      } catch {
        // It does not listen yet.
      }
      await sleep(10);
    }
    throw new Error(`not ready after ${withinMs} ms: ${answer}\n${this.log()}`);
  }

  async problems(): Promise<readonly ProblemAnswer[]> {
    const { body } = await sendRequest(this.adminPort, "/problems");
    return JSON.parse(body) as readonly ProblemAnswer[];
  }

  async status(): Promise<StatusAnswer> {
    const { body } = await sendRequest(this.adminPort, "/v1/status");
    return JSON.parse(body) as StatusAnswer;
  }

  /** Runs another command of ours against this instance, e.g. `exec prod/dj -- curl …`. */
  command(name: string, ...more: readonly string[]): Promise<CommandResult> {
    return run(diolkos, [name, "--admin-port", `${this.adminPort}`, ...more]);
  }

  /** The last lines that it printed. */
  log(): string {
    return readFileSync(join(this.#scratch, "log"), "utf8").split("\n").slice(-30).join("\n");
  }

  /** Tells it to end, as Ctrl-C does, and gives its exit status. */
  async stop(): Promise<number | null> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const exited = new Promise((resolve) => this.#process.once("exit", resolve));
      this.#process.kill("SIGTERM");
      await exited;
    } else await this.#stopSuccessor();
    rmSync(this.#scratch, { recursive: true, force: true });
    return this.#process.exitCode;
  }

  /** A control plane that a test has killed was started again by its supervisor. */
  async #stopSuccessor(): Promise<void> {
    const status = await this.status().catch(() => undefined);
    if (status === undefined) return;
    process.kill(status.controlPlane.pid, "SIGTERM");
    while (await this.status().catch(() => undefined)) await sleep(50);
  }
}

/** Runs a program to its end, whatever its exit status. */
export function run(
  program: string,
  args: readonly string[],
  options: { readonly cwd?: string } = {},
): Promise<CommandResult> {
  return new Promise((resolve) => {
    execFile(program, args, { ...options, maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : Number(error.code ?? 1), stdout, stderr });
    });
  });
}

/** Ports that were free a moment ago, all different. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, () => {
      const server = createServer();
      return new Promise<typeof server>((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
