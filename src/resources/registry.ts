import { configMapKind } from "./config-map.ts";
import { daemonSetKind } from "./daemon-set.ts";
import { deploymentKind } from "./deployment.ts";
import { endpointSliceKind } from "./endpoint-slice.ts";
import { endpointsKind } from "./endpoints.ts";
import { ingressClassKind } from "./ingress-class.ts";
import type { Kind, KubernetesObject } from "./kind.ts";
import { kongDeclarativeConfigKind } from "./kong-declarative-config.ts";
import { localWorkloadsKind } from "./local-workloads.ts";
import { namespaceKind } from "./namespace.ts";
import { podKind } from "./pod.ts";
import { referenceGrantKind } from "./reference-grant.ts";
import { secretKind } from "./secret.ts";
import { serviceKind } from "./service.ts";
import { statefulSetKind } from "./stateful-set.ts";

/** Every kind that Diolkos reads, in alphabetical order. */
export const kinds: readonly Kind<KubernetesObject>[] = [
  configMapKind,
  daemonSetKind,
  deploymentKind,
  endpointSliceKind,
  endpointsKind,
  ingressClassKind,
  kongDeclarativeConfigKind,
  localWorkloadsKind,
  namespaceKind,
  podKind,
  referenceGrantKind,
  secretKind,
  serviceKind,
  statefulSetKind,
];

const byName = new Map<string, Kind<KubernetesObject>[]>();
for (const kind of kinds) byName.set(kind.kind, [...(byName.get(kind.kind) ?? []), kind]);

/** The kind that reads objects of this apiVersion and kind. */
export function findKind(apiVersion: string, kind: string): Kind<KubernetesObject> | undefined {
  return byName.get(kind)?.find(({ apiVersions }) => apiVersions.includes(apiVersion));
}

/** All kinds of this name, whatever their API group; for messages. */
export function kindsNamed(kind: string): readonly Kind<KubernetesObject>[] {
  return byName.get(kind) ?? [];
}
