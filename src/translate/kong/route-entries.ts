import type { Reader } from "#incremental/graph.ts";
import type { Policy } from "#model/policy.ts";
import type { Forward, HeaderOperation, NamedMatch, Route, RouteAction, RouteMatch } from "#model/route.ts";
import type { SharedStore } from "#model/shared-store.ts";
import type { Origin } from "#problems/object-ref.ts";
import { errorReply } from "./error-reply.ts";
import { finding } from "./finding.ts";
import type { HeaderCriterion, KongPath, KongRoute, RouteSettings } from "./kong-route.ts";
import { type KongService, upstreamHost } from "./kong-service.ts";
import type { MeshTables } from "./kong-tables.ts";
import { type MeshCall, meshCall } from "./mesh-call.ts";
import { multiply } from "./multiply.ts";
import { type PathWay, pathWays, toPathMatch } from "./path-change.ts";
import { escapeRegex } from "./path-overlap.ts";
import { type Rank, rankOf } from "./precedence.ts";
import type { RoutePlugins } from "./route-plugins.ts";

/** One path of a route on one host: what goes into that host's table, and where. */
export interface RouteEntry {
  /** `*` for any host. */
  readonly host: string;
  readonly rank: Rank;
  /** In order; together they answer every request that the path takes. */
  readonly routes: readonly Route[];
  /** Equal for two entries that take the same requests. */
  readonly claim: string;
  readonly origin: Origin;
}

/** A Kong route, ready for the tables of its hosts. */
export interface CompiledRoute {
  readonly entries: readonly RouteEntry[];
  /** Kong services that are called past any mesh: they need a cluster. */
  readonly services: readonly string[];
  readonly stores: readonly SharedStore[];
  readonly origin: Origin;
}

/** Everything that a route is made of. */
export interface RouteParts {
  readonly route: KongRoute;
  readonly service: KongService;
  readonly plugins: RoutePlugins;
  readonly mesh: MeshTables | undefined;
}

export function compileRoute(parts: RouteParts, read: Reader): CompiledRoute {
  const { route, service, plugins, mesh } = parts;
  const headers = route.settings.headers.map(headerMatch);
  // A criterion that nothing can fulfil: the route serves nobody.
  if (headers.includes("never")) return { entries: [], services: [], stores: [], origin: route.origin };
  const conditions = {
    ...(route.settings.methods.length === 0 ? {} : { methods: route.settings.methods }),
    ...(headers.length === 0 ? {} : { headers: headers.filter((header) => header !== "never") }),
  };
  const hosts = route.hosts.length === 0 ? ["*"] : route.hosts;
  const services = new Set<string>();
  const entries = hosts.flatMap((host) => {
    const call = plugins.closed ? undefined : meshCall(route, service, host, mesh, read);
    if (call?.kind === "direct" && service.target.kind === "found") services.add(service.name);
    return route.paths.map((path, at): RouteEntry => {
      const match: RouteMatch = { path: toPathMatch(path), ...conditions };
      return {
        host,
        rank: rankOf(route, path, at),
        routes: pathRoutes(path, match, host, call, parts, read),
        claim: JSON.stringify([match, route.settings.snis]),
        origin: { object: route.origin.object, field: path.field },
      };
    });
  });
  return { entries, services: [...services], stores: plugins.stores, origin: route.origin };
}

/** The routes of one path on one host. Without a call the route is closed. */
function pathRoutes(
  path: KongPath,
  match: RouteMatch,
  host: string,
  call: MeshCall | undefined,
  { route, service, plugins }: RouteParts,
  read: Reader,
): readonly Route[] {
  const { protocols } = route.settings;
  const secureOnly = protocols.length > 0 && protocols.every(isSecure);
  const grpcOnly = protocols.length > 0 && protocols.every((protocol) => protocol.startsWith("grpc"));
  const own = { object: route.origin.object, field: path.field };
  const make = (made: RouteMatch, action: RouteAction, policies: readonly Policy[]): Route => ({
    name: route.name,
    match: made,
    action,
    policies,
    origins: [own, ...route.origins, ...service.origins, ...plugins.origins],
  });
  if (call === undefined) return [make(match, errorReply(503, "Service unavailable"), [])];

  const guarded: RouteMatch = {
    ...match,
    ...(secureOnly ? { headers: [...(match.headers ?? []), securely] } : {}),
    ...(grpcOnly ? { grpc: true } : {}),
  };
  const routes = pathWays(path, route.settings, service.path).flatMap((way) =>
    wayRoutes(way, guarded, call, { route, service, make, policies: plugins.policies }, read),
  );
  // Kong finds the route first and only then looks at the protocol; nothing else is tried.
  if (grpcOnly) {
    const { grpc: _, ...other } = guarded;
    routes.push(make(other, errorReply(415, "Non-gRPC request matched gRPC route"), []));
  }
  if (secureOnly) routes.push(make(match, insecureAction(route.settings, host), []));
  return routes;
}

