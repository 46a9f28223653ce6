import type { NamedMatch, PathMatch } from "#model/route.ts";
import {
  afterText,
  anything,
  matchesText,
  parseRegex,
  printRegex,
  type RegexTree,
  sequence,
  withoutChar,
} from "./regex-tree.ts";

/** What the first of two stages does with the path before the second one looks at it. */
export type PathChange =
  | { readonly kind: "none" }
  /** Takes away what the match took, and puts `prefix` there, joined by exactly one slash. */
  | { readonly kind: "strip"; readonly prefix: string }
  /** Puts `prefix` (no slash at its end) before the whole path. */
  | { readonly kind: "prepend"; readonly prefix: string }
  | { readonly kind: "fixed"; readonly path: string }
  /** Nobody can tell; what is known is how the result begins. */
  | { readonly kind: "unknown"; readonly prefix: string };

/** One way in which a path passes both stages: a match of the path as it comes, and what else must hold of it. */
export interface PathOverlap {
  readonly path: PathMatch;
  readonly headers: readonly NamedMatch[];
}

/**
 * When does a path that the first stage matches and changes pass the second one, too? `all`: always. A list: in these
 * ways (none: never). `unknown`: it cannot be said of the path as it comes.
 */
export function pathOverlap(
  first: PathMatch,
  change: PathChange,
  second: PathMatch,
): "all" | "unknown" | readonly PathOverlap[] {
  if (isEverything(second)) return "all";
  if (first.kind === "segments" && first.value === "/") {
    return pathOverlap({ kind: "prefix", value: "/" }, change, second);
  }
  switch (change.kind) {
    case "none":
      return intersect(first, second);
    case "fixed":
      return knownPath(change.path, second);
    case "unknown":
      return afterUnknown(change.prefix, second);
    case "prepend":
      return afterPrepend(first, change.prefix, second);
    case "strip":
      return afterStrip(first, change.prefix, second);
  }
}

/** True when the path passes: `path` is a whole path. "unknown" for an expression that is beyond us. */
export function passes(path: string, match: PathMatch): boolean | "unknown" {
  switch (match.kind) {
    case "exact":
      return path === match.value;
    case "prefix":
      return path.startsWith(match.value);
    case "segments":
      return match.value === "/" || path === match.value || path.startsWith(`${match.value}/`);
    case "regex": {
      const tree = treeOf(match);
      return tree === undefined ? "unknown" : matchesText(tree, path);
    }
  }
}

function isEverything(match: PathMatch): boolean {
  return (match.kind === "prefix" || match.kind === "segments") && match.value === "/";
}

function knownPath(path: string, second: PathMatch): "all" | "unknown" | readonly PathOverlap[] {
  const passed = passes(path, second);
  return passed === "unknown" ? "unknown" : passed ? "all" : [];
}

function afterUnknown(prefix: string, second: PathMatch): "all" | "unknown" | readonly PathOverlap[] {
  const begin = second.kind === "regex" ? "" : second.value;
  if (second.kind === "prefix" && prefix.startsWith(begin)) return "all";
  if (second.kind === "segments" && prefix.startsWith(`${begin}/`)) return "all";
  return second.kind !== "regex" && !begin.startsWith(prefix) && !prefix.startsWith(begin) ? [] : "unknown";
}

/** Both look at the same path. */
function intersect(first: PathMatch, second: PathMatch): "all" | "unknown" | readonly PathOverlap[] {
  if (first.kind === "exact") return knownPath(first.value, second);
  if (second.kind === "exact") return withCondition(second, first);
  if (second.kind === "regex") {
    const overlap = withCondition(second, first);
    return overlap === "unknown" ? withCondition(first, second) : overlap;
  }
  if (first.kind === "regex") return withCondition(first, second);
  if (isEverything(first)) return [{ path: second, headers: [] }];
  if (begins(first, second)) return "all";
  return begins(second, first) ? [{ path: second, headers: [] }] : [];
}

function withCondition(path: PathMatch, condition: PathMatch): "unknown" | readonly PathOverlap[] {
  if (isEverything(condition)) return [{ path, headers: [] }];
  if (path.kind === "exact") {
    const passed = passes(path.value, condition);
    if (passed !== "unknown") return passed ? [{ path, headers: [] }] : [];
  }
  const pattern = patternOf(treeOf(condition) ?? "unknown");
  if (pattern === "unknown") return "unknown";
  return pattern === "never" ? [] : [{ path, headers: [onPath(pattern)] }];
}

/** True when every path of `inner` is one of `outer`. */
function begins(
  inner: PathMatch & { kind: "prefix" | "segments" },
  outer: PathMatch & { kind: "prefix" | "segments" },
): boolean {
  if (outer.kind === "prefix") return inner.value.startsWith(outer.value);
  if (inner.value.startsWith(`${outer.value}/`)) return true;
  return inner.kind === "segments" && inner.value === outer.value;
}

