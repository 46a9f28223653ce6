/**
 * A regular expression as a tree of what RE2 can hold and most expressions are made of. It lets an expression over a
 * rewritten path be turned into one over the path before, by taking the text off its front (Brzozowski's derivative).
 */
export type RegexTree =
  | { readonly kind: "empty" }
  /** Matches nothing at all. */
  | { readonly kind: "never" }
  /** One character; `source` is how it is written. */
  | { readonly kind: "char"; readonly source: string; readonly matches: (char: string) => boolean }
  | { readonly kind: "sequence"; readonly first: RegexTree; readonly rest: RegexTree }
  | { readonly kind: "either"; readonly options: readonly RegexTree[] }
  | { readonly kind: "many"; readonly of: RegexTree };

const empty: RegexTree = { kind: "empty" };
const never: RegexTree = { kind: "never" };

/** Everything, as `.*`. */
export const anything: RegexTree = { kind: "many", of: { kind: "char", source: ".", matches: () => true } };

/** Reads a pattern; undefined when it uses what the tree does not know (counted repeats, flags, word boundaries). */
export function parseRegex(pattern: string): RegexTree | undefined {
  const scan = { pattern, at: pattern.startsWith("^") ? 1 : 0 };
  const tree = readEither(scan);
  return tree !== undefined && scan.at === pattern.length ? tree : undefined;
}

export function sequence(first: RegexTree, rest: RegexTree): RegexTree {
  if (first.kind === "never" || rest.kind === "never") return never;
  if (first.kind === "empty") return rest;
  return rest.kind === "empty" ? first : { kind: "sequence", first, rest };
}

/** What must follow `text` in a match. */
export function afterText(tree: RegexTree, text: string): RegexTree {
  let rest = tree;
  for (const char of text) rest = afterChar(rest, char);
  return rest;
}

export function matchesText(tree: RegexTree, text: string): boolean {
  return matchesEmpty(afterText(tree, text));
}

/** The tree as an RE2 pattern; undefined when it matches nothing. */
export function printRegex(tree: RegexTree): string | undefined {
  switch (tree.kind) {
    case "never":
      return undefined;
    case "empty":
      return "";
    case "char":
      return tree.source;
    case "sequence":
      return `${printPart(tree.first)}${printPart(tree.rest)}`;
    case "either":
      return tree.options.map((option) => printRegex(option) ?? "").join("|");
    case "many": {
      const inner = printRegex(tree.of) ?? "";
      return tree.of.kind === "char" ? `${inner}*` : `(?:${inner})*`;
    }
  }
}

/** The same without matches that contain `char`; undefined when that cannot be written. */
export function withoutChar(tree: RegexTree, char: string): RegexTree | undefined {
  switch (tree.kind) {
    case "empty":
    case "never":
      return tree;
    case "char":
      return tree.matches(char) ? characterWithout(tree.source, char) : tree;
    case "sequence": {
      const first = withoutChar(tree.first, char);
      const rest = withoutChar(tree.rest, char);
      return first && rest && sequence(first, rest);
    }
    case "either": {
      const options = tree.options.map((option) => withoutChar(option, char));
      return options.every((option) => option !== undefined) ? either(options) : undefined;
    }
    case "many": {
      const of = withoutChar(tree.of, char);
      return of && (of.kind === "never" ? empty : { kind: "many", of });
    }
  }
}

function characterWithout(source: string, char: string): RegexTree | undefined {
  if (source === char || source === `\\${char}`) return never;
  const negated =
    source === "."
      ? ""
      : source.startsWith("[^")
        ? source.slice(2, -1)
        : /^\\[DWS]$/.test(source)
          ? source.toLowerCase()
          : undefined;
  if (negated === undefined) return undefined;
  // A closing bracket may stand in first place, and nowhere else.
  const text = `[^${negated}\\${char}]`;
  return { kind: "char", source: text, matches: characterTest(text) };
}

function printPart(tree: RegexTree): string {
  const text = printRegex(tree) ?? "";
  return tree.kind === "either" ? `(?:${text})` : text;
}

function matchesEmpty(tree: RegexTree): boolean {
  switch (tree.kind) {
    case "empty":
    case "many":
      return true;
    case "sequence":
      return matchesEmpty(tree.first) && matchesEmpty(tree.rest);
    case "either":
      return tree.options.some(matchesEmpty);
    case "never":
    case "char":
      return false;
  }
}