interface WayParts {
  readonly route: KongRoute;
  readonly service: KongService;
  readonly make: (match: RouteMatch, action: RouteAction, policies: readonly Policy[]) => Route;
  readonly policies: readonly Policy[];
}

function wayRoutes(way: PathWay, match: RouteMatch, call: MeshCall, parts: WayParts, read: Reader): Route[] {
  const { route, service, make, policies } = parts;
  const made = { ...match, path: way.path };
  switch (call.kind) {
    case "refused":
      return [make(made, refusal(call.status), policies)];
    case "direct":
      return [make(made, forward(way, route, service), policies)];
    case "destination": {
      const action = forward(way, route, service);
      const edge = { route: { ...make(made, action, policies), action }, change: way.change };
      const { routes, lost } = multiply(edge, call.destination);
      for (const mesh of lost) {
        const [origin] = mesh.origins;
        read.report(
          finding(
            "not-supported",
            route.origin.object,
            route.origin.field,
            `the mesh route ${mesh.name} cannot be joined with this path: its expression is looked at after the path was changed`,
            {
              related: origin === undefined ? [] : [origin.object],
              fix: "Match a prefix or an exact path in the mesh, or leave the path as it is.",
            },
          ),
        );
      }
      return [...routes];
    }
  }
}

/** The sidecar's own answers: its 404 has no body, and a connection that it cuts is a broken answer to Kong. */
function refusal(status: 404 | 502): RouteAction {
  return status === 404
    ? { kind: "reply", status }
    : errorReply(502, "An invalid response was received from the upstream server");
}

function forward(way: PathWay, route: KongRoute, service: KongService): Forward {
  const { settings } = route;
  const host = settings.preserveHost ? undefined : upstreamHost(service);
  const prefix = settings.stripPath ? forwardedPrefix(way) : undefined;
  return {
    kind: "forward",
    backends: [
      {
        cluster: service.target.kind === "found" ? service.name : undefined,
        weight: 1,
        origin: route.origin,
      },
    ],
    ...(settings.preserveHost ? {} : { host: host === undefined ? "upstream-address" : { value: host } }),
    ...(way.rewrite === undefined ? {} : { path: way.rewrite }),
    ...retrying(service),
    ...(service.balancing.hash === undefined ? {} : { hash: service.balancing.hash }),
    websocket: true,
    ...(prefix === undefined ? {} : { requestHeaders: [prefix] }),
  };
}

/**
 * Kong's timeouts are pauses, not the whole: a long download goes on. It tries another endpoint when a connection fails
 * or the request was not taken; a request that the application may have seen is not sent twice. So a pause ends the
 * request, and the stream's own idle time says all: Envoy's idle time per try would cost 2 % more for nothing.
 */
function retrying({ retries, readTimeoutMs }: KongService): Pick<Forward, "timeouts" | "retry"> {
  const timeouts = { request: 0, idle: readTimeoutMs };
  if (retries === 0) return { timeouts };
  return {
    timeouts,
    retry: {
      on: ["connect-failure", "refused-stream", "reset-before-request"],
      retries,
      avoidPreviousHosts: true,
    },
  };
}

/** Kong tells the application what it took off the path; of an expression that is not known beforehand. */
function forwardedPrefix({ path, change }: PathWay): HeaderOperation | undefined {
  if (change.kind === "none" || path.kind === "regex" || path.value === "/") return undefined;
  const value = path.kind === "segments" ? `${path.value}/` : path.value;
  return { op: "set", name: "x-forwarded-prefix", value };
}

const securely: NamedMatch = { name: "x-forwarded-proto", match: { kind: "exact", value: "https" } };

function isSecure(protocol: string): boolean {
  return protocol === "https" || protocol === "grpcs" || protocol === "wss";
}

function insecureAction({ httpsRedirect }: RouteSettings, host: string): RouteAction {
  if (httpsRedirect !== 426) {
    // Where the host is known, the redirect leaves out the port of this request, as Kong's does.
    return {
      kind: "redirect",
      status: httpsRedirect,
      scheme: "https",
      ...(host.includes("*") ? {} : { host }),
    };
  }
  // Kong's Upgrade header is missing: Envoy takes it off every answer that is not an upgrade.
  return errorReply(426, "Please use HTTPS protocol");
}

function headerMatch({ name, values }: HeaderCriterion): NamedMatch | "never" {
  const [only, ...others] = values;
  if (only === undefined) return "never";
  if (others.length === 0 && !only.startsWith("~*")) {
    return { name, match: { kind: "exact", value: only, ignoreCase: true } };
  }
  const pattern = values
    .map((value) => (value.startsWith("~*") ? `.*(?:${value.slice(2)}).*` : escapeRegex(value)))
    .join("|");
  return { name, match: { kind: "regex", pattern, ignoreCase: true } };
}
