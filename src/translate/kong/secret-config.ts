import { parse } from "yaml";
import type { FieldPath } from "#problems/object-ref.ts";
import type { KongClusterPlugin } from "#resources/kong-cluster-plugin.ts";
import type { KongPlugin } from "#resources/kong-plugin.ts";

/** One key of a Secret. */
export interface SecretKey {
  readonly namespace: string;
  readonly name: string;
  readonly key: string;
}

export interface SecretConfig {
  /** The text of a key; undefined when there is none. */
  readonly text: (from: SecretKey) => string | undefined;
  readonly report: (code: "reference-missing" | "plugin-config", field: FieldPath, message: string) => void;
}

/**
 * The configuration of a plugin object with what its Secrets add: `configFrom` is the whole of it as YAML or JSON text,
 * `configPatches` set single places (JSON pointers, as the `add` of a JSON patch). "broken" when a Secret or its key is
 * missing or holds something else; the value itself is never reported.
 */
export function configWithSecrets(
  object: KongPlugin | KongClusterPlugin,
  secrets: SecretConfig,
): { readonly config: unknown } | "broken" {
  const read = (reference: { name: string; key: string; namespace?: string }, field: FieldPath) => {
    const from = {
      namespace: reference.namespace ?? object.metadata.namespace,
      name: reference.name,
      key: reference.key,
    };
    const text = secrets.text(from);
    if (text === undefined) {
      secrets.report(
        "reference-missing",
        field,
        `the Secret ${from.namespace}/${from.name} with the key ${from.key} does not exist`,
      );
      return undefined;
    }
    const value = parseText(text);
    if (value === undefined) {
      secrets.report(
        "plugin-config",
        field,
        `the key ${from.key} of the Secret ${from.namespace}/${from.name} holds neither JSON nor YAML`,
      );
    }
    return value;
  };

  if (object.configFrom !== undefined) {
    const value = read(object.configFrom.secretKeyRef, ["configFrom", "secretKeyRef"]);
    return value === undefined ? "broken" : { config: value.content };
  }
  let config: unknown = object.config ?? {};
  for (const [at, patch] of (object.configPatches ?? []).entries()) {
    const field = ["configPatches", at, "valueFrom", "secretKeyRef"];
    const value = read(patch.valueFrom.secretKeyRef, field);
    if (value === undefined) return "broken";
    config = withValueAt(config, patch.path, value.content);
  }
  return { config };
}

function parseText(text: string): { readonly content: unknown } | undefined {
  try {
    return { content: parse(text) };
  } catch {
    // The parser's own message quotes the text.
    return undefined;
  }
}

/** A copy of `root` with the value at the JSON pointer; missing parents are made. */
function withValueAt(root: unknown, pointer: string, value: unknown): unknown {
  const parts = pointer
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  return set(root, parts, value);
}

function set(target: unknown, [part, ...rest]: readonly string[], value: unknown): unknown {
  if (part === undefined) return value;
  if (Array.isArray(target)) {
    const at = part === "-" ? target.length : Number(part);
    const copy = [...target];
    if (rest.length === 0) copy.splice(at, 0, value);
    else copy[at] = set(copy[at], rest, value);
    return copy;
  }
  const record = typeof target === "object" && target !== null ? (target as Record<string, unknown>) : {};
  return { ...record, [part]: set(record[part], rest, value) };
}
