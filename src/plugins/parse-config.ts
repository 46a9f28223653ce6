import type { z } from "zod";
import { closestName } from "#problems/closest-name.ts";
import type { FieldPath } from "#problems/object-ref.ts";
import type { Plugin } from "./plugin.ts";

/** Puts a problem at a field of the configuration. */
export type ReportField = (field: FieldPath, message: string, fix?: string) => void;

/**
 * Reads a plugin's configuration by its schema; undefined when it is invalid. As in Kong, null is the same as absent
 * and an unknown field is an error.
 */
export function parseConfig<Schema extends z.ZodType>(
  plugin: Plugin<Schema>,
  config: unknown,
  report: ReportField,
): z.output<Schema> | undefined {
  const result = plugin.schema.safeParse(withoutNulls(config ?? {}));
  if (result.success) return result.data;
  for (const issue of result.error.issues) reportIssue(issue, plugin, report);
  return undefined;
}

function reportIssue(issue: z.core.$ZodIssue, plugin: Plugin, report: ReportField): void {
  const path = issue.path.filter((part) => typeof part !== "symbol");
  switch (issue.code) {
    case "unrecognized_keys": {
      const known = knownFields(plugin, path);
      for (const key of issue.keys) {
        const meant = closestName(key, known);
        report(
          [...path, key],
          `${plugin.name} has no field ${JSON.stringify(key)} here`,
          meant === undefined ? undefined : `Did you mean ${meant}?`,
        );
      }
      return;
    }
    case "custom":
      report(path, issue.message, typeof issue.params?.fix === "string" ? issue.params.fix : undefined);
      return;
    default:
      report(path, issue.message);
  }
}

/** The fields that the schema knows at this place. */
function knownFields(plugin: Plugin, path: FieldPath): readonly string[] {
  let schema: unknown = plugin.schema;
  for (const key of path) {
    schema = unwrap(schema);
    if (!hasShape(schema) || typeof key !== "string") return [];
    schema = schema.shape[key];
  }
  schema = unwrap(schema);
  return hasShape(schema) ? Object.keys(schema.shape) : [];
}

function unwrap(schema: unknown): unknown {
  let inner = schema;
  while (
    typeof inner === "object" &&
    inner !== null &&
    "unwrap" in inner &&
    typeof inner.unwrap === "function"
  ) {
    inner = inner.unwrap();
  }
  return inner;
}

function hasShape(schema: unknown): schema is { readonly shape: Record<string, unknown> } {
  return typeof schema === "object" && schema !== null && "shape" in schema;
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((item) => item !== null).map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== null)
      .map(([key, item]) => [key, withoutNulls(item)]),
  );
}
