import { type Problem, problem } from "#problems/problem.ts";
import type { Claim } from "./object-claims.ts";
import { fileRef, parseDocument, type ReadDocument } from "./parse-document.ts";
import { type FileFormat, splitDocuments } from "./split-documents.ts";

/** What the text of one file says. */
export interface ReadManifest {
  readonly documents: readonly ReadDocument[];
  readonly claims: readonly Claim[];
  /** Problems of no object, with their lines in the file, from 0. */
  readonly problems: readonly { readonly problem: Problem; readonly line: number }[];
  readonly broken: boolean;
}

/**
 * Reads a file's text. Documents whose text stands in `before` too are not read again and give the very same objects,
 * wherever they have moved to.
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
  const documents: ReadDocument[] = [];
  const claims: Claim[] = [];
  const problems: { problem: Problem; line: number }[] = [];
  for (const part of splitDocuments(text, format)) {
    const document = known.get(part.text) ?? parseDocument(part.text, place);
    documents.push(document);
    for (const { candidate, path } of document.objects) {
      claims.push({ file, order: claims.length, candidate, text: part.text, line: part.line, path });
    }
    for (const found of document.problems) problems.push({ ...found, line: part.line + found.line });
  }
  return { documents, claims, problems, broken: documents.some(({ broken }) => broken) };
}
