import type { Kind, KubernetesObject } from "./kind.ts";
import { secretKind } from "./secret.ts";
import { serviceKind } from "./service.ts";

/** Every kind that Diolkos reads, in alphabetical order. */
export const kinds: readonly Kind<KubernetesObject>[] = [secretKind, serviceKind];

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
