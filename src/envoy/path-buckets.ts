import type { PathMatch } from "#model/route.ts";

/** Up to this many routes a host's table stays linear: 60 ns a route passed is cheaper than a match tree. */
export const linearLimit = 64;
const bucketLimit = 32;

/** Routes (by position in order of precedence) for the paths that begin with `prefix` and with no longer bucket's prefix. */
export interface PathBucket {
  readonly prefix: string;
  readonly routes: readonly number[];
}

/**
 * Cuts a long route table by path prefix, so that a request passes at most a bucket of routes. Envoy takes the bucket of
 * the longest prefix and does not come back from it, so each bucket holds every route that could match there, in the
 * table's own order: its own ones and those of shorter prefixes.
 */
export function pathBuckets(paths: readonly PathMatch[]): readonly PathBucket[] {
  const literals = paths.map(literalPrefix);
  const sorted = [...literals.keys()].sort((a, b) => compare(literals[a] ?? "", literals[b] ?? ""));
  const buckets: PathBucket[] = [];
  cut(sorted, literals, "/", [], buckets);
  return buckets;
}

/** `routes` all begin with `prefix`, sorted by text; `above` are those that apply to everything below. */
function cut(
  routes: readonly number[],
  literals: readonly string[],
  prefix: string,
  above: readonly number[],
  buckets: PathBucket[],
): void {
  if (routes.length <= bucketLimit) {
    buckets.push({ prefix, routes: inOrder([...above, ...routes]) });
    return;
  }
  const here = routes.filter((route) => (literals[route] ?? "").length <= prefix.length);
  const below = routes.filter((route) => (literals[route] ?? "").length > prefix.length);
  const inherited = [...above, ...here];
  buckets.push({ prefix, routes: inOrder(inherited) });
  for (let start = 0; start < below.length; ) {
    const first = literals[below[start] ?? 0] ?? "";
    const key = first.slice(0, prefix.length + 1);
    let end = start;
    while (end < below.length && (literals[below[end] ?? 0] ?? "").startsWith(key)) end++;
    const group = below.slice(start, end);
    const last = literals[group.at(-1) ?? 0] ?? "";
    cut(group, literals, commonPrefix(first, last), inherited, buckets);
    start = end;
  }
}

/** The text with which every matching path begins. */
export function literalPrefix(path: PathMatch): string {
  if (path.kind !== "regex") return path.value;
  const { pattern } = path;
  // With an alternative at top level, or flags, nothing is certain.
  if (/\||\(\?/.test(pattern)) return "/";
  const plain = /^\^?((?:[A-Za-z0-9/_~%@:,=&!'; -]|\\[^A-Za-z0-9])*)/.exec(pattern);
  let literal = plain?.[1] ?? "";
  const next = pattern[plain?.[0].length ?? 0];
  // A quantifier takes its last character with it.
  if (next !== undefined && "*?{+".includes(next)) literal = literal.replace(/(\\.|[^\\])$/, "");
  literal = literal.replace(/\\(.)/g, "$1");
  return literal.startsWith("/") ? literal : "/";
}

function inOrder(routes: number[]): readonly number[] {
  return routes.sort((a, b) => a - b);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function commonPrefix(a: string, b: string): string {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return a.slice(0, length);
}
