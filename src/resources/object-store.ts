import type { Table } from "#incremental/graph.ts";
import type { Kind, KubernetesObject } from "./kind.ts";

/** What translators see of the objects: one table a kind, keyed by `objectKey`. */
export interface Objects {
  table<T extends KubernetesObject>(kind: Kind<T>): Table<T>;
}
