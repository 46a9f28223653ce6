import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Json } from "#envoy/bootstrap.ts";
import type { ProcessSpec } from "./process-spec.ts";

export interface EnvoyProcessOptions {
  readonly state: string;
  /** `envoy/gateway`, `envoy/NAMESPACE/POD`, or `prover`. */
  readonly id: string;
  /** The Envoy program. */
  readonly envoyPath: string;
  /** What it is started with, from `adsBootstrap`. */
  readonly bootstrap: Json;
  /** Address of the admin interface that the bootstrap opens, e.g. `127.0.0.1:20010`. */
  readonly adminAddress: string;
  /** Worker threads; absent: one per core. */
  readonly concurrency?: number;
  readonly logLevel?: "trace" | "debug" | "info" | "warning" | "error" | "critical" | "off";
  /** Gateways end first, sidecars next. The prover has no clients and is not drained. */
  readonly role: "gateway" | "sidecar" | "prover";
  /** How long a listener that was removed or replaced goes on for the clients that it has; default 60 s. */
  readonly drainTimeS?: number;
}

const stages = { gateway: 0, sidecar: 1, prover: 2 } as const;

/** The process of one Envoy. Writes its bootstrap file, `<state>/envoy/NAME.json`; another content restarts it. */
export function envoyProcess(options: EnvoyProcessOptions): ProcessSpec {
  const { id, role, adminAddress: address, concurrency, drainTimeS = 60, logLevel = "warning" } = options;
  const path = join(resolve(options.state), "envoy", `${id.replace(/^envoy\//, "")}.json`);
  const content = `${JSON.stringify(options.bootstrap, undefined, 1)}\n`;
  writeBootstrap(path, content);
  return {
    id,
    command: options.envoyPath,
    args: [
      ...["--config-path", path],
      // Each Envoy is alone on its ports, and hot restart would need a number that no other Envoy of the machine has.
      "--disable-hot-restart",
      ...["--log-level", logLevel],
      ...["--drain-time-s", String(drainTimeS)],
      ...(concurrency === undefined ? [] : ["--concurrency", String(concurrency)]),
      // A field that Envoy would drop silently is an error of ours: the prover tells.
      ...(role === "prover" ? ["--reject-unknown-dynamic-fields"] : []),
    ],
    env: {},
    cwd: resolve(options.state),
    revision: createHash("sha256").update(content).digest("hex").slice(0, 16),
    readiness: { kind: "envoyAdmin", address },
    drain: role === "prover" ? { kind: "signal", graceMs: 2000 } : { kind: "envoy", address },
    stopStage: stages[role],
  };
}

function writeBootstrap(path: string, content: string): void {
  if (readIfPresent(path) === content) return;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(`${path}.new`, content, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

function readIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
