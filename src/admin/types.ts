import type { Problem } from "#problems/problem.ts";

/** An address as users type it: `127.0.0.1:8000`. */
export type Address = string;

/** One port of a proxy that others connect to. */
export interface IngressAddress {
  /** As the manifests say: the container port behind a sidecar, the listener's own port at a gateway. */
  readonly port: number;
  readonly address: Address;
}

/** How far a proxy is with the newest configuration. */
export type SyncState =
  /** It acknowledged all of the newest configuration. */
  | "synced"
  /** Something was sent and is not acknowledged yet. */
  | "pending"
  /** It refused something; its last good configuration serves. */
  | "rejected"
  /** It is not connected to the control plane. */
  | "disconnected";

/** One gateway or sidecar. */
export interface ProxyStatus {
  /** `gateway`, or `NAMESPACE/POD`. */
  readonly name: string;
  /** `gateway`, or `NAMESPACE/WORKLOAD` of the workload whose copy this is. */
  readonly workload: string;
  readonly ingress: readonly IngressAddress[];
  /** Where the application's own requests go in; only a sidecar has it. */
  readonly egress?: Address;
  readonly admin: Address;
  readonly sync: SyncState;
  readonly pid?: number;
  readonly restarts: number;
  readonly ready: boolean;
  /** `mesh/MESH/virtualNode/NAME`, where it has an identity in a mesh. */
  readonly meshIdentity?: string;
  /** Why it is not ready, in words. */
  readonly failure?: string;
}

/** One replica of a local workload. */
export interface WorkloadStatus {
  /** `NAMESPACE/POD`. */
  readonly name: string;
  /** `NAMESPACE/WORKLOAD`. */
  readonly workload: string;
  /** Where the application itself listens. */
  readonly ports: readonly IngressAddress[];
  readonly pid?: number;
  readonly restarts: number;
  readonly ready: boolean;
  readonly failure?: string;
}

/** `GET /v1/status`. */
export interface StatusAnswer {
  readonly version: string;
  readonly controlPlane: {
    readonly pid: number;
    /** RFC 3339. */
    readonly startedAt: string;
    readonly state: string;
    readonly supervisorPid?: number;
  };
  /** As `GET /readyz` says it. */
  readonly ready: boolean;
  /** What readiness waits for, in words. */
  readonly awaited: readonly string[];
  readonly gateways: readonly ProxyStatus[];
  readonly sidecars: readonly ProxyStatus[];
  readonly workloads: readonly WorkloadStatus[];
  readonly problems: { readonly errors: number; readonly warnings: number };
}

/** `GET /v1/workloads/NAMESPACE/NAME/environment`, where NAME is a workload or one of its pods (then that replica). */
export interface WorkloadEnvironmentAnswer {
  /** `NAMESPACE/POD`. */
  readonly name: string;
  /** Laid over the caller's own environment; null removes a variable. Holds no value of a Secret. */
  readonly environment: Readonly<Record<string, string | null>>;
  /** Variables that come from Secrets. Their values never pass the admin API: who may open the supervisor's socket
   * (the same user) asks there for the environment of `process`. */
  readonly secretVariables: readonly string[];
  readonly process: string;
  /** Path of the supervisor's socket. */
  readonly supervisorSocket: string;
  readonly directory: string;
}

/** Any 404 of the admin API that names what exists. */
export interface NotFoundAnswer {
  readonly message: string;
  /** E.g. every `NAMESPACE/WORKLOAD` that runs. */
  readonly known: readonly string[];
}

/** One element of `GET /problems` and of `diolkos check -o json`. */
export interface ProblemAnswer {
  readonly code: Problem["code"];
  readonly severity: Problem["severity"];
  readonly object: { readonly kind: string; readonly namespace: string; readonly name: string };
  /** As written: `spec.rules[0].host`. */
  readonly field: string;
  readonly message: string;
  readonly fix: string | null;
  readonly file: string | null;
  /** Counted from 1. */
  readonly line: number | null;
}
