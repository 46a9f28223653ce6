import type { Origin } from "#problems/object-ref.ts";

export interface Endpoint {
  /** IPv4 or IPv6 address. */
  readonly address: string;
  readonly port: number;
  readonly weight?: number;
}

export type Discovery =
  /** Endpoints of the model's endpoint table under this key, sent apart from the cluster. */
  | { readonly kind: "endpoints"; readonly key: string }
  /** DNS; `all` uses every address of an answer, otherwise one connection target. */
  | {
      readonly kind: "dns";
      readonly host: string;
      readonly port: number;
      readonly all: boolean;
      /** Only addresses of this family; absent: Envoy's choice. */
      readonly family?: "ipv4" | "ipv6";
    }
  | { readonly kind: "static"; readonly endpoints: readonly Endpoint[] }
  /** The request's own host, resolved by DNS. */
  | { readonly kind: "forward-proxy" }
  | { readonly kind: "original-destination" }
  /** A unix socket of this machine. */
  | { readonly kind: "socket"; readonly path: string };

export interface HealthCheck {
  readonly protocol: "http" | "http2" | "grpc" | "tcp";
  readonly path?: string;
  readonly port?: number;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly healthyThreshold: number;
  readonly unhealthyThreshold: number;
}

export interface OutlierDetection {
  readonly consecutive5xx: number;
  readonly intervalMs: number;
  readonly baseEjectionMs: number;
  readonly maxEjectionPercent: number;
}

export interface CircuitBreaker {
  readonly maxConnections: number;
  readonly maxPendingRequests: number;
  readonly maxRequests: number;
}

/** A destination with its own connections. Its name is the identity of the backend, never a rule's position. */
export interface Cluster {
  readonly scope: string;
  readonly name: string;
  readonly origin: Origin;
  readonly discovery: Discovery;
  /** `downstream`: the one that the client speaks with the proxy. */
  readonly protocol: "http1" | "http2" | "tcp" | "downstream";
  readonly connectTimeoutMs: number;
  readonly loadBalancing: "round-robin" | "least-request" | "ring-hash" | "random";
  readonly healthCheck?: HealthCheck;
  readonly outlierDetection?: OutlierDetection;
  readonly circuitBreaker?: CircuitBreaker;
}
