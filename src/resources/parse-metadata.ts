import type { FieldPath } from "#problems/object-ref.ts";
import type { Kind, KubernetesObject, ObjectMeta } from "./kind.ts";
import { describeValue, type FieldFault } from "./schema-problems.ts";

/** What `parseMetadata` makes of `metadata`, with what is wrong with it. */
export interface ParsedMetadata {
  readonly metadata: ObjectMeta;
  /** With one of these the object cannot be used. */
  readonly faults: readonly FieldFault[];
  /** With these it can. */
  readonly slips: readonly FieldFault[];
  readonly unknown: readonly string[];
}

/** The text of a plain YAML value as the user wrote it, e.g. `1.10` where the value is the number 1.1. */
export type SourceText = (path: FieldPath) => string | undefined;

/** All fields that Kubernetes knows in `metadata`. */
export const metadataFields: readonly string[] = [
  "annotations",
  "clusterName",
  "creationTimestamp",
  "deletionGracePeriodSeconds",
  "deletionTimestamp",
  "finalizers",
  "generateName",
  "generation",
  "labels",
  "managedFields",
  "name",
  "namespace",
  "ownerReferences",
  "resourceVersion",
  "selfLink",
  "uid",
];

const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

/** Reads `metadata`; its name is known to be a text, a number or a truth value. */
export function parseMetadata(
  raw: Readonly<Record<string, unknown>>,
  kind: Kind<KubernetesObject>,
  sourceText: SourceText,
): ParsedMetadata {
  const faults: FieldFault[] = [];
  const slips: FieldFault[] = [];

  /** Kubernetes takes texts only; an unquoted number or truth value is read as it is written. */
  const text = (value: unknown, path: FieldPath): string | undefined => {
    if (typeof value === "string") return value;
    const field = ["metadata", ...path];
    const message = `Must be text, but is ${describeValue(value, true)}.`;
    if (typeof value !== "number" && typeof value !== "boolean") {
      faults.push({ field, message });
      return undefined;
    }
    const written = sourceText(field) ?? String(value);
    slips.push({ field, message, fix: `Put it in quotes: "${written}".` });
    return written;
  };

  const texts = (field: "labels" | "annotations"): Record<string, string> => {
    const map = raw[field];
    if (map === undefined) return {};
    if (typeof map !== "object" || map === null || Array.isArray(map)) {
      const message = `Must be a map of texts, but is ${describeValue(map, true)}.`;
      faults.push({ field: ["metadata", field], message });
      return {};
    }
    const result: Array<[string, string]> = [];
    for (const [key, value] of Object.entries(map)) {
      const read = text(value, [field, key]);
      if (read !== undefined) result.push([key, read]);
    }
    return Object.fromEntries(result);
  };

  const identifier = (
    field: "name" | "namespace",
    value: unknown,
    pattern: RegExp,
    limit: number,
    form: string,
  ) => {
    const read = text(value, [field]) ?? "";
    if (read.length > limit || !pattern.test(read)) {
      const message = `Must be at most ${limit} lower-case letters, digits${form} and dashes, with a letter or digit at both ends.`;
      faults.push({ field: ["metadata", field], message });
    }
    return read;
  };

  const name = identifier("name", raw.name, subdomain, 253, ", dots");
  const namespace =
    kind.scope === "Cluster" ? "" : identifier("namespace", raw.namespace ?? "default", label, 63, "");
  return {
    metadata: {
      name,
      namespace,
      labels: texts("labels"),
      annotations: texts("annotations"),
      ...(typeof raw.creationTimestamp === "string" ? { creationTimestamp: raw.creationTimestamp } : {}),
      ...(typeof raw.uid === "string" ? { uid: raw.uid } : {}),
    },
    faults,
    slips,
    unknown: Object.keys(raw).filter((field) => !metadataFields.includes(field)),
  };
}
