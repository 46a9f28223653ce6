import type { Graph, Reader, Table } from "#incremental/graph.ts";
import type { Cluster, Discovery, HealthCheck, OutlierDetection } from "#model/cluster.ts";
import type { MeshIdentity } from "#model/mesh.ts";
import { modelKey } from "#model/model.ts";
import { problem } from "#problems/problem.ts";
import type { PortProtocol } from "#resources/app-mesh-types.ts";
import type { VirtualNode, VirtualNodeListener } from "#resources/virtual-node.ts";
import { serviceOfHost } from "../services/service-of-host.ts";
import { type ResolvedPort, resolveService, type ServiceTables } from "../services/service-tables.ts";
import type { Calls } from "./destinations.ts";
import { milliseconds } from "./durations.ts";
import type { Member } from "./members.ts";
import type { MeshObjects } from "./mesh-objects.ts";
import { backendClusterName } from "./names.ts";
import type { Target } from "./nodes.ts";
import { spread } from "./spread.ts";

/** How long App Mesh waited for a connection to a backend; it could not be changed. */
export const connectTimeoutMs = 1000;

/** A port of a virtual node, and where it is found: the same for all who call it. */
type Destination = Omit<Cluster, "scope">;

/** The clusters of the nodes that each proxy may reach, keyed by `modelKey(scope, name)`. */
export function translateBackendClusters(
  graph: Graph,
  calls: Calls,
  objects: MeshObjects,
  services: ServiceTables,
): Table<Cluster> {
  const targets = graph.derive("appmesh/targets-by-scope", calls.byScope, (_scope, list, read) => {
    const found = new Map<string, Target>();
    for (const { backend } of list) {
      for (const target of read.get(objects.services.targets, backend.service) ?? [])
        found.set(target.cluster, target);
    }
    return [...found.values()];
  });
  // A node that nobody calls need not be found: the gateway's own, say, whose Service is not among the manifests.
  const called = graph.index("appmesh/called-ports", targets, (_scope, list) =>
    list.map((target) => [portKey(target.node, target.port), target] as const),
  );
  const destinations = graph.derive("appmesh/node-clusters", called, (_key, [target], read) => {
    const node = target && read.get(objects.nodes.members.table, target.node);
    return node && destination(node, target.port, objects, services, read);
  });
  const wanted = spread(graph, "appmesh/targets", targets, (scope, list) =>
    list.map((target) => [modelKey(scope, target.cluster), { scope, target }] as const),
  );
  return graph.derive("appmesh/clusters", wanted, (_key, { scope, target }, read): Cluster | undefined => {
    const found = read.get(destinations, portKey(target.node, target.port));
    return found === undefined ? undefined : { scope, ...found };
  });
}

function portKey(node: string, port: number): string {
  return `${node}:${port}`;
}

function destination(
  node: Member<VirtualNode>,
  port: number,
  objects: MeshObjects,
  services: ServiceTables,
  read: Reader,
): Destination | undefined {
  const listeners = node.object.spec?.listeners ?? [];
  const at = listeners.findIndex(({ portMapping }) => portMapping.port === port);
  const listener = listeners[at];
  if (listener === undefined) return undefined;
  const { protocol } = listener.portMapping;
  const discovery = discover(node, port, objects, services, read);
  if (discovery === undefined) return undefined;
  return {
    name: backendClusterName(node.meshName, node.awsName, protocol, port),
    origin: { object: node.ref, field: ["spec", "listeners", at] },
    discovery,
    protocol: clusterProtocol(protocol),
    connectTimeoutMs,
    loadBalancing: "round-robin",
    ...(listener.healthCheck === undefined ? {} : { healthCheck: healthCheck(listener.healthCheck) }),
    ...(listener.outlierDetection === undefined
      ? {}
      : { outlierDetection: outlierDetection(listener.outlierDetection) }),
  };
}

/** gRPC is spoken over HTTP/2. */
export function clusterProtocol(protocol: PortProtocol): Cluster["protocol"] {
  if (protocol === "tcp") return "tcp";
  return protocol === "http" ? "http1" : "http2";
}

/** Where a node is: the endpoints of the Service that its host name means, else what DNS says of that name. */
function discover(
  node: Member<VirtualNode>,
  port: number,
  objects: MeshObjects,
  services: ServiceTables,
  read: Reader,
): Discovery | undefined {
  const dns = node.object.spec?.serviceDiscovery?.dns;
  if (dns === undefined) return undefined;
  const all = dns.responseType === "ENDPOINTS";
  const family = read.get(objects.meshes.faces, node.mesh)?.addressFamily;
  const byDns = (host: string, number: number): Discovery => ({
    kind: "dns",
    host,
    port: number,
    all,
    ...(family === undefined ? {} : { family }),
  });
  const name = serviceOfHost(dns.hostname, node.ref.namespace);
  const found = name === undefined ? "no-service" : resolvePort(read, services, name, port);
  if (typeof found !== "string") {
    const { discovery } = found;
    return discovery.kind === "dns" ? byDns(discovery.host, discovery.port) : discovery;
  }
  const inCluster = /\.svc(\.cluster\.local)?\.?$/i.test(dns.hostname);
  if (name === undefined || (found === "no-service" && !inCluster)) return byDns(dns.hostname, port);
  const service = `Service ${name.namespace}/${name.name}`;
  const message = found === "no-port" ? `${service} has no port ${port}.` : `${service} does not exist.`;
  const related = { related: [{ kind: "Service", ...name }] };
  const field = ["spec", "serviceDiscovery", "dns", "hostname"];
  read.report(problem("backend-missing", node.ref, field, `${message} Calls of the node get 503.`, related));
  return { kind: "static", endpoints: [] };
}

/** A node is called at its own port. The name of a headless Service leads to the pods themselves, so that there the
 * port may also be one that the Service forwards to. */
function resolvePort(
  read: Reader,
  services: ServiceTables,
  name: { readonly namespace: string; readonly name: string },
  port: number,
): ResolvedPort | "no-service" | "no-port" {
  const found = resolveService(read, services, name, port);
  if (found !== "no-port") return found;
  const service = read.get(services.services, `${name.namespace}/${name.name}`);
  if (service?.spec.clusterIP !== "None") return found;
  const forwarded = service.spec.ports?.find((one) => one.targetPort === port);
  return forwarded === undefined ? found : resolveService(read, services, name, forwarded.port);
}

function healthCheck(check: NonNullable<VirtualNodeListener["healthCheck"]>): HealthCheck {
  const http = check.protocol === "http" || check.protocol === "http2";
  return {
    protocol: check.protocol,
    ...(http && check.path !== undefined ? { path: check.path } : {}),
    intervalMs: check.intervalMillis,
    timeoutMs: check.timeoutMillis,
    healthyThreshold: check.healthyThreshold,
    unhealthyThreshold: check.unhealthyThreshold,
  };
}

function outlierDetection(detection: NonNullable<VirtualNodeListener["outlierDetection"]>): OutlierDetection {
  return {
    consecutive5xx: detection.maxServerErrors,
    intervalMs: milliseconds(detection.interval),
    baseEjectionMs: milliseconds(detection.baseEjectionDuration),
    maxEjectionPercent: detection.maxEjectionPercent,
  };
}

/** The clusters that let calls out of the mesh. */
export function outsideCluster(
  caller: Pick<MeshIdentity, "scope" | "node">,
  name: string,
  discovery: Discovery,
): Cluster {
  return {
    scope: caller.scope,
    name,
    origin: { object: caller.node, field: ["spec"] },
    discovery,
    protocol: "downstream",
    connectTimeoutMs,
    loadBalancing: "round-robin",
  };
}
