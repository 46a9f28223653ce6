import type { Graph, Reader, Table } from "#incremental/graph.ts";
import type { CircuitBreaker, Cluster } from "#model/cluster.ts";
import type { Listener } from "#model/listener.ts";
import type { MeshIdentity } from "#model/mesh.ts";
import { gatewayScope, modelKey } from "#model/model.ts";
import type { VirtualHost } from "#model/route.ts";
import type { InstancePort, WorkloadInstance } from "#model/workload.ts";
import type { VirtualNode, VirtualNodeListener } from "#resources/virtual-node.ts";
import { clusterProtocol, connectTimeoutMs } from "./clusters.ts";
import { defaultIdleMs, httpTimeouts, milliseconds } from "./durations.ts";
import type { Member } from "./members.ts";
import { identityNode } from "./mesh-identities.ts";
import type { MeshObjects } from "./mesh-objects.ts";
import {
  applicationClusterName,
  ingressListenerName,
  ingressRouteTable,
  ingressStatPrefix,
} from "./names.ts";
import { nodeListeners } from "./nodes.ts";
import { demandsTls } from "./rules-shared.ts";
import { spread } from "./spread.ts";

/** One port of a sidecar: what callers connect to, and the application behind it. */
interface Entry {
  readonly listener: Listener;
  readonly host?: VirtualHost;
  readonly cluster: Cluster;
}

export interface IngressTables {
  readonly listeners: Table<Listener>;
  readonly virtualHosts: Table<VirtualHost>;
  readonly clusters: Table<Cluster>;
}

/** What sidecars receive for their applications: one listener for each port of the node that the workload declares. */
export function translateIngress(
  graph: Graph,
  identities: Table<MeshIdentity>,
  instances: Table<WorkloadInstance>,
  objects: MeshObjects,
): IngressTables {
  const entries = graph.derive("appmesh/ingress", identities, (scope, identity, read) =>
    scope === gatewayScope ? undefined : ingressEntries(identity, instances, objects, read),
  );
  return {
    listeners: spread(graph, "appmesh/ingress-listeners", entries, (scope, list) =>
      list.map(({ listener }) => [modelKey(scope, listener.name), listener] as const),
    ),
    virtualHosts: spread(graph, "appmesh/ingress-hosts", entries, (_scope, list) =>
      list.flatMap(({ host }) =>
        host === undefined ? [] : [[modelKey(host.scope, host.routeTable), host] as const],
      ),
    ),
    clusters: spread(graph, "appmesh/ingress-clusters", entries, (scope, list) =>
      list.map(({ cluster }) => [modelKey(scope, cluster.name), cluster] as const),
    ),
  };
}

function ingressEntries(
  identity: MeshIdentity,
  instances: Table<WorkloadInstance>,
  objects: MeshObjects,
  read: Reader,
): readonly Entry[] {
  const node = read.get(objects.nodes.members.table, identityNode(identity));
  const instance = read.get(instances, identity.scope);
  if (node === undefined || instance === undefined) return [];
  const listeners = nodeListeners(node.object);
  return listeners.flatMap((listener) => {
    const port = instance.ports.find((one) => one.containerPort === listener.portMapping.port);
    // A listener that only takes TLS stays closed, because TLS is not served yet.
    if (port === undefined || demandsTls(listener.tls)) return [];
    return [ingressEntry(identity.scope, instance.address, node, listener, port, listeners.length > 1)];
  });
}

function ingressEntry(
  scope: string,
  address: string,
  node: Member<VirtualNode>,
  listener: VirtualNodeListener,
  port: InstancePort,
  several: boolean,
): Entry {
  const { port: number, protocol } = listener.portMapping;
  const at = node.object.spec?.listeners?.indexOf(listener) ?? 0;
  const origin = { object: node.ref, field: ["spec", "listeners", at] };
  const breaker = circuitBreaker(listener);
  const cluster: Cluster = {
    scope,
    name: applicationClusterName(node.meshName, node.awsName, protocol, number),
    origin,
    discovery: { kind: "static", endpoints: [{ address, port: port.appPort }] },
    protocol: clusterProtocol(protocol),
    connectTimeoutMs,
    loadBalancing: "round-robin",
    ...(breaker === undefined ? {} : { circuitBreaker: breaker }),
  };
  const place = {
    scope,
    name: ingressListenerName(number, several),
    address,
    port: port.sidecarPort,
    statPrefix: ingressStatPrefix(protocol, number, several),
    origins: [origin],
  };
  if (protocol === "tcp") {
    const idle = listener.timeout?.tcp?.idle;
    const idleTimeoutMs = idle === undefined ? defaultIdleMs : milliseconds(idle);
    return { listener: { ...place, kind: "tcp", cluster: cluster.name, idleTimeoutMs }, cluster };
  }
  const routeTable = ingressRouteTable(scope, protocol, number);
  const host: VirtualHost = {
    scope,
    routeTable,
    name: node.awsName,
    domains: ["*"],
    routes: [
      {
        name: node.awsName,
        match: { path: { kind: "prefix", value: "/" } },
        action: {
          kind: "forward",
          backends: [{ cluster: cluster.name, weight: 1, origin }],
          timeouts: httpTimeouts(listener.timeout?.[protocol]),
          websocket: true,
        },
        policies: [],
        origins: [origin],
      },
    ],
  };
  return { listener: { ...place, kind: "http", routeTable, role: "mesh-ingress" }, host, cluster };
}

const unlimited = 2_147_483_647;

/** A connection pool limits what the sidecar opens to its own application, not what callers open to the sidecar. */
function circuitBreaker(listener: VirtualNodeListener): CircuitBreaker | undefined {
  const none = { maxConnections: unlimited, maxPendingRequests: unlimited, maxRequests: unlimited };
  const { tcp, http, http2, grpc } = listener.connectionPool ?? {};
  switch (listener.portMapping.protocol) {
    case "tcp":
      return tcp && { ...none, maxConnections: tcp.maxConnections };
    case "http":
      return (
        http && {
          ...none,
          maxConnections: http.maxConnections,
          maxPendingRequests: http.maxPendingRequests ?? unlimited,
        }
      );
    case "http2":
      return http2 && { ...none, maxRequests: http2.maxRequests };
    case "grpc":
      return grpc && { ...none, maxRequests: grpc.maxRequests };
  }
}
