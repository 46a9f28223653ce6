import type { Graph, Reader, Table } from "#incremental/graph.ts";
import { formatRef } from "#problems/object-ref.ts";
import type { Ingress } from "#resources/ingress.ts";
import { refOf } from "#resources/kind.ts";
import { compareAge } from "../kong/age.ts";
import { finding } from "../kong/finding.ts";

/**
 * Tells whether an Ingress's default backend counts: of the whole class only the oldest one does. The others are
 * reported.
 */
export function chooseDefaultBackend(
  graph: Graph,
  ingresses: Table<Ingress>,
): (key: string, read: Reader) => boolean {
  const claims = graph.index("ingress/default backends", ingresses, (key, ingress) =>
    ingress.spec?.defaultBackend === undefined
      ? []
      : [["all", { key, ref: refOf(ingress), created: ingress.metadata.creationTimestamp }] as const],
  );
  const order = graph.derive("ingress/default backend", claims, (_, all, read) => {
    const [oldest, ...others] = [...all].sort(compareAge);
    if (oldest === undefined) return undefined;
    for (const { ref } of others) {
      read.report(
        finding(
          "route-conflict",
          ref,
          ["spec", "defaultBackend"],
          `${formatRef(oldest.ref)} is older and has a default backend too, so this one is not used`,
          { related: [oldest.ref], fix: "Leave one default backend in the class." },
        ),
      );
    }
    return oldest.key;
  });
  return (key, read) => read.get(order, "all") === key;
}