function afterPrepend(first: PathMatch, prefix: string, second: PathMatch) {
  const rest = restAfter(second, prefix);
  if (rest === "all") return "all";
  if (rest === "unknown") return "unknown";
  if (first.kind === "exact") return knownPath(`${prefix}${first.value}`, second);
  const pattern = patternOf(rest);
  if (pattern === "unknown") return "unknown";
  return pattern === "never" ? [] : [{ path: first, headers: [onPath(pattern)] }];
}

/**
 * The stripped path is the prefix, a slash and the rest. What the first stage matched decides where the rest begins, so
 * its match is cut into pieces in which that is certain.
 */
function afterStrip(
  first: PathMatch,
  prefix: string,
  second: PathMatch,
): "all" | "unknown" | readonly PathOverlap[] {
  const base = prefix.endsWith("/") ? prefix : `${prefix}/`;
  const whole = prefix === "" ? "/" : prefix;
  const rest = restAfter(second, base);
  const alone = passes(whole, second);
  if (first.kind === "exact" || (first.kind === "regex" && first.full)) return knownPath(whole, second);
  if (rest === "unknown" || alone === "unknown") return "unknown";
  if (rest === "all" && alone) return "all";
  const pattern = patternOf(rest);
  if (pattern === "unknown") return "unknown";
  const overlaps: PathOverlap[] = [];
  const add = (path: PathMatch, before: string, headers: readonly NamedMatch[] = []) => {
    if (pattern !== undefined)
      overlaps.push({ path, headers: [onPath(`${before}(?:${pattern})`), ...headers] });
  };
  switch (first.kind) {
    case "regex":
      // Where the expression's own match ends cannot be fixed in another expression; any end that fits is taken.
      return stripRegex(first, pattern);
    case "segments":
      add({ kind: "prefix", value: `${first.value}/` }, escapeRegex(`${first.value}/`));
      if (alone) overlaps.push({ path: { kind: "exact", value: first.value }, headers: [] });
      return overlaps;
    case "prefix": {
      if (first.value.endsWith("/")) {
        add(first, escapeRegex(first.value));
        return overlaps;
      }
      const slashed = `${first.value}/`;
      add({ kind: "prefix", value: slashed }, escapeRegex(slashed));
      if (alone) overlaps.push({ path: { kind: "exact", value: first.value }, headers: [] });
      // `/foobar`: something other than a slash follows.
      add(first, escapeRegex(first.value), [
        { name: ":path", match: { kind: "prefix", value: slashed }, invert: true },
        { ...onPath(escapeRegex(first.value)), invert: true },
      ]);
      return overlaps;
    }
  }
}

function stripRegex(
  first: PathMatch & { kind: "regex" },
  pattern: string,
): "unknown" | readonly PathOverlap[] {
  const own = patternOf(parseRegex(first.pattern) ?? "unknown");
  if (own === "unknown") return "unknown";
  if (own === "never" || pattern === "never") return [];
  return [{ path: first, headers: [onPath(`(?:${own})/?(?:${pattern})`)] }];
}

/** What must follow `text` at the front of a path so that it passes. */
function restAfter(match: PathMatch, text: string): RegexTree | "all" | "unknown" {
  switch (match.kind) {
    case "prefix":
      if (text.startsWith(match.value)) return "all";
      break;
    case "segments":
      if (match.value === "/" || text.startsWith(`${match.value}/`)) return "all";
      break;
    case "exact":
    case "regex":
      break;
  }
  const tree = treeOf(match);
  return tree === undefined ? "unknown" : afterText(tree, text);
}

function treeOf(match: PathMatch): RegexTree | undefined {
  switch (match.kind) {
    case "exact":
      return parseRegex(escapeRegex(match.value));
    case "prefix":
      return parseRegex(`${escapeRegex(match.value)}.*`);
    case "segments":
      return parseRegex(match.value === "/" ? "/.*" : `${escapeRegex(match.value)}(?:/.*)?`);
    case "regex": {
      const tree = parseRegex(match.pattern);
      return tree === undefined || match.full ? tree : sequence(tree, anything);
    }
  }
}

/** As a pattern for `onPath`: Envoy's `:path` holds the query, too, which no part of the pattern may take. */
function patternOf(tree: RegexTree | "all" | "unknown"): string | "never" | "unknown" {
  if (tree === "all") return "[^?]*";
  const pathOnly = tree === "unknown" ? undefined : withoutChar(tree, "?");
  return pathOnly === undefined ? "unknown" : (printRegex(pathOnly) ?? "never");
}

/** The pattern must be the whole path. */
function onPath(pattern: string): NamedMatch {
  return { name: ":path", match: { kind: "regex", pattern: `(?:${pattern})(?:\\?.*)?` } };
}

/** A text as a pattern that matches just it. */
export function escapeRegex(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
