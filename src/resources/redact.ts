import type { FieldPath } from "#problems/object-ref.ts";
import { isWithinAny } from "./field-pattern.ts";
import type { KubernetesObject } from "./kind.ts";
import { kindsNamed } from "./registry.ts";

/** What stands where a secret value stood. */
export const redactedText = "[redacted]";

/** A copy of the object that may be shown: the values of its secret fields are replaced, their keys stay. */
export function redact(object: KubernetesObject): KubernetesObject {
  const secret = kindsNamed(object.kind).flatMap((kind) => kind.secret ?? []);
  if (secret.length === 0) return object;
  const walk = (value: unknown, path: FieldPath): unknown => {
    if (Array.isArray(value)) return value.map((item, at) => walk(item, [...path, at]));
    if (typeof value === "object" && value !== null) {
      return Object.fromEntries(
        Object.entries(value).map(([key, field]) => [key, walk(field, [...path, key])]),
      );
    }
    // An applied object carries its own text once more in this annotation.
    const again = path[0] === "metadata" && path[2] === "kubectl.kubernetes.io/last-applied-configuration";
    const identity = path[0] === "kind" || path[0] === "apiVersion" || path[0] === "metadata";
    return again || (!identity && isWithinAny(path, secret)) ? redactedText : value;
  };
  return walk(object, []) as KubernetesObject;
}
