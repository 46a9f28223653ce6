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

/** One named xDS resource as it goes over the wire. Equal content has an equal version. */
export interface Resource {
  /** Which proxies receive it (see model.ts). */
  readonly scope: string;
  readonly type: ResourceType;
  readonly name: string;
  /** Hash of `body`. */
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
