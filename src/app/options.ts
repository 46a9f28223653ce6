import { createHash } from "node:crypto";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import type { LogLevel } from "#telemetry/log.ts";

/** What `diolkos up` is told. */
export interface UpOptions {
  readonly directories: readonly string[];
  /** Address on which the gateway listens; the admin API has `adminHost`. */
  readonly bind: string;
  readonly gatewayPort: number;
  readonly gatewayTlsPort: number;
  readonly adminPort: number;
  /** State directory. */
  readonly state: string;
  readonly logLevel: LogLevel;
  /** Worker threads of the gateway's Envoy; absent: one per core. */
  readonly concurrency?: number;
  /** Value of the ingress class annotation that is ours. */
  readonly ingressClass: string;
  /** Labels by which a VirtualNode makes the gateway a node of its mesh. */
  readonly gatewayLabels: Readonly<Record<string, string>>;
  /** A text file that is printed once everything is ready. */
  readonly welcome?: string;
}

/** The admin API has no authentication, and `status`, `exec` and `admin` look for it here: `--bind` does not move it. */
export const adminHost = "127.0.0.1";

export const defaultPorts = { gateway: 8000, gatewayTls: 8443, admin: 8001 } as const;

/**
 * The state directory of an instance when none is given: under the user's state folder (`XDG_STATE_HOME`), one for
 * each set of manifest folders and admin port, so that a second `up` on the same folders finds the first.
 */
export function defaultState(directories: readonly string[], adminPort: number): string {
  const base = process.env.XDG_STATE_HOME ?? join(homedir(), ".local", "state");
  const folders = directories.map((one) => resolve(one)).sort();
  const hash = createHash("sha256")
    .update(JSON.stringify([folders, adminPort]))
    .digest("hex")
    .slice(0, 12);
  return join(base, "diolkos", hash);
}
