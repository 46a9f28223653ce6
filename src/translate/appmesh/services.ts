import type { Graph, Reader, Table } from "#incremental/graph.ts";
import type { Forward, Route } from "#model/route.ts";
import type { FieldPath } from "#problems/object-ref.ts";
import { formatRef } from "#problems/object-ref.ts";
import { problem } from "#problems/problem.ts";
import { type VirtualService, virtualServiceKind } from "#resources/virtual-service.ts";
import { httpTimeouts } from "./durations.ts";
import { type Member, type Meshes, resolveMembers } from "./members.ts";
import { type NodeFace, type NodePort, type Nodes, nodeTarget, type Target } from "./nodes.ts";
import { type Face, type Lookup, type NameOrArn, resolveReference } from "./references.ts";
import { defaultRetry } from "./retries.ts";
import type { PortRoutes, Provider, Routers } from "./routers.ts";
import { checkVirtualService } from "./rules-virtual-service.ts";

/** What callers must know of a virtual service to see whether and where they may call it. */
export interface ServiceFace extends Face {
  readonly awsName: string;
  readonly provider?: { readonly kind: "node" | "router"; readonly key: string };
  /** HTTP ports, in ascending order; none without a provider. */
  readonly ports: readonly number[];
}

export interface Services {
  readonly lookup: Lookup<ServiceFace>;
  /** Keyed by `objectKey` of the virtual service; none without a provider. */
  readonly providers: Table<Provider>;
  /** Keyed by `objectKey` of the virtual service: apart from the routes, so that a weight changes nothing here. */
  readonly targets: Table<readonly Target[]>;
}

/** All virtual services with their routes. */
export function resolveServices(graph: Graph, meshes: Meshes, nodes: Nodes, routers: Routers): Services {
  const members = resolveMembers(graph, meshes, virtualServiceKind, {
    defaultName: (service) => `${service.metadata.name}.${service.metadata.namespace}`,
    check: checkVirtualService,
    // It is a host name.
    ignoreCase: true,
  });
  const faces = graph.derive("appmesh/service-faces", members.table, (_key, member, read) =>
    serviceFace(member, nodes, routers, read),
  );
  const providers = graph.derive(
    "appmesh/service-routes",
    faces,
    (_key, face, read): Provider | undefined => {
      const { provider } = face;
      if (provider === undefined) return undefined;
      if (provider.kind === "router") return read.get(routers.providers, provider.key);
      const node = read.get(nodes.lookup.faces, provider.key);
      return node === undefined ? undefined : nodeProvider(face, provider.key, node);
    },
  );
  const targets = graph.derive("appmesh/service-targets", providers, (_key, provider) => provider.targets);
  const { kind, claims, objects } = members;
  return { lookup: { kind, faces, claims, objects, ignoreCase: true }, providers, targets };
}

function serviceFace(
  member: Member<VirtualService>,
  nodes: Nodes,
  routers: Routers,
  read: Reader,
): ServiceFace {
  const { virtualNode, virtualRouter } = member.object.spec?.provider ?? {};
  const face = { ref: member.ref, mesh: member.mesh, awsName: member.awsName };
  if (virtualRouter !== undefined) {
    const target: NameOrArn = {
      reference: virtualRouter.virtualRouterRef,
      arn: virtualRouter.virtualRouterARN,
      fields: ["virtualRouterRef", "virtualRouterARN"],
    };
    const found = resolveReference(read, member, routers.lookup, target, [
      "spec",
      "provider",
      "virtualRouter",
    ]);
    if (found === undefined) return { ...face, ports: [] };
    const ports = found.face.listeners.map((listener) => listener.port);
    return { ...face, provider: { kind: "router", key: found.key }, ports: ports.sort(ascending) };
  }
  if (virtualNode !== undefined) {
    const field = ["spec", "provider", "virtualNode"];
    const target: NameOrArn = {
      reference: virtualNode.virtualNodeRef,
      arn: virtualNode.virtualNodeARN,
      fields: ["virtualNodeRef", "virtualNodeARN"],
    };
    const found = resolveReference(read, member, nodes.lookup, target, field);
    if (found === undefined) return { ...face, ports: [] };
    const ports = httpPorts(found.face).map((listener) => listener.port);
    checkNodeProvider(member, found.face, field, read);
    return { ...face, provider: { kind: "node", key: found.key }, ports: ports.sort(ascending) };
  }
  return { ...face, ports: [] };
}

function ascending(a: number, b: number): number {
  return a - b;
}

function httpPorts(node: NodeFace): readonly NodePort[] {
  return node.listeners.filter((listener) => listener.protocol !== "tcp");
}

function checkNodeProvider(
  member: Member<VirtualService>,
  node: NodeFace,
  field: FieldPath,
  read: Reader,
): void {
  const related = { related: [node.ref] };
  if (node.listeners.length === 0) {
    const message = `${formatRef(node.ref)} has no listener, so nothing can be called.`;
    read.report(problem("invalid-field", member.ref, field, message, related));
  }
  for (const { port } of node.listeners.filter((listener) => listener.protocol === "tcp")) {
    const message = `A TCP backend (port ${port} of ${formatRef(node.ref)}) is not supported yet; it comes with a later version. Nothing is served on its port.`;
    read.report(problem("not-supported", member.ref, field, message, related));
  }
}

/** A node as the provider: every request goes to it, at the port that was called, with App Mesh's default policies. */
function nodeProvider(service: ServiceFace, key: string, node: NodeFace): Provider {
  const targets: Target[] = [];
  const origin = { object: service.ref, field: ["spec", "provider", "virtualNode"] };
  const ports = httpPorts(node).map((listener): PortRoutes => {
    const target = nodeTarget(key, node, listener);
    if (listener.callable) targets.push(target);
    const forward: Forward = {
      kind: "forward",
      backends: [{ cluster: listener.callable ? target.cluster : undefined, weight: 1, origin }],
      timeouts: httpTimeouts(undefined),
      retry: defaultRetry,
      websocket: true,
    };
    const route: Route = {
      name: node.awsName,
      match: { path: { kind: "prefix", value: "/" } },
      action: forward,
      policies: [],
      origins: [origin],
    };
    return { port: listener.port, protocol: listener.protocol, routes: [route] };
  });
  return { ports, targets };
}
