import type { Graph, Table } from "#incremental/graph.ts";
import type { Cluster } from "#model/cluster.ts";
import type { HttpListener, Listener } from "#model/listener.ts";
import type { MeshDestination, MeshIdentity } from "#model/mesh.ts";
import { gatewayScope, modelKey } from "#model/model.ts";
import type { Route, VirtualHost } from "#model/route.ts";
import type { WorkloadInstance } from "#model/workload.ts";
import type { Origin } from "#problems/object-ref.ts";
import { outsideCluster } from "./clusters.ts";
import type { Call, Calls } from "./destinations.ts";
import { defaultIdleMs } from "./durations.ts";
import { allowAllClusterName, amazonClusterName, egressListenerName, egressRouteTable } from "./names.ts";
import type { Services } from "./services.ts";
import { spread } from "./spread.ts";

/** One listener for each sidecar, which its application uses as an HTTP proxy. */
export function translateEgressListeners(
  graph: Graph,
  identities: Table<MeshIdentity>,
  instances: Table<WorkloadInstance>,
  calls: Calls,
  services: Services,
): Table<Listener> {
  // Apart from the routes, so that an edited route leaves the listener alone.
  const byPath = graph.derive("appmesh/routes-by-path", services.providers, (_key, provider) =>
    provider.ports.some(({ routes }) => routes.some(matchesPath)) ? true : undefined,
  );
  const listeners = graph.derive(
    "appmesh/egress",
    identities,
    (scope, identity, read): HttpListener | undefined => {
      const instance = read.get(instances, scope);
      if (instance === undefined) return undefined;
      const called = read.get(calls.byScope, scope) ?? [];
      const paths = called.some(({ backend }) => read.get(byPath, backend.service));
      return {
        kind: "http",
        scope,
        name: egressListenerName,
        address: instance.address,
        port: instance.egressPort,
        statPrefix: "egress",
        routeTable: egressRouteTable(scope),
        role: "mesh-egress",
        // App Mesh: the first route that matches by path, not by prefix, turns it on for the whole listener.
        ...(paths ? { normalizePaths: true } : {}),
        origins: [{ object: identity.node, field: ["spec"] }],
      };
    },
  );
  return spread(graph, "appmesh/egress-listeners", listeners, (scope, listener) => [
    [modelKey(scope, listener.name), listener],
  ]);
}

function matchesPath({ match: { path, grpc } }: Route): boolean {
  return grpc !== true && (path.kind === "exact" || path.kind === "regex");
}

/** A virtual host for each virtual service (and port) that a sidecar's application may call, keyed as its destination. */
export function translateBackendHosts(
  graph: Graph,
  calls: Calls,
  destinations: Table<MeshDestination>,
): Table<VirtualHost> {
  return graph.derive("appmesh/backend-hosts", calls.table, (key, [call], read): VirtualHost | undefined => {
    const destination = read.get(destinations, key);
    if (call === undefined || destination === undefined || call.scope === gatewayScope) return undefined;
    const { scope, backend } = call;
    return {
      scope,
      routeTable: egressRouteTable(scope),
      // App Mesh had a route table for each port and named the host by the service alone.
      name: backend.ports.length > 1 ? `${backend.awsName}:${call.port}` : backend.awsName,
      domains: callDomains(call),
      routes: destination.routes,
    };
  });
}

/** The Host headers of a call. A service without a provider answers 404 at every port. */
function callDomains({ host, port }: Call): readonly string[] {
  return port === 0 ? [host, `${host}:*`] : hostAndPort(host, port);
}

/** A client leaves port 80 out of the Host header. */
export function hostAndPort(host: string, port: number): readonly string[] {
  return port === 80 ? [host, `${host}:80`] : [`${host}:${port}`];
}

/** What lets calls out of the mesh: Amazon's hosts always, everything with ALLOW_ALL. */
export function translateOutside(
  graph: Graph,
  identities: Table<MeshIdentity>,
): { readonly virtualHosts: Table<VirtualHost>; readonly clusters: Table<Cluster> } {
  const exits = graph.derive("appmesh/exits", identities, (scope, identity) => {
    if (scope === gatewayScope) return undefined;
    const amazon = exit(identity, "amazonaws", amazonClusterName(identity.mesh), [
      "*.amazonaws.com",
      "*.amazonaws.com:80",
    ]);
    const all = exit(identity, "mesh-allow-all", allowAllClusterName(identity.mesh), ["*"]);
    return identity.egress === "ALLOW_ALL" ? [amazon, all] : [amazon];
  });
  return {
    virtualHosts: spread(graph, "appmesh/exit-hosts", exits, (scope, list) =>
      list.map(({ host }) => [modelKey(scope, host.routeTable, host.name), host] as const),
    ),
    clusters: spread(graph, "appmesh/exit-clusters", exits, (scope, list) =>
      list.map(({ cluster }) => [modelKey(scope, cluster.name), cluster] as const),
    ),
  };
}

function exit(
  identity: MeshIdentity,
  name: string,
  cluster: string,
  domains: readonly string[],
): { readonly host: VirtualHost; readonly cluster: Cluster } {
  const { scope } = identity;
  const origin = { object: identity.node, field: ["spec"] };
  return {
    host: {
      scope,
      routeTable: egressRouteTable(scope),
      name,
      domains,
      routes: [outsideRoute(name, cluster, origin)],
    },
    cluster: outsideCluster(identity, cluster, { kind: "forward-proxy" }),
  };
}

/** A route to what is not of the mesh: no retries, and no time limit for a request. */
export function outsideRoute(name: string, cluster: string, origin: Origin): Route {
  return {
    name,
    match: { path: { kind: "prefix", value: "/" } },
    action: {
      kind: "forward",
      backends: [{ cluster, weight: 1, origin }],
      timeouts: { request: 0, idle: defaultIdleMs },
      websocket: true,
    },
    policies: [],
    origins: [origin],
  };
}
