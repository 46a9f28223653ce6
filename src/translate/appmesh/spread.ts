import type { Graph, Table } from "#incremental/graph.ts";

/**
 * Cuts each source entry into entries of their own keys. Keys are to be unique over all source entries; of several
 * values under one key the first counts.
 */
export function spread<S, V>(
  graph: Graph,
  name: string,
  source: Table<S>,
  cut: (key: string, value: S) => Iterable<readonly [string, V]>,
): Table<V> {
  const groups = graph.index(`${name}-groups`, source, cut);
  return graph.derive(name, groups, (_key, [first]) => first);
}
