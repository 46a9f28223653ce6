import type { FieldPath, ObjectRef } from "#problems/object-ref.ts";
import { type Problem, problem } from "#problems/problem.ts";
import { type ParsedObject, parseObject } from "#resources/parse-object.ts";
import { kindsNamed } from "#resources/registry.ts";
import { isKustomization } from "./manifest-files.ts";
import { lineOfField, parseYaml } from "./yaml-text.ts";

/** A problem with the line (from 0, within the document) at which it stands. */
export interface LinedProblem {
  readonly problem: Problem;
  readonly line: number;
}

/** One document of a file, read. */
export interface ReadDocument {
  readonly text: string;
  readonly objects: readonly ParsedObject[];
  /** Of what is no object that Diolkos reads. */
  readonly problems: readonly LinedProblem[];
  /** The text is no YAML: nobody knows which objects it was meant to hold. */
  readonly broken: boolean;
}

/** Reads the text of one YAML or JSON document into objects and problems; it never throws. */
export function parseDocument(text: string, place: string): ReadDocument {
  const read = parseYaml(text);
  if ("error" in read) {
    const message = `Is not valid YAML: ${firstSentence(read.error)}`;
    const fix = syntaxFix(text, read.error);
    const found = problem("yaml-syntax", guessObject(read.data, place), [], message, fix ? { fix } : {});
    return { text, objects: [], problems: [{ problem: found, line: read.line }], broken: true };
  }
  const ignored = ignoredReason(read.data, place);
  if (ignored !== undefined) {
    const found = problem("file-ignored", fileRef(place), [], ignored);
    return { text, objects: [], problems: [{ problem: found, line: 0 }], broken: false };
  }
  const { objects, problems } = parseObject(read.data, { place, sourceText: read.sourceText });
  const lined = problems.map((found) => ({
    problem: found.code === "not-an-object" && isTemplate(text) ? { ...found, fix: renderFirst } : found,
    line: lineOfField(text, found.field) ?? 0,
  }));
  const unread = objects.find(({ candidate }) => candidate.ref.kind === "KongDeclarativeConfig");
  if (unread !== undefined) {
    const message =
      "Is a file in Kong's declarative format, which this version of Diolkos does not read yet.";
    const fix = "Give the same as Kubernetes resources (Ingress, KongPlugin, KongConsumer).";
    lined.push({
      problem: problem("not-supported", unread.candidate.ref, ["_format_version"], message, { fix }),
      line: 0,
    });
  }
  return { text, objects, problems: lined, broken: false };
}

/** The line (from 0, within the document) of an object's field. */
export function lineOfObjectField(text: string, object: FieldPath, field: FieldPath): number | undefined {
  return lineOfField(text, [...object, ...field]);
}

/** A file as the object of a problem, where no object is known. */
export function fileRef(place: string): ObjectRef {
  return { kind: "File", namespace: "", name: place };
}

/** Why a document is left out without an error; undefined when it is read. */
function ignoredReason(data: unknown, place: string): string | undefined {
  if (typeof data !== "object" || data === null || Array.isArray(data)) return undefined;
  if (isKustomization(place) || ("kind" in data && data.kind === "Kustomization")) {
    return "Is a kustomization, which is not applied. Render it first: kustomize build.";
  }
  // Folders of applications hold package.json and the like.
  const manifest = ["apiVersion", "kind", "metadata", "spec", "_format_version"].some(
    (field) => field in data,
  );
  return !manifest && place.endsWith(".json") ? "Is no Kubernetes manifest." : undefined;
}

function guessObject(data: unknown, place: string): ObjectRef {
  if (typeof data !== "object" || data === null || !("kind" in data) || !("metadata" in data))
    return fileRef(place);
  const { kind, metadata } = data;
  if (typeof kind !== "string" || typeof metadata !== "object" || metadata === null) return fileRef(place);
  const { name, namespace } = metadata as Record<string, unknown>;
  if (typeof name !== "string") return fileRef(place);
  const usual = kindsNamed(kind)[0]?.scope === "Namespaced" ? "default" : "";
  return { kind, namespace: typeof namespace === "string" ? namespace : usual, name };
}

const renderFirst = "This looks like a template. Render it first, e.g. with helm template.";

function isTemplate(text: string): boolean {
  return text.includes("{{");
}

function syntaxFix(text: string, error: string): string | undefined {
  if (isTemplate(text)) return renderFirst;
  if (/tab/i.test(error)) return "Use spaces, not tabs, at the start of a line.";
  if (/unique/i.test(error)) {
    return "Give each field once; between two documents of a file stands a line with three dashes.";
  }
  return undefined;
}

function firstSentence(text: string): string {
  const line = (text.split("\n")[0] ?? "").trim().replace(/:$/, "");
  return /[.!?]$/.test(line) ? line : `${line}.`;
}
