import type { Graph, Table } from "#incremental/graph.ts";
import type { PortProtocol } from "#resources/app-mesh-types.ts";
import { type VirtualNode, type VirtualNodeListener, virtualNodeKind } from "#resources/virtual-node.ts";
import { type Members, type Meshes, resolveMembers } from "./members.ts";
import { backendClusterName } from "./names.ts";
import type { Face, Lookup } from "./references.ts";
import { demandsTls } from "./rules-shared.ts";
import { checkVirtualNode } from "./rules-virtual-node.ts";

/** What callers of a virtual node must know to name its clusters. */
export interface NodeFace extends Face {
  readonly meshName: string;
  readonly awsName: string;
  readonly listeners: readonly NodePort[];
}

export interface NodePort {
  readonly port: number;
  readonly protocol: PortProtocol;
  /** False where a call cannot be served: TLS is demanded, or nothing says where the node is. */
  readonly callable: boolean;
}

/** A node's port as the destination of a cluster. */
export interface Target {
  readonly cluster: string;
  /** Key of the VirtualNode. */
  readonly node: string;
  readonly port: number;
}

export interface Nodes {
  readonly members: Members<VirtualNode>;
  readonly lookup: Lookup<NodeFace>;
}

/** All virtual nodes, and the narrow view of them that routes need. */
export function resolveNodes(graph: Graph, meshes: Meshes): Nodes {
  const members = resolveMembers(graph, meshes, virtualNodeKind, {
    defaultName: (node) => `${node.metadata.name}_${node.metadata.namespace}`,
    check: checkVirtualNode,
  });
  const faces: Table<NodeFace> = graph.derive("appmesh/node-faces", members.table, (_key, member) => ({
    ref: member.ref,
    mesh: member.mesh,
    meshName: member.meshName,
    awsName: member.awsName,
    listeners: nodeListeners(member.object).map(({ portMapping, tls }) => ({
      ...portMapping,
      callable: member.object.spec?.serviceDiscovery?.dns !== undefined && !demandsTls(tls),
    })),
  }));
  const { kind, claims, objects } = members;
  return { members, lookup: { kind, faces, claims, objects, ignoreCase: false } };
}

/** A node's listeners, each port once. */
export function nodeListeners(node: VirtualNode): readonly VirtualNodeListener[] {
  const ports = new Map<number, VirtualNodeListener>();
  for (const listener of node.spec?.listeners ?? []) {
    if (!ports.has(listener.portMapping.port)) ports.set(listener.portMapping.port, listener);
  }
  return [...ports.values()];
}

/** The cluster of one port of a node. */
export function nodeTarget(key: string, node: NodeFace, port: NodePort): Target {
  const cluster = backendClusterName(node.meshName, node.awsName, port.protocol, port.port);
  return { cluster, node: key, port: port.port };
}
