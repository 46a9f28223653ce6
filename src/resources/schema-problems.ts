import type { z } from "zod";
import type { FieldPath } from "#problems/object-ref.ts";
import { suggest } from "./suggest.ts";

/** What is wrong with one field, in words. */
export interface FieldFault {
  readonly field: FieldPath;
  readonly message: string;
  readonly fix?: string;
}

type Issue = z.core.$ZodIssue;
type RawIssue = z.core.$ZodRawIssue;
/** What messages may say of a document. */
export interface Showing {
  readonly document: unknown;
  /** Asked before a found value is named. */
  readonly mayShow: (field: FieldPath) => boolean;
  /** A value as the user wrote it, e.g. `007` where it is the number 7. */
  readonly written?: ((field: FieldPath) => string | undefined) | undefined;
}

/**
 * Checks a document against a schema and says everything that is wrong with it, in plain English: what was expected,
 * what was found, and the remedy where one is known.
 */
export function checkSchema<S extends z.ZodType>(
  schema: S,
  showing: Showing,
): { data: z.output<S>; faults: readonly [] } | { data?: never; faults: readonly FieldFault[] } {
  const result = schema.safeParse(showing.document, { error: expectation });
  if (result.success) return { data: result.data, faults: [] };
  const faults = result.error.issues.flatMap((issue) => describe(issue, [], showing));
  return { faults };
}

const typeNames: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "a map of fields",
  record: "a map",
  null: "empty",
};

/** What was expected, as "must be …"; a schema's own message wins over it. */
function expectation(issue: RawIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return `must be ${typeNames[issue.expected] ?? issue.expected}`;
    case "invalid_value":
      return issue.values.length === 1
        ? `must be ${quote(issue.values[0])}`
        : `must be one of ${issue.values.map(quote).join(", ")}`;
    case "too_small":
      return `must ${bound(issue.origin, issue.inclusive === false ? "more than" : "at least", issue.minimum)}`;
    case "too_big":
      return `must ${bound(issue.origin, issue.inclusive === false ? "less than" : "at most", issue.maximum)}`;
    case "not_multiple_of":
      return `must be a multiple of ${issue.divisor}`;
    case "invalid_format":
      return issue.format === "regex" || issue.pattern !== undefined
        ? `must have the form ${issue.pattern ?? issue.format}`
        : `must be a valid ${issue.format}`;
    case "invalid_key":
      return "has an invalid key";
    default:
      return "is invalid";
  }
}

function bound(origin: string, comparison: string, limit: number | bigint): string {
  if (origin === "string") {
    return limit === 1n || (limit === 1 && comparison === "at least")
      ? "not be empty"
      : `have ${comparison} ${limit} characters`;
  }
  if (origin === "array" || origin === "set")
    return `have ${comparison} ${limit} ${limit === 1 ? "entry" : "entries"}`;
  return `be ${comparison} ${limit}`;
}

function describe(issue: Issue, base: FieldPath, showing: Showing): readonly FieldFault[] {
  const field = [...base, ...issue.path.map((part) => (typeof part === "symbol" ? String(part) : part))];
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ field: [...field, key], message: "Is not a known field here." }));
  }
  if (issue.code === "invalid_union") return describeUnion(issue, field, showing);
  if (issue.code === "invalid_key") {
    const messages = issue.issues.map(({ message }) => message).join(" and ");
    return [{ field, message: sentence(`the key ${messages || issue.message}`) }];
  }
  const found = valueAt(showing.document, field);
  if (found === undefined && issue.code !== "custom") {
    return [{ field, message: sentence(`is missing: it ${issue.message}`) }];
  }
  // A schema's own message is complete; ours gets what was found instead.
  const ours = issue.code !== "custom" && issue.code !== "invalid_format";
  const message = ours
    ? `${issue.message}${describeFound(issue, found, showing.mayShow(field))}`
    : issue.message;
  const fix = customFix(issue) ?? fixFor(issue, found, field, showing);
  return [{ field, message: sentence(message), ...(fix === undefined ? {} : { fix }) }];
}

/** The members of a union that the value comes nearest to say what is wrong. */
function describeUnion(
  issue: z.core.$ZodIssueInvalidUnion,
  field: FieldPath,
  showing: Showing,
): readonly FieldFault[] {
  const found = valueAt(showing.document, field);
  if (found === undefined) return [{ field, message: "Is missing." }];
  const typed = issue.errors.filter(
    (member) => !member.some(({ path, code }) => path.length === 0 && code === "invalid_type"),
  );
  if (typed.length > 0) {
    const nearest = typed.reduce((best, member) => (member.length < best.length ? member : best));
    return nearest.flatMap((one) => describe(one, field, showing));
  }
  const expected = issue.errors.flatMap((member) =>
    member.flatMap((one) => (one.code === "invalid_type" ? [typeNames[one.expected] ?? one.expected] : [])),
  );
  const shown = describeValue(found, showing.mayShow(field));
  if (expected.length === 0) return [{ field, message: sentence(`${issue.message}, but is ${shown}`) }];
  return [{ field, message: sentence(`must be ${[...new Set(expected)].join(" or ")}, but is ${shown}`) }];
}

function customFix(issue: Issue): string | undefined {
  const fix = issue.code === "custom" ? issue.params?.fix : undefined;
  return typeof fix === "string" ? fix : undefined;
}

function fixFor(issue: Issue, found: unknown, field: FieldPath, showing: Showing): string | undefined {
  if (issue.code === "invalid_value" && issue.values.length > 1 && typeof found === "string") {
    const meant = suggest(
      found,
      issue.values.filter((value) => typeof value === "string"),
    );
    return meant === undefined ? undefined : `Did you mean ${quote(meant)}?`;
  }
  if (issue.code !== "invalid_type") return undefined;
  const show = showing.mayShow(field);
  if (issue.expected === "string" && (typeof found === "number" || typeof found === "boolean")) {
    return show ? `Put it in quotes: "${showing.written?.(field) ?? found}".` : "Put it in quotes.";
  }
  const unquoted = typeof found === "string" && show ? `Write it without quotes: ${found}.` : undefined;
  if ((issue.expected === "number" || issue.expected === "int") && typeof found === "string") {
    return /^-?\d+(?:\.\d+)?$/.test(found) ? unquoted : undefined;
  }
  if (issue.expected === "boolean" && (found === "true" || found === "false")) return unquoted;
  if (issue.expected === "array") return "Write it as a list, with a dash before each entry.";
  return undefined;
}

function describeFound(issue: Issue, found: unknown, show: boolean): string {
  if (found === "") return issue.message.endsWith("empty") ? "" : ", but is empty";
  const sized = issue.code === "too_small" || issue.code === "too_big";
  if (sized && (Array.isArray(found) || typeof found === "string")) return `, but has ${found.length}`;
  return `, but is ${describeValue(found, show)}`;
}

/** A found value for a message: never long, and only its type when it may not be shown. */
export function describeValue(value: unknown, show: boolean): string {
  if (value === null) return "empty";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a map of fields";
  const type =
    typeof value === "string" ? "the text" : typeof value === "number" ? "the number" : "the value";
  if (!show)
    return typeof value === "string" ? "some text" : typeof value === "number" ? "a number" : "a value";
  return `${type} ${quote(value)}`;
}

function quote(value: unknown): string {
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

/** Begins with a capital letter and ends with a full stop. */
export function sentence(text: string): string {
  const start = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(start) ? start : `${start}.`;
}

function valueAt(document: unknown, path: FieldPath): unknown {
  let value = document;
  for (const part of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string | number, unknown>)[part];
  }
  return value;
}
