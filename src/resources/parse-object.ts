import type { ProblemCode } from "#problems/codes.ts";
import { type FieldPath, formatField, type ObjectRef } from "#problems/object-ref.ts";
import { type Problem, problem } from "#problems/problem.ts";
import type { Candidate } from "./candidate.ts";
import { deepFreeze } from "./deep-freeze.ts";
import { type FieldPattern, isWithinAny } from "./field-pattern.ts";
import { isIgnoredKind } from "./ignored-kinds.ts";
import type { Kind, KubernetesObject, ObjectMeta } from "./kind.ts";
import { metadataFields, parseMetadata, type SourceText } from "./parse-metadata.ts";
import { findKind, kinds, kindsNamed } from "./registry.ts";
import { checkSchema, type FieldFault } from "./schema-problems.ts";
import { suggest } from "./suggest.ts";
import { unknownFields } from "./unknown-fields.ts";

/** Where a document comes from. */
export interface DocumentOrigin {
  /** Names what has no name of its own, e.g. the file's path. */
  readonly place: string;
  readonly sourceText?: SourceText;
}

/** One object of a document; a List has several. */
export interface ParsedObject {
  readonly candidate: Candidate;
  /** Where it stands in the document. */
  readonly path: FieldPath;
}

/** All that one document holds. */
export interface ParsedDocument {
  readonly objects: readonly ParsedObject[];
  /** Of what is no object that Diolkos reads. Their fields are paths in the document. */
  readonly problems: readonly Problem[];
}

type Fields = Readonly<Record<string, unknown>>;

/** Lists may hold lists, but nobody writes them deeply. */
const deepestList = 4;

/** No manifest is nested like this; a hostile one may be. */
const deepestValue = 100;

/**
 * Reads one document (plain data, as parsed from YAML or JSON) into objects and problems: every violation at once, in
 * plain English. It never throws for bad input. The data must not be used afterwards: it becomes part of the objects.
 */
export function parseObject(data: unknown, origin: DocumentOrigin): ParsedDocument {
  const objects: ParsedObject[] = [];
  const problems: Problem[] = [];
  if (isDeeper(data, deepestValue)) {
    const message = `Is nested more than ${deepestValue} levels deep.`;
    problems.push(problem("not-an-object", unnamed("", origin), [], message));
  } else {
    visit(data, [], undefined, 0);
  }
  return { objects, problems };

  function visit(value: unknown, path: FieldPath, list: Fields | undefined, depth: number): void {
    if (value === null || value === undefined) return;
    if (!isFields(value)) {
      const message = "Is not a map of fields, so it is no object.";
      problems.push(problem("not-an-object", unnamed("", origin), path, message));
      return;
    }
    if ("_format_version" in value && !("kind" in value)) {
      value = { ...value, apiVersion: "diolkos.io/v1alpha1", kind: "KongDeclarativeConfig" };
    }
    const document = withListDefaults(value as Fields, list);
    const items = depth < deepestList ? itemsOf(document) : undefined;
    if (items !== undefined) {
      for (const [at, item] of items.entries()) visit(item, [...path, "items", at], document, depth + 1);
      return;
    }
    const read = parseSingle(document, path, origin);
    if ("ref" in read) objects.push({ candidate: read, path });
    else problems.push(...read);
  }
}

function parseSingle(
  document: Fields,
  path: FieldPath,
  origin: DocumentOrigin,
): Candidate | readonly Problem[] {
  const { apiVersion, kind: kindName } = document;
  const fail = (code: ProblemCode, object: ObjectRef, field: FieldPath, message: string, fix?: string) => [
    problem(code, object, [...path, ...field], message, fix === undefined ? {} : { fix }),
  ];
  if (typeof kindName !== "string" || kindName === "") {
    const fix = "Give it a kind, or move a file that is no manifest out of the folder.";
    return fail("not-an-object", unnamed("", origin), ["kind"], "Has no kind.", fix);
  }
  const ref = guessRef(document, kindName, origin);
  if (typeof apiVersion !== "string" || apiVersion === "") {
    const version = kindsNamed(kindName)[0]?.apiVersions[0];
    const fix = version === undefined ? undefined : `Add "apiVersion: ${version}".`;
    return fail("not-an-object", ref, ["apiVersion"], "Has no apiVersion.", fix);
  }
  const kind = findKind(apiVersion, kindName);
  if (kind === undefined) {
    if (isIgnoredKind(apiVersion, kindName)) return [];
    const message = `Diolkos reads no ${kindName} of ${apiVersion}; this object has no effect.`;
    return fail("unknown-kind", ref, ["kind"], message, kindFix(apiVersion, kindName));
  }
  if (kind.namedByFile === true) return parseKnown(document, kind, apiVersion, path, origin);
  const { metadata } = document;
  const name = isFields(metadata) ? metadata.name : undefined;
  if (name === undefined || name === null || name === "" || typeof name === "object") {
    const generated = isFields(metadata) && "generateName" in metadata;
    const fix = generated ? "Give it a name: generateName needs a cluster." : "Give it a metadata.name.";
    return fail("not-an-object", unnamed(kindName, origin), ["metadata", "name"], "Has no name.", fix);
  }
  return parseKnown(document, kind, apiVersion, path, origin);
}

