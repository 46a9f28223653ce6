import type { Graph, Table } from "#incremental/graph.ts";
import type { Cluster } from "#model/cluster.ts";
import { gatewayScope } from "#model/model.ts";
import type { Origin } from "#problems/object-ref.ts";
import type { ServiceTables } from "../services/service-tables.ts";
import { finding } from "./finding.ts";
import type { KongService } from "./kong-service.ts";
import type { CompiledRoute } from "./route-entries.ts";

/** The clusters of the services that routes call, by Kong's service name. Services reached through a mesh have none. */
export function clusters(
  graph: Graph,
  compiled: Table<CompiledRoute>,
  services: Table<KongService>,
  tables: ServiceTables,
): Table<Cluster> {
  const uses = graph.index("kong/called services", compiled, (_, { services: called, origin }) =>
    called.map((name) => [name, origin] as const),
  );
  const found = graph.derive("kong/clusters", uses, (name, origins, read) => {
    const service = read.get(services, name);
    return service && buildCluster(service, origins[0]);
  });
  graph.derive("kong/services without endpoints", found, (_, { discovery, origin }, read) => {
    if (discovery.kind !== "endpoints" || (read.get(tables.endpoints, discovery.key)?.length ?? 0) > 0)
      return;
    read.report(
      finding(
        "backend-no-endpoints",
        origin.object,
        origin.field,
        `the Service ${discovery.key} has no ready endpoint; requests get 503`,
        {
          fix: "Start the workload that its selector means, or give it EndpointSlices.",
        },
      ),
    );
    return undefined;
  });
  return found;
}

function buildCluster(service: KongService, user: Origin | undefined): Cluster | undefined {
  const origin = service.origins[0] ?? user;
  if (service.target.kind !== "found" || origin === undefined) return undefined;
  return {
    scope: gatewayScope,
    name: service.name,
    origin,
    discovery: service.target.discovery,
    protocol: service.protocol === "grpc" ? "http2" : "http1",
    connectTimeoutMs: service.connectTimeoutMs,
    loadBalancing: service.balancing.algorithm,
  };
}
