import type { Graph, Reader, Table } from "#incremental/graph.ts";
import type { Cluster } from "#model/cluster.ts";
import type { MeshIdentity } from "#model/mesh.ts";
import { gatewayScope, modelKey } from "#model/model.ts";
import type { VirtualHost } from "#model/route.ts";
import { hostOfService } from "../services/service-of-host.ts";
import { portKey, type ResolvedPort, type ServiceTables } from "../services/service-tables.ts";
import { outsideCluster } from "./clusters.ts";
import { type Calls, callKey } from "./destinations.ts";
import { hostAndPort, outsideRoute } from "./egress.ts";
import { allowedServiceClusterName, egressRouteTable } from "./names.ts";
import { spread } from "./spread.ts";

/** A sidecar that may call everything. */
type Caller = Pick<MeshIdentity, "scope" | "mesh" | "node">;

/** One port of a Service, for one sidecar. */
interface Allowed {
  readonly caller: Caller;
  readonly service: ResolvedPort;
}

const all = "all";

/**
 * With ALLOW_ALL, an application reaches every Service of the manifests by the names that cluster DNS would know,
 * although there is no cluster DNS. Names that virtual services have taken are left out.
 */
export function translateAllowedServices(
  graph: Graph,
  identities: Table<MeshIdentity>,
  calls: Calls,
  services: ServiceTables,
): { readonly virtualHosts: Table<VirtualHost>; readonly clusters: Table<Cluster> } {
  const callers = graph.index("appmesh/allow-all", identities, (scope, { mesh, node, egress }) =>
    egress === "ALLOW_ALL" && scope !== gatewayScope ? [[all, { scope, mesh, node }] as const] : [],
  );
  const placed = graph.derive("appmesh/allowed-by-port", services.resolve, (key, service, read) => {
    // A port is in the table by its number and by its name.
    const { namespace, name } = service.service;
    if (key !== portKey(`${namespace}/${name}`, service.portNumber)) return undefined;
    return (read.get(callers, all) ?? []).map((caller): Allowed => ({ caller, service }));
  });
  const allowed = spread(graph, "appmesh/allowed", placed, (key, list) =>
    list.map((one) => [modelKey(one.caller.scope, key), one] as const),
  );
  return {
    virtualHosts: graph.derive("appmesh/allowed-hosts", allowed, (_key, one, read) =>
      allowedHost(one, calls, read),
    ),
    clusters: graph.derive("appmesh/allowed-clusters", allowed, (_key, { caller, service }) =>
      outsideCluster(caller, allowedCluster(caller, service), service.discovery),
    ),
  };
}

function allowedHost({ caller, service }: Allowed, calls: Calls, read: Reader): VirtualHost | undefined {
  const { scope } = caller;
  const { portNumber: port } = service;
  const { name, namespace } = service.service;
  const taken = (host: string, number: number) =>
    read.get(calls.table, callKey({ scope, host, port: number }));
  const domains = serviceHosts(scope, service)
    .filter((host) => taken(host, port) === undefined && taken(host, 0) === undefined)
    .flatMap((host) => hostAndPort(host, port));
  if (domains.length === 0) return undefined;
  const origin = { object: service.service, field: ["spec"] };
  return {
    scope,
    routeTable: egressRouteTable(scope),
    name: `mesh-allow-all ${name}.${namespace}:${port}`,
    domains,
    routes: [outsideRoute(`${name}.${namespace}`, allowedCluster(caller, service), origin)],
  };
}

function allowedCluster(caller: Caller, service: ResolvedPort): string {
  const { name, namespace } = service.service;
  return allowedServiceClusterName(caller.mesh, `${name}.${namespace}_${service.portNumber}`);
}

/** The names that cluster DNS answers, the short one only for callers in the same namespace. */
function serviceHosts(scope: string, { service }: ResolvedPort): readonly string[] {
  const { name, namespace } = service;
  const hosts = [hostOfService(service), `${name}.${namespace}.svc`, `${name}.${namespace}`];
  return scope.startsWith(`${namespace}/`) ? [...hosts, name] : hosts;
}