function parseKnown(
  document: Fields,
  kind: Kind<KubernetesObject>,
  apiVersion: string,
  path: FieldPath,
  origin: DocumentOrigin,
): Candidate {
  const parsed = readMetadata(document, kind, path, origin);
  const { metadata } = parsed;
  const ref: ObjectRef = { kind: kind.kind, namespace: metadata.namespace, name: metadata.name };
  const problems: Problem[] = [];
  const report = (code: ProblemCode, { field, message, fix }: FieldFault) =>
    problems.push(problem(code, ref, field, message, fix === undefined ? {} : { fix }));
  for (const fault of [...parsed.faults, ...parsed.slips]) report("invalid-field", fault);
  for (const field of parsed.unknown)
    report("unknown-field", unknownField(["metadata", field], metadataFields));

  const { apiVersion: _version, kind: _kind, metadata: _metadata, ...rest } = document;
  let content: Record<string, unknown>;
  try {
    content = withoutNulls(rest, [], kind.open ?? []) as Record<string, unknown>;
    if (kind.upgrade !== undefined) content = kind.upgrade(content, apiVersion);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    report("invalid-field", { field: [], message: `Cannot be read as ${kind.apiVersions[0]}: ${reason}.` });
    return { ref, problems };
  }
  if (kind.upgrade !== undefined && apiVersion !== kind.apiVersions[0]) {
    const message = `${apiVersion} is an older form; it is read as ${kind.apiVersions[0]}.`;
    report("deprecated-form", { field: ["apiVersion"], message });
  }
  if (!("status" in kind.schema.shape)) delete content.status;

  for (const { path: field, known } of unknownFields(kind.schema, content, kind.open)) {
    report("unknown-field", unknownField(field, known));
  }
  const { data, faults } = checkSchema(kind.schema, {
    document: content,
    mayShow: (field) => !isWithinAny(field, kind.secret),
    written: (field) => origin.sourceText?.([...path, ...field]),
  });
  for (const fault of faults) report("invalid-field", fault);
  if (data === undefined || parsed.faults.length > 0) return { ref, problems };
  return { ref, object: deepFreeze({ ...data, apiVersion, kind: kind.kind, metadata }), problems };
}

function readMetadata(
  document: Fields,
  kind: Kind<KubernetesObject>,
  path: FieldPath,
  origin: DocumentOrigin,
) {
  if (kind.namedByFile === true) {
    const metadata: ObjectMeta = { name: origin.place, namespace: "", labels: {}, annotations: {} };
    return { metadata, faults: [], slips: [], unknown: [] };
  }
  const raw = withoutNulls(document.metadata, [], []) as Fields;
  return parseMetadata(raw, kind, (field) => origin.sourceText?.([...path, ...field]));
}

function unknownField(field: FieldPath, known: readonly string[]): FieldFault {
  const meant = suggest(String(field.at(-1)), known);
  return {
    field,
    message: "Is not a known field here; it has no effect.",
    ...(meant === undefined ? {} : { fix: `Did you mean ${formatField([...field.slice(0, -1), meant])}?` }),
  };
}

function kindFix(apiVersion: string, kindName: string): string | undefined {
  const same = kindsNamed(kindName).flatMap(({ apiVersions }) => apiVersions);
  const group = groupOf(apiVersion);
  if (same.some((version) => groupOf(version) === group)) {
    return `Use ${same.filter((version) => groupOf(version) === group).join(" or ")}.`;
  }
  if (same.length > 0 && group === "") return `Did you mean apiVersion ${same[0]}?`;
  const sameGroup = kinds
    .filter(({ apiVersions }) => apiVersions.includes(apiVersion))
    .map(({ kind }) => kind);
  const meant = suggest(kindName, sameGroup);
  return meant === undefined ? undefined : `Did you mean ${meant}?`;
}

function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf("/");
  return slash < 0 ? "" : apiVersion.slice(0, slash);
}

/** The items of `kind: List` and of `IngressList` and the like; undefined when it is no list. */
function itemsOf(document: Fields): readonly unknown[] | undefined {
  const { kind, items } = document;
  if (typeof kind !== "string" || !kind.endsWith("List") || !Array.isArray(items)) return undefined;
  return kind === "List" || kindsNamed(kind).length === 0 ? items : undefined;
}

/** The items of an `IngressList` may leave out what they are. */
function withListDefaults(item: Fields, list: Fields | undefined): Fields {
  if (list === undefined || list.kind === "List" || typeof list.kind !== "string") return item;
  return { apiVersion: list.apiVersion, kind: list.kind.slice(0, -"List".length), ...item };
}

function guessRef(document: Fields, kind: string, origin: DocumentOrigin): ObjectRef {
  const metadata = isFields(document.metadata) ? document.metadata : {};
  if (typeof metadata.name !== "string") return unnamed(kind, origin);
  return {
    kind,
    namespace: typeof metadata.namespace === "string" ? metadata.namespace : "",
    name: metadata.name,
  };
}

/** What has no name is named by its file. */
function unnamed(kind: string, origin: DocumentOrigin): ObjectRef {
  return { kind: kind === "" ? "File" : kind, namespace: "", name: origin.place };
}

/** In a manifest, null is as good as absent, except in free content. */
function withoutNulls(value: unknown, path: FieldPath, open: readonly FieldPattern[]): unknown {
  if (isWithinAny(path, open)) return value;
  if (Array.isArray(value)) return value.map((item, at) => withoutNulls(item, [...path, at], open));
  if (!isFields(value)) return value;
  const fields: Array<[string, unknown]> = [];
  for (const [key, field] of Object.entries(value)) {
    const within = [...path, key];
    if (field !== null || isWithinAny(within, open)) fields.push([key, withoutNulls(field, within, open)]);
  }
  return Object.fromEntries(fields);
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((part) => isDeeper(part, levels - 1));
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
