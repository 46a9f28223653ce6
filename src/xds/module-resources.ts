import type { Graph, Table } from "#incremental/graph.ts";
import type { Model } from "#model/model.ts";
import type { Resource } from "./resource.ts";

export function moduleResources(
  _graph: Graph,
  _model: Model,
  _options: { wasmPath: string; servicesSocket: string },
): readonly Table<Resource>[] {
  return [];
}
