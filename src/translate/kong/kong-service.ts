import type { Discovery } from "#model/cluster.ts";
import type { HashPolicy } from "#model/route.ts";
import type { Origin } from "#problems/object-ref.ts";
import type { PluginUse } from "./plugin-references.ts";

/** Where a Kong service's requests go. */
export type ServiceTarget =
  | {
      readonly kind: "found";
      readonly discovery: Discovery;
      /** The Service's own port. */
      readonly port: number;
    }
  /** The Service or its port does not exist. */
  | { readonly kind: "missing" }
  /** It asks for something that is not served, e.g. TLS to the application. */
  | { readonly kind: "refused" };

/** How requests are spread over a service's endpoints. */
export interface Balancing {
  readonly algorithm: "round-robin" | "least-request" | "ring-hash";
  readonly hash?: readonly HashPolicy[];
}

/** A Kong service: one port of a Kubernetes Service, and how it is called. */
export interface KongService {
  /** `namespace.service.port` */
  readonly name: string;
  readonly namespace: string;
  readonly service: string;
  readonly target: ServiceTarget;
  readonly protocol: "http" | "grpc";
  /** Put before the path of the request; `/` changes nothing. */
  readonly path: string;
  readonly connectTimeoutMs: number;
  /** Longest pause in a try, in either direction. */
  readonly readTimeoutMs: number;
  readonly retries: number;
  /** Host header of a route that does not keep the client's; without a port. */
  readonly hostHeader?: string;
  /** Requests go to the Service itself, by its DNS name, not to its endpoints. */
  readonly serviceUpstream: boolean;
  /** What stands behind the colon of the Host header; the default port of the protocol is left out. */
  readonly hostPort: number;
  readonly balancing: Balancing;
  readonly plugins: readonly PluginUse[];
  readonly origins: readonly Origin[];
}

/** The Host header that the application gets when the client's is not kept; undefined: the endpoint's own address. */
export function upstreamHost(service: KongService): string | undefined {
  const host = service.hostHeader ?? (service.serviceUpstream ? serviceHost(service) : undefined);
  if (host === undefined) return undefined;
  return service.hostPort === 80 ? host : `${host}:${service.hostPort}`;
}

/** The Service's name in Kong's own form, as its DNS knows it. */
export function serviceHost(service: { readonly service: string; readonly namespace: string }): string {
  return `${service.service}.${service.namespace}.svc`;
}
