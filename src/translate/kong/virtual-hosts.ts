import type { Graph, Reader, Table } from "#incremental/graph.ts";
import { gatewayScope } from "#model/model.ts";
import type { NamedMatch, Route, VirtualHost } from "#model/route.ts";
import { formatRef, type Origin } from "#problems/object-ref.ts";
import { finding } from "./finding.ts";
import { isUnconditional } from "./multiply.ts";
import { escapeRegex } from "./path-overlap.ts";
import { compareRanks } from "./precedence.ts";
import type { CompiledRoute, RouteEntry } from "./route-entries.ts";

/** The name of the route table of all the gateway's HTTP listeners. */
export const gatewayRoutes = "gateway/http";

/**
 * One virtual host for each host of a route, and one for all others. Envoy takes one host's table and never looks into
 * another, Kong does: so each table holds the routes of its host and of all wider ones, in Kong's order.
 */
export function virtualHosts(graph: Graph, compiled: Table<CompiledRoute>): Table<VirtualHost> {
  const byHost = graph.index("kong/entries by host", compiled, (_, { entries }) =>
    entries.map((entry) => [entry.host, entry] as const),
  );
  // Hosts such as `shop.*` overlap with `*.com` without one holding the other.
  const prefixHosts = graph.index("kong/hosts with a wildcard at the end", byHost, (host) =>
    host.endsWith(".*") ? [["all", host] as const] : [],
  );
  // The table for all other hosts is always there: Envoy must never have none.
  const always = graph.input<true>("kong/host of all");
  always.set("*", true);

  const build = (host: string, read: Reader): VirtualHost => {
    const own = read.get(byHost, host) ?? [];
    reportConflicts(own, read);
    const wider = widerHosts(host).flatMap((wide) => read.get(byHost, wide) ?? []);
    const crossing = isSuffixHost(host)
      ? (read.get(prefixHosts, "all") ?? []).flatMap((prefixHost) =>
          (read.get(byHost, prefixHost) ?? []).map((entry) => onlyFor(prefixHost, entry)),
        )
      : [];
    return {
      scope: gatewayScope,
      routeTable: gatewayRoutes,
      name: host,
      domains: [host],
      routes: inOrder([...own, ...wider, ...crossing]),
    };
  };
  const known = graph.derive("kong/virtual hosts of hosts", byHost, (host, _, read) =>
    host === "*" ? undefined : build(host, read),
  );
  const other = graph.derive("kong/virtual host of all", always, (host, _, read) => build(host, read));
  return graph.union("kong/virtual hosts", [known, other]);
}

/** The hosts that hold every request of this one: `*.example.com` for `a.example.com`, and any host. */
function widerHosts(host: string): readonly string[] {
  if (host === "*") return [];
  const wide: string[] = [];
  const labels = host.split(".");
  const leading = isSuffixHost(host);
  const trailing = isPrefixHost(host);
  if (!trailing)
    for (let at = leading ? 2 : 1; at < labels.length; at++) wide.push(`*.${labels.slice(at).join(".")}`);
  if (!leading) {
    for (let end = labels.length - (trailing ? 2 : 1); end > 0; end--)
      wide.push(`${labels.slice(0, end).join(".")}.*`);
  }
  return [...wide, "*"];
}

function isSuffixHost(host: string): boolean {
  return host.startsWith("*.");
}

function isPrefixHost(host: string): boolean {
  return host.endsWith(".*");
}

/** The entry with the condition that the request's host is one of `prefix.*`. */
function onlyFor(host: string, entry: RouteEntry): RouteEntry {
  const pattern = `${escapeRegex(host.slice(0, -1))}.+`;
  const condition: NamedMatch = { name: ":authority", match: { kind: "regex", pattern, ignoreCase: true } };
  const routes = entry.routes.map((route) => ({
    ...route,
    match: { ...route.match, headers: [...(route.match.headers ?? []), condition] },
  }));
  return { ...entry, routes };
}

/** All routes in Kong's order, up to the first one that takes every request. */
function inOrder(entries: readonly RouteEntry[]): readonly Route[] {
  const lowest = Math.min(
    ...entries.map(({ rank }) => (rank.regex && !rank.literal ? rank.regexPriority : 0)),
  );
  const sorted = entries
    .flatMap((entry) => (entry.rank.regexPriority > lowest ? splitSegments(entry) : [entry]))
    .sort((a, b) => compareRanks(a.rank, b.rank));
  const routes: Route[] = [];
  for (const entry of sorted) {
    routes.push(...entry.routes);
    const last = entry.routes.at(-1);
    if (last !== undefined && takesEverything(last)) break;
  }
  return routes;
}

/**
 * Kong has an expression and a prefix where we have one match of whole segments. They stand together unless an
 * expression of lower priority stands between them, which only a route's regex-priority brings about.
 */
function splitSegments(entry: RouteEntry): readonly RouteEntry[] {
  const { routes, rank } = entry;
  if (!routes.some(({ match }) => match.path.kind === "segments")) return [entry];
  const only = (kind: "exact" | "prefix") =>
    routes.flatMap((route): Route[] => {
      const { path } = route.match;
      if (path.kind === "segments") {
        const value = kind === "exact" ? path.value : `${path.value}/`;
        return [{ ...route, match: { ...route.match, path: { kind, value } } }];
      }
      return path.kind === kind || path.kind === "regex" ? [route] : [];
    });
  return [
    { ...entry, routes: only("exact"), rank: { ...rank, regex: true, literal: true } },
    { ...entry, routes: only("prefix") },
  ];
}

function takesEverything({ match }: Route): boolean {
  const { path } = match;
  return (path.kind === "prefix" || path.kind === "segments") && path.value === "/" && isUnconditional(match);
}

/** Two routes of one host that take the same requests: the one that Kong tries first wins. */
function reportConflicts(entries: readonly RouteEntry[], read: Reader): void {
  const winners = new Map<string, RouteEntry>();
  for (const entry of entries) {
    const other = winners.get(entry.claim);
    const wins = other === undefined || compareRanks(entry.rank, other.rank) < 0;
    if (wins) winners.set(entry.claim, entry);
  }
  if (winners.size === entries.length) return;
  for (const entry of entries) {
    const winner = winners.get(entry.claim);
    if (winner !== undefined && winner !== entry)
      read.report(conflict(entry.host, entry.origin, winner.origin));
  }
}

function conflict(host: string, loser: Origin, winner: Origin) {
  const where = host === "*" ? "any host" : host;
  return finding(
    "route-conflict",
    loser.object,
    loser.field,
    `${formatRef(winner.object)} has the same path for ${where} and wins`,
    { related: [winner.object], fix: "Change the path, the host or another criterion of one of them." },
  );
}
