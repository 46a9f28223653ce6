import { type Aged, compareAge } from "./age.ts";
import type { KongPath, KongRoute } from "./kong-route.ts";

/**
 * Where one path of a route stands in Kong's order. Kong tries the paths of a route apart: all its expressions at one
 * place, and each length of prefixes at its own. Source: `shared/spec/kong.md` 3.2.
 */
export interface Rank extends Aged {
  /** How many kinds of criteria the route has: host, headers, path, methods, server name. */
  readonly kinds: number;
  /** Which ones: host weighs most, then headers, path, methods, server name. */
  readonly kindWeights: number;
  /** All its hosts are without a wildcard. */
  readonly plainHosts: boolean;
  readonly headerNames: number;
  readonly regex: boolean;
  readonly regexPriority: number;
  /** A path that is written out goes before other expressions of the same priority, which Kong leaves open. */
  readonly literal: boolean;
  /** Of the prefix, or of the expression's text where two expressions are equal in everything before. */
  readonly length: number;
  /** Place in its route. */
  readonly at: number;
}

export function rankOf(route: KongRoute, path: KongPath, at: number): Rank {
  const { settings, hosts } = route;
  const kinds = [
    hosts.length > 0,
    settings.headers.length > 0,
    true,
    settings.methods.length > 0,
    settings.snis.length > 0,
  ];
  return {
    kinds: kinds.filter(Boolean).length,
    kindWeights: kinds.reduce((sum, present, place) => sum + (present ? 2 ** (kinds.length - place) : 0), 0),
    plainHosts: hosts.length > 0 && hosts.every((host) => !host.includes("*")),
    headerNames: settings.headers.length,
    regex: path.kind === "regex" || path.kind === "exact",
    regexPriority: settings.regexPriority,
    literal: path.kind === "exact",
    length: pathLength(path),
    ...(route.created === undefined ? {} : { created: route.created }),
    key: `${route.key}|${route.name}`,
    at,
  };
}

function pathLength(path: KongPath): number {
  switch (path.kind) {
    case "segments":
      // Kong's prefix has a slash at its end.
      return path.value.length + 1;
    case "regex":
      return path.pattern.length + (path.full ? 1 : 0);
    case "exact":
      return path.value.length + 1;
    case "prefix":
      return path.value.length;
  }
}

/** Negative: `a` is tried before `b`. */
export function compareRanks(a: Rank, b: Rank): number {
  return (
    b.kinds - a.kinds ||
    b.kindWeights - a.kindWeights ||
    Number(b.plainHosts) - Number(a.plainHosts) ||
    b.headerNames - a.headerNames ||
    Number(b.regex) - Number(a.regex) ||
    (a.regex ? b.regexPriority - a.regexPriority : 0) ||
    Number(b.literal) - Number(a.literal) ||
    b.length - a.length ||
    compareAge(a, b) ||
    a.at - b.at
  );
}
