import { createHash } from "node:crypto";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { adsBootstrap } from "#envoy/bootstrap.ts";
import type { Ports } from "#standalone/ports.ts";
import type { ProcessSpec } from "#standalone/process-spec.ts";
import type { LogLevel } from "#telemetry/log.ts";
import { proverScope } from "#xds/proxy-node.ts";
import { replaceFile } from "./state-directory.ts";

export interface EnvoyProcessOptions {
  readonly state: string;
  readonly envoyPath: string;
  readonly xdsSocket: string;
  readonly logLevel: LogLevel;
  readonly ports: Ports;
}

/** One Envoy of this instance. */
export interface EnvoyProxy {
  readonly id: string;
  readonly scope: string;
  readonly nodeId: string;
  readonly role: "gateway" | "sidecar" | "prover";
  readonly concurrency?: number;
}

/** Address of an Envoy's admin interface. */
export function adminAddress(ports: Ports, id: string): string {
  return `127.0.0.1:${ports.portFor(`${id}/admin`)}`;
}

/** How an Envoy is run; its bootstrap file is written on the way. */
export function envoyProcess(proxy: EnvoyProxy, options: EnvoyProcessOptions): ProcessSpec {
  const { ports, state, envoyPath, xdsSocket, logLevel } = options;
  const port = ports.portFor(`${proxy.id}/admin`);
  const bootstrap = adsBootstrap({
    socketPath: xdsSocket,
    nodeId: proxy.nodeId,
    nodeCluster: proxy.nodeId,
    scope: proxy.scope,
    admin: { host: "127.0.0.1", port },
  });
  const text = `${JSON.stringify(bootstrap, undefined, 2)}\n`;
  const file = join(state, "envoy", `${proxy.id.replaceAll("/", "_")}.json`);
  replaceFile(file, text);
  const address = `127.0.0.1:${port}`;
  return {
    id: proxy.id,
    command: envoyPath,
    args: [
      "--config-path",
      file,
      "--concurrency",
      String(proxy.concurrency ?? 1),
      "--disable-hot-restart",
      "--drain-time-s",
      "3",
      "--log-level",
      envoyLogLevel(logLevel),
      ...(proxy.role === "prover" ? ["--reject-unknown-dynamic-fields"] : []),
    ],
    env: {},
    cwd: state,
    revision: createHash("sha256").update(text).digest("hex").slice(0, 16),
    readiness: { kind: "envoyAdmin", address },
    drain: proxy.role === "prover" ? { kind: "signal", graceMs: 1000 } : { kind: "envoy", address },
    stopStage: proxy.role === "gateway" ? 0 : proxy.role === "sidecar" ? 1 : 2,
  };
}

export function gatewayProxy(scope: string, concurrency: number | undefined): EnvoyProxy {
  const threads = concurrency ?? availableParallelism();
  return { id: "envoy/gateway", scope, nodeId: "gateway", role: "gateway", concurrency: threads };
}

export const proverProxy: EnvoyProxy = {
  id: "prover",
  scope: proverScope,
  nodeId: proverScope,
  role: "prover",
};

export function sidecarProxy(scope: string, nodeId: string): EnvoyProxy {
  return { id: `envoy/${scope}`, scope, nodeId, role: "sidecar" };
}

/** Envoy is quieter than we are at the same level: its information is our detail. */
function envoyLogLevel(level: LogLevel): string {
  return { trace: "debug", debug: "info", info: "warning", warn: "warning", error: "error", silent: "off" }[
    level
  ];
}
