import type { NamedMatch, PathMatch, Route, RouteMatch, StringMatch, VirtualHost } from "#model/route.ts";

/** A request as far as routing sees it. Header names are lower case; the path has no query. */
export interface RequestShape {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly query: ReadonlyMap<string, string>;
  readonly headers: ReadonlyMap<string, string>;
}

/**
 * The virtual host that Envoy takes for a Host header: exact before `*.suffix` before `prefix.*` before `*`, longer
 * wildcards first. It never falls back to another one.
 */
export function chooseHost(
  hosts: Iterable<VirtualHost>,
  host: string,
  ignorePort: boolean,
): { host: VirtualHost; domain: string } | undefined {
  const wanted = (ignorePort ? withoutPort(host) : host).toLowerCase();
  let best: { host: VirtualHost; domain: string; rank: number } | undefined;
  for (const candidate of hosts) {
    for (const domain of candidate.domains) {
      const rank = domainRank(domain.toLowerCase(), wanted);
      if (rank > (best?.rank ?? 0)) best = { host: candidate, domain, rank };
    }
  }
  return best;
}

/** 0: no match; the higher the more specific. */
function domainRank(domain: string, host: string): number {
  if (domain === host) return 1e9;
  if (domain === "*") return 1;
  if (domain.startsWith("*")) {
    return host.length >= domain.length && host.endsWith(domain.slice(1)) ? 1e6 + domain.length : 0;
  }
  if (domain.endsWith("*")) {
    return host.length >= domain.length && host.startsWith(domain.slice(0, -1)) ? 1e3 + domain.length : 0;
  }
  return 0;
}

export function withoutPort(host: string): string {
  return host.replace(/:\d+$/, "");
}

/** The first route that matches, and for those before it the first thing that did not hold. */
export function chooseRoute(
  routes: readonly Route[],
  request: RequestShape,
): { route: Route | undefined; passed: readonly { route: Route; because: string }[] } {
  const passed: { route: Route; because: string }[] = [];
  for (const route of routes) {
    const because = mismatch(route.match, request);
    if (because === undefined) return { route, passed };
    passed.push({ route, because });
  }
  return { route: undefined, passed };
}

/** Undefined when the match holds, else what does not. */
export function mismatch(match: RouteMatch, request: RequestShape): string | undefined {
  if (!matchesPath(match.path, request.path))
    return `path ${request.path} is not ${describePath(match.path)}`;
  if (match.methods !== undefined && match.methods.length > 0 && !match.methods.includes(request.method)) {
    return `method ${request.method} is not one of ${match.methods.join(", ")}`;
  }
  if (match.grpc === true && !(request.headers.get("content-type") ?? "").startsWith("application/grpc")) {
    return "it is no gRPC request";
  }
  for (const header of match.headers ?? []) {
    if (!holds(header, request.headers.get(header.name.toLowerCase()))) {
      return `header ${header.name} ${header.invert === true ? "must not be" : "is not"} ${describeString(header.match)}`;
    }
  }
  for (const query of match.query ?? []) {
    if (!holds(query, request.query.get(query.name))) {
      return `query argument ${query.name} is not ${describeString(query.match)}`;
    }
  }
  return undefined;
}

function holds(named: NamedMatch, value: string | undefined): boolean {
  const plain = value !== undefined && matchesString(named.match, value);
  return named.invert === true ? !plain : plain;
}

function matchesPath(path: PathMatch, value: string): boolean {
  switch (path.kind) {
    case "prefix":
      return value.startsWith(path.value);
    case "exact":
      return value === path.value;
    case "segments":
      return path.value === "/" || value === path.value || value.startsWith(`${path.value}/`);
    case "regex":
      return toRegExp(path.full ? `^(?:${path.pattern})$` : `^(?:${path.pattern})`).test(value);
  }
}

function matchesString(match: StringMatch, value: string): boolean {
  switch (match.kind) {
    case "present":
      return true;
    case "range": {
      const number = /^-?\d+$/.test(value) ? Number(value) : Number.NaN;
      return number >= match.start && number < match.end;
    }
    case "regex":
      return toRegExp(`^(?:${match.pattern})$`, match.ignoreCase).test(value);
    default: {
      const fold = (text: string) => (match.ignoreCase === true ? text.toLowerCase() : text);
      const [have, want] = [fold(value), fold(match.value)];
      if (match.kind === "exact") return have === want;
      if (match.kind === "prefix") return have.startsWith(want);
      return match.kind === "suffix" ? have.endsWith(want) : have.includes(want);
    }
  }
}

/** RE2's own spellings in JavaScript's; an expression that stays foreign matches nothing. */
function toRegExp(pattern: string, ignoreCase = false): RegExp {
  const inline = /\(\?([a-z]+)\)/.exec(pattern)?.[1] ?? "";
  const flags = [ignoreCase || inline.includes("i") ? "i" : "", inline.includes("s") ? "s" : ""].join("");
  try {
    return new RegExp(pattern.replace(/\(\?[a-z]+\)/, "").replaceAll("(?P<", "(?<"), flags);
  } catch {
    return /^\b$/;
  }
}

export function describePath(path: PathMatch): string {
  switch (path.kind) {
    case "prefix":
      return `prefix ${path.value}`;
    case "exact":
      return `exactly ${path.value}`;
    case "segments":
      return `${path.value} or below`;
    case "regex":
      return `regex ${path.pattern}${path.full ? "" : " (from the start)"}`;
  }
}

export function describeString(match: StringMatch): string {
  switch (match.kind) {
    case "present":
      return "present";
    case "range":
      return `in [${match.start}, ${match.end})`;
    case "regex":
      return `regex ${match.pattern}`;
    default:
      return `${match.kind} ${match.value}`;
  }
}
