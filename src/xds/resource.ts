import { createHash } from "node:crypto";
import type { Origin } from "#problems/object-ref.ts";

/** Type URLs of the xDS resources that we serve, in the order in which they must arrive (adds) at a proxy. */
export const typeUrls = {
  cluster: "type.googleapis.com/envoy.config.cluster.v3.Cluster",
  endpoints: "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
  secret: "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
  extension: "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
  listener: "type.googleapis.com/envoy.config.listener.v3.Listener",
  routes: "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
  virtualHost: "type.googleapis.com/envoy.config.route.v3.VirtualHost",
} as const;

export type ResourceType = keyof typeof typeUrls;

/** All types in the order of `typeUrls`. */
export const resourceTypes = Object.keys(typeUrls) as readonly ResourceType[];

/** One named xDS resource as it goes over the wire. Equal content has an equal version. */
export interface Resource {
  /** Which proxies receive it (see model.ts). */
  readonly scope: string;
  readonly type: ResourceType;
  readonly name: string;
  /** `contentVersion` of `body`. */
  readonly version: string;
  /** The encoded message, i.e. the `value` of its Any. */
  readonly body: Uint8Array;
  /** All objects that shaped it. */
  readonly origins: readonly Origin[];
  /** The same resource cut into pieces that can be proven alone (e.g. a virtual host with one route each), so that a
   * refusal can be traced to its objects. */
  readonly parts?: () => readonly ResourcePart[];
}

export interface ResourcePart {
  readonly origins: readonly Origin[];
  readonly body: Uint8Array;
}

/** The version of a resource with these bytes: a hash, so that a restarted control plane gives the same one. */
export function contentVersion(body: Uint8Array): string {
  return createHash("sha256").update(body).digest("base64url").slice(0, 16);
}

/** The route table of a virtual host: its name up to the last slash, which is what Envoy subscribes to. */
export function routeTableOf(virtualHost: string): string {
  return virtualHost.slice(0, Math.max(0, virtualHost.lastIndexOf("/")));
}

/** Names a resource uniquely in one instance. */
export function resourceKey(of: Pick<Resource, "scope" | "type" | "name">): string {
  return `${of.scope}\n${of.type}\n${of.name}`;
}
