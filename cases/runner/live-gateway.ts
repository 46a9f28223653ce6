import { type ChildProcess, spawn } from "node:child_process";
import {
  createWriteStream,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ProblemAnswer } from "#admin/types.ts";
import { root } from "./case-folder.ts";
import { sendRequest } from "./send-request.ts";

const plainGet = { method: "GET", headers: {} };

/** A `diolkos up` of its own, over a folder whose files are exchanged. */
export class LiveGateway {
  readonly #process: ChildProcess;
  readonly #scratch: string;
  readonly #adminPort: number;
  readonly gatewayPort: number;

  private constructor(process: ChildProcess, scratch: string, gatewayPort: number, adminPort: number) {
    this.#process = process;
    this.#scratch = scratch;
    this.gatewayPort = gatewayPort;
    this.#adminPort = adminPort;
  }

  /** Starts on an empty folder and resolves when it is ready. */
  static async start(): Promise<LiveGateway> {
    const scratch = mkdtempSync(join(tmpdir(), "diolkos-cases-"));
    mkdirSync(join(scratch, "manifests"));
    const [gateway = 0, tls = 0, admin = 0] = await freePorts(3);
    const child = spawn(
      join(root, "bin", "diolkos"),
      [
        ...["up", join(scratch, "manifests"), "--state", join(scratch, "state")],
        ...["--gateway-port", `${gateway}`, "--gateway-tls-port", `${tls}`, "--admin-port", `${admin}`],
      ],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    const log = createWriteStream(join(scratch, "log"));
    child.stdout.pipe(log);
    child.stderr.pipe(log);
    const started = new LiveGateway(child, scratch, gateway, admin);
    try {
      await started.ready(60_000);
    } catch (error) {
      await started.stop();
      throw error;
    }
    return started;
  }

  /** Replaces all manifests and resolves when every Envoy has them. */
  async load(files: ReadonlyMap<string, string>): Promise<void> {
    const folder = join(this.#scratch, "manifests");
    for (const [name, text] of files) writeFileSync(join(folder, name), text);
    for (const name of readdirSync(folder)) if (!files.has(name)) rmSync(join(folder, name));
    await this.ready(15_000);
  }

  /** The problems as the admin API gives them, with file names instead of paths. */
  async problems(): Promise<readonly ProblemAnswer[]> {
    const { body } = await sendRequest(this.#adminPort, { ...plainGet, path: "/problems" });
    const folder = join(this.#scratch, "manifests");
    return JSON.parse(body.replaceAll(`${folder}/`, "")) as readonly ProblemAnswer[];
  }

  /** Drains and stops everything that was started. */
  async stop(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const exited = new Promise((resolve) => this.#process.once("exit", resolve));
      this.#process.kill("SIGTERM");
      await exited;
    }
    rmSync(this.#scratch, { recursive: true, force: true });
  }

  async ready(withinMs: number): Promise<void> {
    const end = Date.now() + withinMs;
    let answer = "nothing listens on the admin port";
    while (Date.now() < end) {
      if (this.#process.exitCode !== null) throw new Error(`diolkos up has ended:\n${this.#log()}`);
      try {
        const { status, body } = await sendRequest(this.#adminPort, { ...plainGet, path: "/readyz" });
        if (status === 200) return;
        answer = body;
      } catch {
        // It does not listen yet.
      }
      await sleep(10);
    }
    throw new Error(`not ready after ${withinMs} ms: ${answer}\n${this.#log()}`);
  }

  #log(): string {
    return readFileSync(join(this.#scratch, "log"), "utf8").split("\n").slice(-30).join("\n");
  }
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
