import { createHash } from "node:crypto";

/** When a process counts as ready: it accepts TCP connections, answers 200, or is an Envoy that is live. `none`: at once. */
export type Readiness =
  | { readonly kind: "tcp"; readonly port: number }
  /** A unix socket. */
  | { readonly kind: "socket"; readonly path: string }
  | { readonly kind: "http"; readonly url: string }
  /** Address (`127.0.0.1:20010`) of the Envoy's admin interface. */
  | { readonly kind: "envoyAdmin"; readonly address: string }
  | { readonly kind: "none" };

/** How a process is ended without harm to its users. */
export type Drain =
  /** Asks clients to leave, waits until they have left (at most the drain time), then quits. */
  | { readonly kind: "envoy"; readonly address: string }
  /** SIGTERM, and SIGKILL after the grace. `delayMs`: first wait until no proxy sends it anything new. */
  | { readonly kind: "signal"; readonly graceMs: number; readonly delayMs?: number };

/** One child process of the supervisor, wholly described: equal specs are one process, whoever asks for it. */
export interface ProcessSpec {
  /** `envoy/gateway`, `envoy/NAMESPACE/POD`, `workload/NAMESPACE/POD`, `prover`, `services`. */
  readonly id: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Laid over the supervisor's own environment; null removes a variable. */
  readonly env: Readonly<Record<string, string | null>>;
  readonly cwd: string;
  /** Something that the command reads and that needs a restart when it changes, e.g. the hash of a bootstrap file. */
  readonly revision?: string;
  readonly readiness: Readiness;
  readonly drain: Drain;
  /** When everything stops, lower stages end before higher ones begin: gateway 0, sidecars 1, the rest 2. */
  readonly stopStage: 0 | 1 | 2;
  /** Processes of one group restart one after the other when their specs change. */
  readonly group?: string;
}

/** How the supervisor restarts the control plane that it has lost. `env` is the whole environment. */
export interface ControlPlaneCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Where a process is in its life. `backing-off`: it ended or did not start, and is tried again later. */
export type ProcessPhase = "starting" | "running" | "ready" | "stopping" | "backing-off";

/** What is known of one process now. */
export interface ProcessState {
  readonly id: string;
  readonly phase: ProcessPhase;
  readonly pid?: number;
  /** RFC 3339. */
  readonly startedAt?: string;
  /** How often it was started again after it had ended by itself. */
  readonly restarts: number;
  readonly lastExit?: { readonly code: number | null; readonly signal: string | null; readonly at: string };
  /** Why it is not ready, in words for users: it could not be started, it ended, or nothing listens on its port. */
  readonly failure?: ProcessFailure;
}

export interface ProcessFailure {
  readonly kind: "failed-to-start" | "exited" | "not-ready";
  readonly message: string;
  readonly fix?: string;
}

/** Equal for specs that a running process need not be restarted for. */
export function specHash({ id, command, args, env, cwd, revision }: ProcessSpec): string {
  const sorted = Object.entries(env).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash("sha256")
    .update(JSON.stringify([id, command, args, sorted, cwd, revision ?? null]))
    .digest("hex")
    .slice(0, 32);
}

/** The two parts of an address like `127.0.0.1:8000`. */
export function parseAddress(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(":");
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
}
