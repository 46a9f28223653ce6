import type { z } from "zod";
import type { FieldPath } from "#problems/object-ref.ts";
import { type FieldPattern, isWithinAny } from "./field-pattern.ts";

export interface UnknownField {
  readonly path: FieldPath;
  /** The fields that are known at this place. */
  readonly known: readonly string[];
}

type AnySchema = z.core.$ZodType;

/** Finds the fields of a document that its schema does not know, at every depth, whether or not the document is valid. */
export function unknownFields(
  schema: z.ZodObject,
  document: Readonly<Record<string, unknown>>,
  open: readonly FieldPattern[] = [],
): readonly UnknownField[] {
  const found: UnknownField[] = [];
  walk([schema], document, []);
  return found;

  /** Several schemas are the members of a union: a field is known when one of them knows it. */
  function walk(schemas: readonly AnySchema[], value: unknown, path: FieldPath): void {
    if (isWithinAny(path, open)) return;
    const plain = schemas.flatMap((one) => unwrap(one, value));
    if (Array.isArray(value)) {
      for (const [at, item] of value.entries()) walk(plain.flatMap(elementOf), item, [...path, at]);
      return;
    }
    if (typeof value !== "object" || value === null) return;
    const fields = plain.map(fieldsOf);
    if (fields.length === 0 || fields.includes("any")) return;
    const known = new Map<string, AnySchema[]>();
    for (const shape of fields) {
      if (shape === "any") continue;
      for (const [key, field] of Object.entries(shape)) known.set(key, [...(known.get(key) ?? []), field]);
    }
    // No member of the union is a map: that is a wrong type, which the schema itself reports.
    if (plain.every((one) => definition(one).type !== "object")) {
      walkRecords(plain, value, path);
      return;
    }
    for (const [key, field] of Object.entries(value)) {
      const members = known.get(key);
      if (members !== undefined) walk(members, field, [...path, key]);
      else if (!isWithinAny([...path, key], open))
        found.push({ path: [...path, key], known: [...known.keys()] });
    }
  }

  function walkRecords(schemas: readonly AnySchema[], value: object, path: FieldPath): void {
    const values = schemas.flatMap((one) => {
      const def = definition(one);
      return def.type === "record" ? [def.valueType] : [];
    });
    if (values.length === 0) return;
    for (const [key, field] of Object.entries(value)) walk(values, field, [...path, key]);
  }
}

function definition(schema: AnySchema): z.core.$ZodTypes["_zod"]["def"] {
  return (schema as z.core.$ZodTypes)._zod.def;
}

/** Takes off what stands around a schema. Of a union, the members that accept the value, or all when none does. */
function unwrap(schema: AnySchema, value: unknown): readonly AnySchema[] {
  const def = definition(schema);
  switch (def.type) {
    case "optional":
    case "nullable":
    case "default":
    case "prefault":
    case "nonoptional":
    case "readonly":
    case "catch":
      return unwrap(def.innerType, value);
    case "lazy":
      return unwrap(def.getter(), value);
    case "pipe":
      // z.preprocess has the schema behind its transform, .transform() before it.
      return unwrap(definition(def.in).type === "transform" ? def.out : def.in, value);
    case "intersection":
      return [...unwrap(def.left, value), ...unwrap(def.right, value)];
    case "union": {
      const fitting = def.options.filter((option) => accepts(option, value));
      return (fitting.length > 0 ? fitting : def.options).flatMap((option) => unwrap(option, value));
    }
    default:
      return [schema];
  }
}

function accepts(schema: AnySchema, value: unknown): boolean {
  return (schema as z.ZodType).safeParse(value).success;
}

function elementOf(schema: AnySchema): readonly AnySchema[] {
  const def = definition(schema);
  return def.type === "array" ? [def.element] : [];
}

function fieldsOf(schema: AnySchema): Readonly<Record<string, AnySchema>> | "any" {
  const def = definition(schema);
  if (def.type === "unknown" || def.type === "any" || def.type === "custom") return "any";
  if (def.type !== "object") return {};
  // z.looseObject takes any further field.
  if (def.catchall !== undefined && definition(def.catchall).type !== "never") return "any";
  return def.shape;
}
