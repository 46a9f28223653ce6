import type { PathMatch, PathRewrite } from "#model/route.ts";
import type { KongPath, RouteSettings } from "./kong-route.ts";
import { escapeRegex, type PathChange } from "./path-overlap.ts";
import { countGroups, substitution, withoutCaptures } from "./rewrite-template.ts";

/** One way of a path through a route: what is matched, and what the application gets. */
export interface PathWay {
  readonly path: PathMatch;
  /** Absent: the path stays. */
  readonly rewrite?: PathRewrite;
  readonly change: PathChange;
}

export function toPathMatch(path: KongPath): PathMatch {
  return path.kind === "regex"
    ? { kind: "regex", pattern: path.pattern, full: path.full }
    : { kind: path.kind, value: path.value };
}

/**
 * What becomes of a request's path, as Kong reckons it: the matched part is taken off when the route strips it, and the
 * service's own path is put before the rest. Mostly one way; two where a bare slash is a case of its own.
 */
export function pathWays(path: KongPath, settings: RouteSettings, servicePath: string): readonly PathWay[] {
  const match = toPathMatch(path);
  if (settings.rewrite !== undefined) return [rewriteWay(match, settings.rewrite)];
  if (settings.stripPath) {
    return [
      settings.pathHandling === "v1" && servicePath !== "/"
        ? stripV1(match, servicePath)
        : strip(match, servicePath),
    ];
  }
  return servicePath === "/" ? [{ path: match, change: { kind: "none" } }] : prepend(match, servicePath);
}

function rewriteWay(path: PathMatch, template: NonNullable<RouteSettings["rewrite"]>): PathWay {
  const captures = template.some((part) => typeof part === "number");
  if (path.kind !== "regex" || !captures) return fixed(path, withoutCaptures(template) || "/");
  const [first] = template;
  return {
    path,
    rewrite: {
      kind: "regex",
      pattern: path.full ? `^(?:${path.pattern})$` : `^(?:${path.pattern}).*$`,
      substitution: substitution(template, countGroups(path.pattern)),
    },
    change: { kind: "unknown", prefix: typeof first === "string" ? first : "" },
  };
}

function fixed(path: PathMatch, to: string): PathWay {
  return { path, rewrite: { kind: "replace-all", path: to }, change: { kind: "fixed", path: to } };
}

function strip(path: PathMatch, servicePath: string): PathWay {
  const prefix = withoutSlash(servicePath) || "/";
  // Nothing but the slash is taken off, and put there again.
  if (prefix === "/" && path.kind === "prefix" && path.value === "/")
    return { path, change: { kind: "none" } };
  return { path, rewrite: { kind: "replace-matched", prefix }, change: { kind: "strip", prefix } };
}

/** Kong's older way: the texts are put together as they are. */
function stripV1(path: PathMatch, servicePath: string): PathWay {
  const taken: Record<Exclude<PathMatch["kind"], "regex">, (value: string) => string> = {
    prefix: (value) => `^${escapeRegex(value)}(.*)$`,
    segments: (value) => `^${escapeRegex(value)}/?(.*)$`,
    exact: (value) => `^${escapeRegex(value)}()$`,
  };
  const groups = path.kind === "regex" ? countGroups(path.pattern) : 0;
  const pattern = path.kind === "regex" ? `^(?:${path.pattern})(.*)$` : taken[path.kind](path.value);
  return {
    path,
    rewrite: { kind: "regex", pattern, substitution: substitution([servicePath, groups + 1], groups + 1) },
    change: { kind: "unknown", prefix: servicePath },
  };
}

function prepend(path: PathMatch, servicePath: string): readonly PathWay[] {
  const prefix = withoutSlash(servicePath);
  if (path.kind === "exact")
    return [fixed(path, path.value === "/" ? servicePath : `${prefix}${path.value}`)];
  const way: PathWay = {
    path,
    rewrite: { kind: "regex", pattern: "^(.*)$", substitution: substitution([prefix, 1], 1) },
    change: { kind: "prepend", prefix },
  };
  // A bare slash adds nothing to a service path without a slash at its end.
  const bare = path.kind !== "regex" && path.value === "/" && !servicePath.endsWith("/");
  return bare ? [fixed({ kind: "exact", value: "/" }, servicePath), way] : [way];
}

function withoutSlash(path: string): string {
  return path.endsWith("/") ? path.slice(0, -1) : path;
}
