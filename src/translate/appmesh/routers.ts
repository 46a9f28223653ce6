import type { Graph, Reader, Table } from "#incremental/graph.ts";
import type { Forward, Route, WeightedBackend } from "#model/route.ts";
import type { FieldPath } from "#problems/object-ref.ts";
import { formatRef } from "#problems/object-ref.ts";
import { problem } from "#problems/problem.ts";
import type { PortMapping } from "#resources/app-mesh-types.ts";
import { type VirtualRouter, virtualRouterKind } from "#resources/virtual-router.ts";
import { type Member, type Meshes, resolveMembers } from "./members.ts";
import { type NodeFace, type NodePort, type Nodes, nodeTarget, type Target } from "./nodes.ts";
import { type ParsedRoute, parseVirtualRouter, type WeightedTarget } from "./parse-virtual-router.ts";
import { type Face, type Lookup, resolveReference } from "./references.ts";

/** What virtual services must know of their router. */
export interface RouterFace extends Face {
  readonly listeners: readonly PortMapping[];
}

/** The routes of one port, in the order in which they are tried. */
export interface PortRoutes extends PortMapping {
  readonly routes: readonly Route[];
}

/** A provider of virtual services: its routes for each port, and the clusters to which they lead. */
export interface Provider {
  readonly ports: readonly PortRoutes[];
  readonly targets: readonly Target[];
}

export interface Routers {
  readonly lookup: Lookup<RouterFace>;
  /** Keyed by `objectKey`. */
  readonly providers: Table<Provider>;
}

/** All virtual routers, translated once for all virtual services that use them. */
export function resolveRouters(graph: Graph, meshes: Meshes, nodes: Nodes): Routers {
  const members = resolveMembers(graph, meshes, virtualRouterKind, {
    defaultName: (router) => `${router.metadata.name}_${router.metadata.namespace}`,
    check: (router) => parseVirtualRouter(router).problems,
  });
  const faces: Table<RouterFace> = graph.derive("appmesh/router-faces", members.table, (_key, member) => ({
    ref: member.ref,
    mesh: member.mesh,
    listeners: parseVirtualRouter(member.object).listeners,
  }));
  const providers = graph.derive("appmesh/router-routes", members.table, (_key, member, read) =>
    translateRouter(member, nodes, read),
  );
  const { kind, claims, objects } = members;
  return { lookup: { kind, faces, claims, objects, ignoreCase: false }, providers };
}

function translateRouter(member: Member<VirtualRouter>, nodes: Nodes, read: Reader): Provider {
  const { listeners, routes } = parseVirtualRouter(member.object);
  const targets = new Map<string, Target>();
  const resolve = (target: WeightedTarget, field: FieldPath, listener: PortMapping) => {
    const found = resolveTarget(member, nodes, target, field, listener, read);
    if (found !== undefined) targets.set(found.cluster, found);
    return found?.cluster;
  };
  const ports = listeners.map((listener) => ({
    ...listener,
    routes: routes
      .filter((route) => route.port === undefined || route.port === listener.port)
      .map((route) => translateRoute(member, route, (target, field) => resolve(target, field, listener))),
  }));
  return { ports, targets: [...targets.values()].sort(byCluster) };
}

function byCluster(a: Target, b: Target): number {
  return a.cluster < b.cluster ? -1 : 1;
}

function translateRoute(
  member: Member<VirtualRouter>,
  route: ParsedRoute,
  resolve: (target: WeightedTarget, field: FieldPath) => string | undefined,
): Route {
  const origin = { object: member.ref, field: route.field };
  const backends = route.targets.map((target, at): WeightedBackend => {
    const field = [...route.targetsField, at];
    return { cluster: resolve(target, field), weight: target.weight, origin: { object: member.ref, field } };
  });
  const forward: Forward = {
    kind: "forward",
    backends,
    timeouts: route.timeouts,
    ...(route.retry === undefined ? {} : { retry: route.retry }),
    websocket: true,
  };
  const idle = backends.every((backend) => backend.weight === 0);
  return {
    name: route.name,
    match: route.match,
    // Envoy refuses a route whose weights add up to nothing.
    action: idle ? { kind: "reply", status: 503 } : forward,
    policies: [],
    origins: [origin],
  };
}

/** The cluster of a weighted target; undefined keeps its share, which answers 503. */
function resolveTarget(
  member: Member<VirtualRouter>,
  nodes: Nodes,
  target: WeightedTarget,
  field: FieldPath,
  listener: PortMapping,
  read: Reader,
): Target | undefined {
  const reference = {
    reference: target.virtualNodeRef,
    arn: target.virtualNodeARN,
    fields: ["virtualNodeRef", "virtualNodeARN"],
  } as const;
  const found = resolveReference(read, member, nodes.lookup, reference, field);
  if (found === undefined) return undefined;
  const port = targetPort(member, found.face, target.port, field, listener, read);
  if (port === undefined || !port.callable) return undefined;
  return nodeTarget(found.key, found.face, port);
}

function targetPort(
  member: Member<VirtualRouter>,
  node: NodeFace,
  wanted: number | undefined,
  field: FieldPath,
  listener: PortMapping,
  read: Reader,
): NodePort | undefined {
  const related = { related: [node.ref] };
  const refuse = (at: FieldPath, message: string) => {
    read.report(problem("invalid-field", member.ref, at, message, related));
    return undefined;
  };
  const doubt = (at: FieldPath, message: string) =>
    read.report({ ...problem("invalid-field", member.ref, at, message, related), severity: "warning" });
  const [only, ...others] = node.listeners;
  if (only === undefined) return refuse(field, `${formatRef(node.ref)} has no listener; its share gets 503.`);
  let port: NodePort | undefined = only;
  if (wanted !== undefined) {
    port = node.listeners.find((one) => one.port === wanted);
    if (port === undefined) {
      return refuse(
        [...field, "port"],
        `${formatRef(node.ref)} has no listener on port ${wanted}; its share gets 503.`,
      );
    }
  } else if (others.length > 0) {
    port = node.listeners.find((one) => one.port === listener.port) ?? only;
    doubt(
      field,
      `${formatRef(node.ref)} has several listeners, so a port should be named; ${port.port} is used.`,
    );
  }
  if (port.protocol !== listener.protocol) {
    const message = `The router's port ${listener.port} is for ${listener.protocol}, but port ${port.port} of ${formatRef(node.ref)} speaks ${port.protocol}.`;
    if (port.protocol === "tcp") return refuse(field, `${message} Its share gets 503.`);
    doubt(field, `${message} It is called with ${port.protocol}.`);
  }
  return port;
}
