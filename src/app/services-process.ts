import { join } from "node:path";
import type { Table } from "#incremental/graph.ts";
import type { SharedStore } from "#model/shared-store.ts";
import type { ProcessSpec } from "#standalone/process-spec.ts";
import { socketPath } from "#standalone/socket-path.ts";
import type { LogLevel } from "#telemetry/log.ts";
import { replaceFile } from "./state-directory.ts";

export const servicesId = "services";

/** Where the gateway reaches the services process. */
export function servicesSocket(state: string): string {
  return socketPath(state, "services.sock");
}

/** The services process, and its configuration written; undefined while nothing needs it. */
export function servicesProcess(
  state: string,
  stores: Table<SharedStore>,
  logLevel: LogLevel,
): ProcessSpec | undefined {
  if (stores.size === 0) return undefined;
  const config = join(state, "services.json");
  const sorted = [...stores.keys()].sort().flatMap((key) => stores.get(key) ?? []);
  replaceFile(config, JSON.stringify({ stores: sorted }));
  const [program = ""] = process.argv.slice(1);
  const options = ["--socket", servicesSocket(state), "--config", config, "--log-level", logLevel];
  return {
    id: servicesId,
    command: process.execPath,
    args: [...process.execArgv, program, "services", ...options],
    env: {},
    cwd: state,
    readiness: { kind: "socket", path: servicesSocket(state) },
    drain: { kind: "signal", graceMs: 2000 },
    stopStage: 2,
  };
}