function afterChar(tree: RegexTree, char: string): RegexTree {
  switch (tree.kind) {
    case "empty":
    case "never":
      return never;
    case "char":
      return tree.matches(char) ? empty : never;
    case "sequence": {
      const taken = sequence(afterChar(tree.first, char), tree.rest);
      return matchesEmpty(tree.first) ? either([taken, afterChar(tree.rest, char)]) : taken;
    }
    case "either":
      return either(tree.options.map((option) => afterChar(option, char)));
    case "many":
      return sequence(afterChar(tree.of, char), tree);
  }
}

function either(options: readonly RegexTree[]): RegexTree {
  const flat = options.flatMap((option) => (option.kind === "either" ? option.options : [option]));
  const texts = new Set<string>();
  const kept = flat.filter((option) => {
    const text = printRegex(option);
    // The same option again, or one that cannot match, only makes the pattern longer.
    if (text === undefined || texts.has(text)) return false;
    texts.add(text);
    return true;
  });
  const [only, ...others] = kept;
  if (only === undefined) return never;
  return others.length === 0 ? only : { kind: "either", options: kept };
}

interface Scan {
  readonly pattern: string;
  at: number;
}

function readEither(scan: Scan): RegexTree | undefined {
  const options: RegexTree[] = [];
  for (;;) {
    const option = readSequence(scan);
    if (option === undefined) return undefined;
    options.push(option);
    if (scan.pattern[scan.at] !== "|") return either(options);
    scan.at++;
  }
}

function readSequence(scan: Scan): RegexTree | undefined {
  const parts: RegexTree[] = [];
  while (scan.at < scan.pattern.length && !"|)".includes(scan.pattern[scan.at] ?? "")) {
    const part = readRepeated(scan);
    if (part === undefined) return undefined;
    parts.push(part);
  }
  return parts.reduceRight((rest, part) => sequence(part, rest), empty);
}

function readRepeated(scan: Scan): RegexTree | undefined {
  const one = readOne(scan);
  if (one === undefined) return undefined;
  const sign = scan.pattern[scan.at] ?? "";
  if (!"*+?{".includes(sign) || sign === "") return one;
  if (sign === "{") return undefined;
  scan.at++;
  // Greed decides what is captured, not what is matched.
  if (scan.pattern[scan.at] === "?") scan.at++;
  const many: RegexTree = { kind: "many", of: one };
  if (sign === "*") return many;
  return sign === "+" ? sequence(one, many) : either([one, empty]);
}

function readOne(scan: Scan): RegexTree | undefined {
  const char = scan.pattern[scan.at] ?? "";
  switch (char) {
    case "(":
      return readGroup(scan);
    case "[":
      return readCharacter(scan, /^\[\^?\]?(?:\\[dDwWsS]|\\[^A-Za-z0-9]|[^\]\\[])*\]/);
    case "\\":
      return readCharacter(scan, /^\\(?:[dDwWsS]|[^A-Za-z0-9])/);
    case ".":
      return readCharacter(scan, /^\./);
    case "^":
    case "$":
    case "*":
    case "+":
    case "?":
    case "{":
      return undefined;
    default:
      return readCharacter(scan, /^[\s\S]/);
  }
}

function readGroup(scan: Scan): RegexTree | undefined {
  const opening = /^\((?:\?:|\?P?<[A-Za-z_]\w*>|(?!\?))/.exec(scan.pattern.slice(scan.at));
  if (opening === null) return undefined;
  scan.at += opening[0].length;
  const inner = readEither(scan);
  if (inner === undefined || scan.pattern[scan.at] !== ")") return undefined;
  scan.at++;
  return inner;
}

function readCharacter(scan: Scan, form: RegExp): RegexTree | undefined {
  const source = form.exec(scan.pattern.slice(scan.at))?.[0];
  if (source === undefined) return undefined;
  scan.at += source.length;
  return { kind: "char", source, matches: characterTest(source) };
}

/** One character's pattern means the same in RE2 and here. */
function characterTest(source: string): (char: string) => boolean {
  if (source === ".") return () => true;
  if (source.length === 1) return (char) => char === source;
  const test = new RegExp(`^${source}$`);
  return (char) => test.test(char);
}
