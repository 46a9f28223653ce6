import type { Graph, Table } from "#incremental/graph.ts";
import type { Objects } from "#resources/object-store.ts";
import { type Backend, resolveBackends } from "./backends.ts";
import { type Meshes, resolveMeshes } from "./members.ts";
import { type Nodes, resolveNodes } from "./nodes.ts";
import { resolveRouters } from "./routers.ts";
import { resolveServices, type Services } from "./services.ts";

/** All App Mesh objects with their references resolved, before any proxy is looked at. */
export interface MeshObjects {
  readonly meshes: Meshes;
  readonly nodes: Nodes;
  readonly services: Services;
  /** Keyed by `objectKey` of the VirtualNode. */
  readonly backends: Table<readonly Backend[]>;
}

/** Resolves in the order in which the objects refer to each other. */
export function resolveMeshObjects(graph: Graph, objects: Objects): MeshObjects {
  const meshes = resolveMeshes(graph, objects);
  const nodes = resolveNodes(graph, meshes);
  const routers = resolveRouters(graph, meshes, nodes);
  const services = resolveServices(graph, meshes, nodes, routers);
  const backends = resolveBackends(graph, meshes, nodes, services);
  return { meshes, nodes, services, backends };
}
