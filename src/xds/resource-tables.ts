import { ClusterSchema } from "@diolkos/envoy-api/envoy/config/cluster/v3/cluster_pb.js";
import { ClusterLoadAssignmentSchema } from "@diolkos/envoy-api/envoy/config/endpoint/v3/endpoint_pb.js";
import { ListenerSchema } from "@diolkos/envoy-api/envoy/config/listener/v3/listener_pb.js";
import { VirtualHostSchema } from "@diolkos/envoy-api/envoy/config/route/v3/route_components_pb.js";
import { RouteConfigurationSchema } from "@diolkos/envoy-api/envoy/config/route/v3/route_pb.js";
import type { HttpFilter } from "@diolkos/envoy-api/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { SecretSchema } from "@diolkos/envoy-api/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import { encode } from "#envoy/any.ts";
import { buildCluster } from "#envoy/cluster.ts";
import { buildListener } from "#envoy/listener.ts";
import { buildEndpoints } from "#envoy/load-assignment.ts";
import type { RouteAdditions } from "#envoy/route.ts";
import { buildRouteConfiguration } from "#envoy/route-configuration.ts";
import { buildSecret } from "#envoy/secret.ts";
import { buildVirtualHost, virtualHostName } from "#envoy/virtual-host.ts";
import type { Graph, Table } from "#incremental/graph.ts";
import { type Model, modelKey } from "#model/model.ts";
import type { Route, VirtualHost } from "#model/route.ts";
import type { Origin } from "#problems/object-ref.ts";
import { contentVersion, type Resource, type ResourcePart, type ResourceType } from "./resource.ts";

export interface ResourceOptions {
  /** The fixed chain of feature filters of every edge listener. */
  readonly edgeFilters: readonly HttpFilter[];
  /** What a route's policies add to its Envoy route. */
  readonly additions: (route: Route) => RouteAdditions;
}

/** Makes the resources of a model; each depends on its own model piece only. Keys are free of meaning. */
export function resourceTables(
  graph: Graph,
  model: Model,
  options: ResourceOptions,
): readonly Table<Resource>[] {
  const listeners = model.listeners.flatMap((table) => [
    graph.derive(`resources/${table.name}`, table, (_, listener) =>
      resource(listener.scope, "listener", listener.name, listener.origins, () =>
        encode(ListenerSchema, buildListener(listener, options.edgeFilters)),
      ),
    ),
    graph.derive(`resources/${table.name}/routes`, table, (_, listener) =>
      listener.kind === "tcp"
        ? undefined
        : resource(listener.scope, "routes", listener.routeTable, listener.origins, () =>
            encode(RouteConfigurationSchema, buildRouteConfiguration(listener)),
          ),
    ),
  ]);
  const virtualHosts = model.virtualHosts.map((table) =>
    graph.derive(`resources/${table.name}`, table, (_, host) =>
      resource(host.scope, "virtualHost", virtualHostName(host), originsOf(host), () =>
        encodeHost(host, options),
      ),
    ),
  );
  const clusters = model.clusters.flatMap((table) => {
    const uses = graph.index(`endpoints-of/${table.name}`, table, (_, cluster) =>
      cluster.discovery.kind === "endpoints"
        ? [
            [
              modelKey(cluster.scope, cluster.discovery.key),
              [cluster.scope, cluster.discovery.key] as const,
            ] as const,
          ]
        : [],
    );
    return [
      graph.derive(`resources/${table.name}`, table, (_, cluster) =>
        resource(cluster.scope, "cluster", cluster.name, [cluster.origin], () =>
          encode(ClusterSchema, buildCluster(cluster)),
        ),
      ),
      graph.derive(`resources/endpoints-of/${table.name}`, uses, (_, [use], read) => {
        if (use === undefined) return undefined;
        const [scope, key] = use;
        const endpoints = read.get(model.endpoints, key) ?? [];
        return resource(scope, "endpoints", key, [], () =>
          encode(ClusterLoadAssignmentSchema, buildEndpoints(key, endpoints)),
        );
      }),
    ];
  });
  const secrets = model.secrets.map((table) =>
    graph.derive(`resources/${table.name}`, table, (_, secret) =>
      resource(secret.scope, "secret", secret.name, [secret.origin], () =>
        encode(SecretSchema, buildSecret(secret)),
      ),
    ),
  );
  return [...listeners, ...virtualHosts, ...clusters, ...secrets];
}

/** A virtual host cut into one host per route, so that a refusal leads to the route's objects. */
export function virtualHostParts(host: VirtualHost, options: ResourceOptions): readonly ResourcePart[] {
  return host.routes.map((route) => ({
    origins: route.origins,
    body: encodeHost({ ...host, routes: [route] }, options),
  }));
}

/** Names and encodes one resource. */
export function resource(
  scope: string,
  type: ResourceType,
  name: string,
  origins: readonly Origin[],
  body: () => Uint8Array,
): Resource {
  const bytes = body();
  return { scope, type, name, version: contentVersion(bytes), body: bytes, origins };
}

function encodeHost(host: VirtualHost, options: ResourceOptions): Uint8Array {
  return encode(VirtualHostSchema, buildVirtualHost(host, options.additions));
}

function originsOf(host: VirtualHost): readonly Origin[] {
  return host.routes.flatMap((route) => route.origins);
}
