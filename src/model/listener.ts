import type { Origin } from "#problems/object-ref.ts";

export interface ServerCertificate {
  /** Name of a secret of the same scope. */
  readonly secret: string;
  /** Exact or `*.` host names; empty: the default certificate. */
  readonly hosts: readonly string[];
}

interface ListenerBase {
  readonly scope: string;
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly statPrefix: string;
  readonly origins: readonly Origin[];
}

export interface HttpListener extends ListenerBase {
  readonly kind: "http";
  /** Name of the route table, whose hosts are the virtual hosts with this `routeTable`. */
  readonly routeTable: string;
  /** `edge`: faces clients (normalises paths, appends X-Forwarded-For, runs gateway features). */
  readonly role: "edge" | "mesh-ingress" | "mesh-egress";
  /** In the mesh: resolves `..` and merges slashes before routes are matched; the edge always does. Default: no. */
  readonly normalizePaths?: boolean;
  readonly certificates?: readonly ServerCertificate[];
  readonly idleTimeoutMs?: number;
}

export interface TcpListener extends ListenerBase {
  readonly kind: "tcp";
  readonly cluster: string;
  readonly idleTimeoutMs?: number;
}

export type Listener = HttpListener | TcpListener;
