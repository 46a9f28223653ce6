import type { z } from "zod";
import type { FieldPath } from "#problems/object-ref.ts";
import { isWithinAny } from "#resources/field-pattern.ts";
import { pluginSecrets } from "#resources/kong-types.ts";
import { checkSchema } from "#resources/schema-problems.ts";
import { suggest } from "#resources/suggest.ts";
import { unknownFields } from "#resources/unknown-fields.ts";
import type { Plugin } from "./plugin.ts";

/** Puts a problem at a field of the configuration. */
export type ReportField = (field: FieldPath, message: string, fix?: string) => void;

/** Fields of a configuration whose values are never shown. */
const secrets = pluginSecrets.map(([, ...field]) => field);

/**
 * Reads a plugin's configuration by its schema; undefined when it is invalid. As in Kong, null is the same as absent
 * and an unknown field is an error. What comes from a Secret is not shown.
 */
export function parseConfig<Schema extends z.ZodObject>(
  plugin: Plugin<Schema>,
  config: unknown,
  report: ReportField,
  show: "show values" | "hide values" = "show values",
): z.output<Schema> | undefined {
  const document = withoutNulls(config ?? {});
  if (!isFields(document)) {
    report([], "must be a map of fields");
    return undefined;
  }
  const unknown = unknownFields(plugin.schema, document);
  for (const { path, known } of unknown) {
    if (show === "hide values") {
      // What looks like a field's name may be a password on the wrong line.
      report(path.slice(0, -1), `holds a field that is none of ${plugin.name} here`);
      continue;
    }
    const name = String(path.at(-1));
    const meant = suggest(name, known);
    report(path, `${name} is no field of ${plugin.name} here`, meant && `Did you mean ${meant}?`);
  }
  const { data, faults } = checkSchema(plugin.schema, {
    document,
    mayShow: (field) => show === "show values" && !isWithinAny(field, secrets),
  });
  const told = new Set(unknown.map(({ path }) => JSON.stringify(path)));
  for (const { field, message, fix } of faults) {
    if (!told.has(JSON.stringify(field))) report(field, message, fix);
  }
  return unknown.length > 0 ? undefined : data;
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((item) => item !== null).map(withoutNulls);
  if (!isFields(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== null)
      .map(([key, item]) => [key, withoutNulls(item)]),
  );
}
