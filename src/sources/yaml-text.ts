import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  parseDocument,
  type ScalarTag,
} from "yaml";
import type { FieldPath } from "#problems/object-ref.ts";

/** What a document's text says, or where it is no YAML. */
export type YamlText =
  | { readonly data: unknown; readonly sourceText: (path: FieldPath) => string | undefined }
  | { readonly error: string; readonly line: number; readonly data?: unknown };

/** kubectl reads these words as truth values, as YAML 1.1 did. */
const wordBooleans: ScalarTag = {
  identify: (value) => typeof value === "boolean",
  default: true,
  tag: "tag:yaml.org,2002:bool",
  test: /^(?:[Yy]es|YES|[Oo]n|ON|[Nn]o|NO|[Oo]ff|OFF)$/,
  resolve: (text) => /^(?:yes|on)$/i.test(text),
};

/** Parses one YAML or JSON document; it never throws. Lines count from 0. */
export function parseYaml(text: string): YamlText {
  if (/^\s*[{[]/.test(text)) {
    try {
      return { data: JSON.parse(text), sourceText: () => undefined };
    } catch {
      // It may be YAML in the flow style, or its error is said better below.
    }
  }
  try {
    const document = parseNodes(text);
    const [error] = document.errors;
    if (error === undefined) {
      const data: unknown = document.toJS({ maxAliasCount: 100 });
      return { data, sourceText: (path) => sourceOf(document, path) };
    }
    return { error: withoutSource(error.message), line: lineAt(text, error.pos[0]), data: partOf(document) };
  } catch (error) {
    return { error: withoutSource(error instanceof Error ? error.message : String(error)), line: 0 };
  }
}

/** Some messages end with a piece of the text, which may be of a secret. */
function withoutSource(message: string): string {
  return message.replace(/: .*$/s, "");
}

/** The line (from 0) of a field, or of the nearest place around it that the text has; undefined for no YAML at all. */
export function lineOfField(text: string, path: FieldPath): number | undefined {
  if (path.length === 0) {
    // The first line that is no comment, marker or directive: no need to parse.
    const first = /^(?!\s*(?:#|$)|---\s*(?:#|$)|\.\.\.\s|%)/m.exec(text);
    return first === null ? undefined : lineAt(text, first.index);
  }
  let document: Document;
  try {
    document = parseNodes(text);
  } catch {
    return undefined;
  }
  const start = document.contents?.range?.[0];
  if (start === undefined) return undefined;
  let offset = start;
  let node: unknown = document.contents;
  for (const part of path) {
    if (isAlias(node)) node = node.resolve(document);
    const found = child(node, part);
    if (found === undefined) break;
    offset = found.offset ?? offset;
    node = found.node;
  }
  return lineAt(text, offset);
}

function parseNodes(text: string): Document {
  return parseDocument(text, {
    prettyErrors: false,
    logLevel: "silent",
    merge: true,
    customTags: (tags) => [wordBooleans, ...tags],
  });
}

function child(
  node: unknown,
  part: string | number,
): { node: unknown; offset?: number | undefined } | undefined {
  if (isSeq(node) && typeof part === "number") {
    const item = node.items[part] as Node | undefined;
    return item && { node: item, offset: item.range?.[0] };
  }
  if (!isMap(node)) return undefined;
  const pair = node.items.find(
    ({ key }) => (isScalar(key) ? String(key.value) : String(key)) === String(part),
  );
  if (pair === undefined) return undefined;
  return { node: pair.value, offset: (pair.key as Node | null)?.range?.[0] };
}

function sourceOf(document: Document, path: FieldPath): string | undefined {
  let node: unknown = document.contents;
  for (const part of path) {
    if (isAlias(node)) node = node.resolve(document);
    node = child(node, part)?.node;
  }
  return isScalar(node) ? node.source : undefined;
}

/** What could be read of a broken document: enough to say which object it is. */
function partOf(document: Document): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch {
    return undefined;
  }
}

function lineAt(text: string, offset: number): number {
  let line = 0;
  for (let at = text.indexOf("\n"); at >= 0 && at < offset; at = text.indexOf("\n", at + 1)) line++;
  return line;
}
