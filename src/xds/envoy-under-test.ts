import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AdminClient } from "#envoy/admin-client.ts";
import { adsBootstrap } from "#envoy/bootstrap.ts";

const binary = join(import.meta.dirname, "..", "..", ".tools", "envoy");

/** A real Envoy for tests, without traffic ports of its own until listeners arrive. */
export class EnvoyUnderTest {
  readonly admin: AdminClient;
  readonly directory: string;
  readonly #process: ChildProcess;
  readonly #exited: Promise<void>;

  constructor(options: { socketPath: string; scope: string; nodeId?: string; strict?: boolean }) {
    this.directory = mkdtempSync(join(tmpdir(), "dx-"));
    const adminPath = join(this.directory, "a");
    const bootstrap = adsBootstrap({
      socketPath: options.socketPath,
      nodeId: options.nodeId ?? options.scope,
      nodeCluster: "test",
      scope: options.scope,
      admin: { path: adminPath },
    });
    writeFileSync(join(this.directory, "envoy.json"), JSON.stringify(bootstrap));
    this.#process = spawn(
      binary,
      [
        ...["-c", join(this.directory, "envoy.json"), "--disable-hot-restart", "--concurrency", "1"],
        ...["--log-path", join(this.directory, "log"), "--log-level", "warning"],
        ...(options.strict ? ["--reject-unknown-dynamic-fields"] : []),
      ],
      { stdio: "ignore" },
    );
    this.#exited = new Promise((resolve) => this.#process.once("exit", () => resolve()));
    this.admin = new AdminClient({ path: adminPath }, { timeoutMs: 2000 });
  }

  get log(): string {
    return readFileSync(join(this.directory, "log"), "utf8");
  }

  async untilReady(withinMs = 10_000): Promise<void> {
    await until(() => this.admin.ready(), withinMs);
  }

  /** Stops it where it is, as a machine under pressure would. */
  pause(): void {
    this.#process.kill("SIGSTOP");
  }

  resume(): void {
    this.#process.kill("SIGCONT");
  }

  async stop(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#exited;
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Waits until `holds` is true, looking often; rejects after `withinMs`. */
export async function until(holds: () => boolean | Promise<boolean>, withinMs = 5000): Promise<void> {
  const end = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`Not within ${withinMs} ms: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
