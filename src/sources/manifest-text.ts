import { refKey } from "#problems/object-ref.ts";
import { type Problem, problem } from "#problems/problem.ts";
import type { Claim } from "./object-claims.ts";
import { fileRef, parseDocument, type ReadDocument } from "./parse-document.ts";
import { type FileFormat, splitDocuments } from "./split-documents.ts";

/** What the text of one file says. */
export interface ReadManifest {
  readonly documents: readonly ManifestDocument[];
  readonly claims: readonly Claim[];
  /** Problems of no object, with their lines in the file, from 0. */
  readonly problems: readonly { readonly problem: Problem; readonly line: number }[];
  readonly broken: boolean;
}

/** A document as it was read once; where in the file it stands now is apart. */
export interface ManifestDocument extends ReadDocument {
  readonly claims: readonly Claim[];
}

/**
 * Reads a file's text. Documents whose text stands in `before` too are not read again and give the very same objects
 * and claims, wherever in the file they have moved to.
 */
export function readManifest(
  file: string,
  place: string,
  content: Buffer,
  before: ReadManifest | undefined,
): ReadManifest {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(content);
  } catch {
    const found = problem("yaml-syntax", fileRef(place), [], "Is not UTF-8 text.", {
      fix: "Save it as UTF-8.",
    });
    return { documents: [], claims: [], problems: [{ problem: found, line: 0 }], broken: true };
  }
  const known = new Map(before?.documents.map((document) => [document.text, document]));
  const format: FileFormat = /\.json$/i.test(file) ? "json" : "yaml";
  const documents: ManifestDocument[] = [];
  const claims: Claim[] = [];
  const problems: { problem: Problem; line: number }[] = [];
  for (const part of splitDocuments(text, format)) {
    // Each is taken once: the same text twice are two documents.
    const document = known.get(part.text) ?? readDocument(file, place, part.text);
    known.delete(part.text);
    documents.push(document);
    for (const claim of document.claims) {
      claim.order = claims.length;
      claim.line = part.line;
      claims.push(claim);
    }
    for (const found of document.problems) problems.push({ ...found, line: part.line + found.line });
  }
  return { documents, claims, problems, broken: documents.some(({ broken }) => broken) };
}

function readDocument(file: string, place: string, part: string): ManifestDocument {
  // A copy: a mere slice, and all texts in the object, would keep the whole file's text of this moment in memory.
  const text = Buffer.from(part, "utf8").toString("utf8");
  const document = parseDocument(text, place);
  const claims = document.objects.map(({ candidate, path }) => {
    return { file, key: refKey(candidate.ref), candidate, text, path, order: 0, line: 0 };
  });
  return { ...document, claims };
}
