import type { Graph } from "#incremental/graph.ts";
import type { FieldPath } from "#problems/object-ref.ts";
import { type Kind, type KubernetesObject, refOf } from "#resources/kind.ts";
import { kongConsumerGroupKind } from "#resources/kong-consumer-group.ts";
import { kongCustomEntityKind } from "#resources/kong-custom-entity.ts";
import { kongServiceFacadeKind } from "#resources/kong-service-facade.ts";
import { kongVaultKind } from "#resources/kong-vault.ts";
import type { Objects } from "#resources/object-store.ts";
import { tcpIngressKind } from "#resources/tcp-ingress.ts";
import { udpIngressKind } from "#resources/udp-ingress.ts";
import { finding } from "./finding.ts";

interface Unserved {
  readonly kind: Kind<KubernetesObject>;
  readonly message: string;
  readonly fix: string;
  /** Only where this is true. */
  readonly when?: (object: KubernetesObject) => boolean;
  readonly field?: FieldPath;
}

const unserved: readonly Unserved[] = [
  {
    kind: tcpIngressKind,
    message: "TCP routes are not supported",
    fix: "Expose the Service by other means.",
  },
  {
    kind: udpIngressKind,
    message: "UDP routes are not supported",
    fix: "Expose the Service by other means.",
  },
  {
    kind: kongVaultKind,
    message: "vaults are not supported; references to it stay as they are",
    fix: "Keep the value in a Secret and name it in configFrom or configPatches.",
  },
  {
    kind: kongCustomEntityKind,
    message: "entities of custom and enterprise plugins are not supported",
    fix: "Remove it.",
  },
  {
    kind: kongServiceFacadeKind,
    message: "service facades are not supported",
    fix: "Name the Service in the Ingress.",
  },
  {
    kind: kongConsumerGroupKind,
    message: "plugins of a consumer group are not supported; they are not applied",
    fix: "Name the plugins at an Ingress or a Service.",
    when: (object) => (object.metadata.annotations["konghq.com/plugins"] ?? "").trim() !== "",
    field: ["metadata", "annotations", "konghq.com/plugins"],
  },
];

/** Kinds of Kong's that are read, so that what they ask for is refused aloud. */
export function reportUnservedKinds(graph: Graph, objects: Objects): void {
  for (const { kind, message, fix, when, field = ["kind"] } of unserved) {
    graph.derive(`kong/unserved ${kind.kind}`, objects.table(kind), (_, object, read) => {
      if (when === undefined || when(object)) {
        read.report(finding("not-supported", refOf(object), field, message, { fix }));
      }
      return undefined;
    });
  }
}
