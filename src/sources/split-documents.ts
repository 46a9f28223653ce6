/** One document of a file as text. */
export interface DocumentText {
  readonly text: string;
  /** How many lines of the file stand before it. */
  readonly line: number;
}

export type FileFormat = "yaml" | "json";

/**
 * Cuts a file into its documents before anything is parsed, so that a syntax error stays within one document and an
 * edit of one document costs that document. In YAML, `---` and `...` at the start of a line end a document wherever
 * they stand. JSON documents follow one another, or are parted as in YAML.
 */
export function splitDocuments(text: string, format: FileFormat): readonly DocumentText[] {
  const starts = format === "json" && /^\s*[{[]/.test(text) ? jsonStarts(text) : yamlStarts(text);
  const documents: DocumentText[] = [];
  let line = 0;
  for (const [at, start] of starts.entries()) {
    const part = text.slice(start, starts[at + 1]);
    if (/\S/.test(part)) documents.push({ text: part, line });
    line += countLines(part);
  }
  return documents;
}

function yamlStarts(text: string): readonly number[] {
  const starts = [0];
  // Directives (%YAML, %TAG) and the marker after them belong to one document.
  let directives = /^(?:#.*\r?\n|\s*\n)*%/.test(text);
  for (const match of text.matchAll(/^(?:---|\.\.\.)(?=\s|$)/gm)) {
    if (match[0] === "---") {
      if (!directives && match.index > 0) starts.push(match.index);
      directives = false;
    } else {
      const end = text.indexOf("\n", match.index);
      if (end < 0 || end + 1 >= text.length) break;
      const rest = text.slice(end + 1, end + 1001);
      directives = /^(?:#.*\r?\n|\s*\n)*%/.test(rest);
      // A marker that follows at once starts the document itself.
      if (!/^---(?=\s|$)/.test(rest)) starts.push(end + 1);
    }
  }
  return starts;
}

function jsonStarts(text: string): readonly number[] {
  const starts = [0];
  let depth = 0;
  for (const match of text.matchAll(/"(?:[^"\\\n]|\\.)*"|[{[\]}]/g)) {
    if (match[0] === "{" || match[0] === "[") depth++;
    else if (match[0] === "}" || match[0] === "]") {
      depth--;
      if (depth !== 0) continue;
      const after = match.index + 1;
      if (/\S/.test(text.slice(after, after + 1000).trimStart())) starts.push(after);
    }
  }
  return starts;
}

function countLines(text: string): number {
  let lines = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) lines++;
  return lines;
}
