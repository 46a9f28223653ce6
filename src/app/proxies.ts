import { availableParallelism } from "node:os";
import { adsBootstrap } from "#envoy/bootstrap.ts";
import { gatewayScope } from "#model/model.ts";
import { envoyProcess } from "#standalone/envoy-process.ts";
import type { Ports } from "#standalone/ports.ts";
import type { ProcessSpec } from "#standalone/process-spec.ts";
import { envoyId } from "#standalone/workload-processes.ts";
import type { LogLevel } from "#telemetry/log.ts";
import { proverScope } from "#xds/proxy-node.ts";

/** One Envoy of this instance. */
export interface Proxy {
  readonly id: string;
  readonly scope: string;
  readonly nodeId: string;
  readonly role: "gateway" | "sidecar" | "prover";
  readonly concurrency: number;
}

/** The gateway; its node id stays the same whatever mesh it joins, for a new one would restart it. */
export function gatewayProxy(concurrency = availableParallelism()): Proxy {
  return { id: envoyId(gatewayScope), scope: gatewayScope, nodeId: "gateway", role: "gateway", concurrency };
}

export const proverProxy: Proxy = {
  id: "prover",
  scope: proverScope,
  nodeId: proverScope,
  role: "prover",
  concurrency: 1,
};

export function sidecarProxy(scope: string, nodeId: string): Proxy {
  return { id: envoyId(scope), scope, nodeId, role: "sidecar", concurrency: 1 };
}

/** Address of an Envoy's admin interface. */
export function adminAddress(ports: Ports, id: string): string {
  return `127.0.0.1:${ports.portFor(`${id}/admin`)}`;
}

export interface ProxyProcessOptions {
  readonly state: string;
  readonly envoyPath: string;
  readonly xdsSocket: string;
  readonly logLevel: LogLevel;
  readonly ports: Ports;
}

/** How a proxy is run. */
export function proxyProcess(proxy: Proxy, options: ProxyProcessOptions): ProcessSpec {
  const { state, envoyPath, xdsSocket, logLevel, ports } = options;
  const address = adminAddress(ports, proxy.id);
  const bootstrap = adsBootstrap({
    socketPath: xdsSocket,
    nodeId: proxy.nodeId,
    nodeCluster: proxy.nodeId,
    scope: proxy.scope,
    admin: { host: "127.0.0.1", port: ports.portFor(`${proxy.id}/admin`) },
  });
  return envoyProcess({
    state,
    id: proxy.id,
    envoyPath,
    bootstrap,
    adminAddress: address,
    concurrency: proxy.concurrency,
    logLevel: envoyLogLevels[logLevel],
    role: proxy.role,
  });
}

/** Envoy is louder than we are at the same level: its information is our detail. From debug on it prints the
 * headers of requests, with keys and passwords; `diolkos admin --post … /logging?level=debug` asks for that. */
const envoyLogLevels = {
  trace: "info",
  debug: "info",
  info: "warning",
  warn: "warning",
  error: "error",
  silent: "off",
} as const satisfies Record<LogLevel, string>;
