import type { MeshDestination } from "#model/mesh.ts";
import type { Forward, NamedMatch, RetryPolicy, Route, RouteMatch, RouteTimeouts } from "#model/route.ts";
import { type PathChange, pathOverlap } from "./path-overlap.ts";

/** A route of the gateway's edge that leads into the mesh. */
export interface EdgeRoute {
  /** Its action's backends are replaced by those of the mesh. */
  readonly route: Route & { readonly action: Forward };
  /** What `route.action.path` does, said so that it can be reckoned with. */
  readonly change: PathChange;
}

export interface Multiplied {
  readonly routes: readonly Route[];
  /** Routes of the mesh that cannot be said in terms of the path as it comes. */
  readonly lost: readonly Route[];
}

/**
 * Makes one stage of two: the edge's route and, for the path and host that it makes, the routes of a mesh destination.
 * A request gets what it would get if it passed the edge and then the caller's sidecar. Where no route of the mesh
 * matches, the sidecar's own 404 answers, as it would; nothing falls back to another route of the edge.
 *
 * Routes of a mesh destination do not rewrite paths, and what plugins change of a request does not choose its route.
 */
export function multiply(
  edge: EdgeRoute,
  destination: Pick<MeshDestination, "routes" | "retry" | "origin">,
): Multiplied {
  const routes: Route[] = [];
  const lost: Route[] = [];
  for (const mesh of destination.routes) {
    const overlaps = pathOverlap(edge.route.match.path, edge.change, mesh.match.path);
    if (overlaps === "unknown") {
      lost.push(mesh);
      continue;
    }
    const ways = overlaps === "all" ? [{ path: edge.route.match.path, headers: [] }] : overlaps;
    for (const way of ways) {
      const match = conjoin({ ...edge.route.match, path: way.path }, mesh.match, way.headers);
      if (match === undefined) continue;
      routes.push(joinRoutes(edge.route, mesh, match, destination));
    }
    if (overlaps === "all" && isUnconditional(mesh.match)) return { routes, lost };
  }
  routes.push({ ...edge.route, action: { kind: "reply", status: 404 } });
  return { routes, lost };
}

/** No condition beside the path. */
export function isUnconditional(match: RouteMatch): boolean {
  const { methods = [], headers = [], query = [], grpc = false } = match;
  return methods.length === 0 && headers.length === 0 && query.length === 0 && !grpc;
}

/** Both sides' conditions but for the path; undefined when they exclude each other. */
function conjoin(edge: RouteMatch, mesh: RouteMatch, more: readonly NamedMatch[]): RouteMatch | undefined {
  const methods = commonMethods(edge.methods ?? [], mesh.methods ?? []);
  if (methods === "none") return undefined;
  const headers = [...(edge.headers ?? []), ...(mesh.headers ?? []), ...more];
  const query = [...(edge.query ?? []), ...(mesh.query ?? [])];
  return {
    path: edge.path,
    ...(methods.length === 0 ? {} : { methods }),
    ...(headers.length === 0 ? {} : { headers }),
    ...(query.length === 0 ? {} : { query }),
    ...(edge.grpc === true || mesh.grpc === true ? { grpc: true } : {}),
  };
}

/** An empty list means every method. */
function commonMethods(a: readonly string[], b: readonly string[]): readonly string[] | "none" {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  const common = a.filter((method) => b.includes(method));
  return common.length === 0 ? "none" : common;
}

function joinRoutes(
  edge: Route & { readonly action: Forward },
  mesh: Route,
  match: RouteMatch,
  destination: Pick<MeshDestination, "retry" | "origin">,
): Route {
  const origins = [...edge.origins, ...mesh.origins, destination.origin];
  if (mesh.action.kind !== "forward") return { ...edge, match, action: mesh.action, origins };
  const retry = mesh.action.retry ?? destination.retry;
  const { retry: _, hash: __, backends: ___, ...kept } = edge.action;
  const action: Forward = {
    ...kept,
    backends: mesh.action.backends,
    timeouts: stricterTimeouts(edge.action.timeouts, mesh.action.timeouts, retry),
    websocket: edge.action.websocket && mesh.action.websocket,
    ...(retry === undefined ? {} : { retry }),
    ...(mesh.action.hash === undefined ? {} : { hash: mesh.action.hash }),
    ...both("requestHeaders", edge.action, mesh.action),
    ...both("responseHeaders", edge.action, mesh.action),
  };
  return { ...edge, match, action, origins };
}

function both(list: "requestHeaders" | "responseHeaders", edge: Forward, mesh: Forward): Partial<Forward> {
  const operations = [...(edge[list] ?? []), ...(mesh[list] ?? [])];
  return operations.length === 0 ? {} : { [list]: operations };
}

/** The shorter of both, each for itself. The mesh may leave the request's timeout to Envoy, which has a default then. */
function stricterTimeouts(
  edge: RouteTimeouts,
  mesh: RouteTimeouts,
  retry: RetryPolicy | undefined,
): RouteTimeouts {
  const request = mesh.request === undefined ? undefined : stricter(edge.request, mesh.request);
  const perTry = stricter(edge.perTry, mesh.perTry);
  const perTryIdle = stricter(edge.perTryIdle, mesh.perTryIdle);
  // Without retries there is one try, and its timeouts are those of the whole.
  const idle = stricter(edge.idle, retry === undefined ? stricter(mesh.idle, perTryIdle) : mesh.idle);
  return {
    ...(request === undefined ? {} : { request }),
    ...(idle === undefined ? {} : { idle }),
    ...(perTry === undefined ? {} : { perTry }),
    ...(perTryIdle === undefined || retry === undefined ? {} : { perTryIdle }),
  };
}

/** 0 switches a timeout off. */
function stricter(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  if (a === 0 || b === 0) return Math.max(a, b);
  return Math.min(a, b);
}
