import type { Graph, Table } from "#incremental/graph.ts";
import type { Cluster } from "#model/cluster.ts";
import type { Listener } from "#model/listener.ts";
import type { MeshDestination } from "#model/mesh.ts";
import type { VirtualHost } from "#model/route.ts";
import type { WorkloadInstance } from "#model/workload.ts";
import type { ServiceTables } from "../services/service-tables.ts";
import { translateAllowedServices } from "./allowed-services.ts";
import { translateBackendClusters } from "./clusters.ts";
import { translateCalls, translateDestinations } from "./destinations.ts";
import { translateBackendHosts, translateEgressListeners, translateOutside } from "./egress.ts";
import { checkGateways } from "./gateways.ts";
import { translateIngress } from "./ingress.ts";
import type { MeshIdentities } from "./mesh-identities.ts";

/** What App Mesh objects yield; every table is keyed by `modelKey(scope, …)`. */
export interface AppMeshTables {
  /** Keyed by `modelKey(scope, host, port)`; port 0 stands for every port of a service that serves nothing. */
  readonly destinations: Table<MeshDestination>;
  readonly listeners: readonly Table<Listener>[];
  readonly virtualHosts: readonly Table<VirtualHost>[];
  readonly clusters: readonly Table<Cluster>[];
}

/**
 * Translates the meshes for each proxy that is a node of one: sidecars with their listeners, and the gateway, which only
 * gets destinations and clusters, because its own routes are multiplied with them.
 */
export function translateAppMesh(
  graph: Graph,
  instances: Table<WorkloadInstance>,
  { identities, objects }: MeshIdentities,
  services: ServiceTables,
): AppMeshTables {
  checkGateways(graph, objects.meshes);
  const calls = translateCalls(graph, identities, objects, services);
  const destinations = translateDestinations(graph, calls, objects);
  const ingress = translateIngress(graph, identities, instances, objects);
  const outside = translateOutside(graph, identities);
  const allowed = translateAllowedServices(graph, identities, calls, services);
  return {
    destinations,
    listeners: [
      ingress.listeners,
      translateEgressListeners(graph, identities, instances, calls, objects.services),
    ],
    virtualHosts: [
      ingress.virtualHosts,
      translateBackendHosts(graph, calls, destinations),
      outside.virtualHosts,
      allowed.virtualHosts,
    ],
    clusters: [
      ingress.clusters,
      translateBackendClusters(graph, calls, objects, services),
      outside.clusters,
      allowed.clusters,
    ],
  };
}
