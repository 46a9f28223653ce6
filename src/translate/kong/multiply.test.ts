import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Forward, NamedMatch, PathMatch, Route, RouteMatch } from "#model/route.ts";
import { type EdgeRoute, multiply } from "./multiply.ts";
import type { PathChange } from "./path-overlap.ts";

const origin = { object: { kind: "Ingress", namespace: "prod", name: "dj" }, field: [] };
const service = { object: { kind: "VirtualService", namespace: "prod", name: "jazz" }, field: [] };

function forward(cluster: string, more: Partial<Forward> = {}): Forward {
  return {
    kind: "forward",
    backends: [{ cluster, weight: 1, origin }],
    timeouts: {},
    websocket: true,
    ...more,
  };
}

function route(name: string, match: RouteMatch, action: Route["action"] = forward(name)): Route {
  return { name, match, action, policies: [], origins: [origin] };
}

function edgeOf(path: PathMatch, change: PathChange, more: Partial<RouteMatch> = {}): EdgeRoute {
  const action = forward(
    "edge",
    change.kind === "strip" ? { path: { kind: "replace-matched", prefix: change.prefix } } : {},
  );
  return { route: { ...route("edge", { path, ...more }), action }, change };
}

interface Request {
  readonly path: string;
  readonly query: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
}

function anchored(pattern: string, full: boolean): RegExp {
  return new RegExp(full ? `^(?:${pattern})$` : `^(?:${pattern})`, "s");
}

function pathMatches(match: PathMatch, path: string): boolean {
  switch (match.kind) {
    case "exact":
      return path === match.value;
    case "prefix":
      return path.startsWith(match.value);
    case "segments":
      return match.value === "/" || path === match.value || path.startsWith(`${match.value}/`);
    case "regex":
      return anchored(match.pattern, match.full).test(path);
  }
}

function headerMatches({ name, match, invert = false }: NamedMatch, request: Request): boolean {
  const value = name === ":path" ? request.path + request.query : request.headers[name];
  const held = () => {
    if (value === undefined) return false;
    if (match.kind === "exact") return value === match.value;
    if (match.kind === "prefix") return value.startsWith(match.value);
    if (match.kind === "regex") return anchored(match.pattern, true).test(value);
    throw new Error(`the test has no ${match.kind}`);
  };
  return held() !== invert;
}

function matches(match: RouteMatch, request: Request): boolean {
  return (
    pathMatches(match.path, request.path) &&
    (match.methods === undefined || match.methods.length === 0 || match.methods.includes(request.method)) &&
    (match.headers ?? []).every((header) => headerMatches(header, request))
  );
}

/** What Envoy makes of the path (see pathVariants): the stripped rest, joined by exactly one slash. */
function changed(edge: PathMatch, change: PathChange, path: string): string {
  if (change.kind === "fixed") return change.path;
  if (change.kind === "prepend") return change.prefix + path;
  if (change.kind !== "strip") return path;
  const base = change.prefix.endsWith("/") ? change.prefix : `${change.prefix}/`;
  const taken =
    edge.kind === "regex" ? (anchored(edge.pattern, edge.full).exec(path)?.[0] ?? "") : edge.value;
  const rest = path.slice(taken.length);
  if (edge.kind === "exact" || (edge.kind === "regex" && edge.full)) return change.prefix || "/";
  if (edge.kind !== "regex" && rest === "" && !taken.endsWith("/")) return change.prefix || "/";
  return (
    base + (rest.startsWith("/") && !(edge.kind === "prefix" && taken.endsWith("/")) ? rest.slice(1) : rest)
  );
}

/** The edge first, then the caller's sidecar, as two proxies would. */
function twoStages(edge: EdgeRoute, mesh: readonly Route[], request: Request): string | undefined {
  if (!matches(edge.route.match, request)) return undefined;
  const path = changed(edge.route.match.path, edge.change, request.path);
  return mesh.find(({ match }) => matches(match, { ...request, path }))?.name ?? "404";
}

function oneStage(routes: readonly Route[], request: Request): string | undefined {
  const found = routes.find(({ match }) => matches(match, request));
  if (found === undefined) return undefined;
  if (found.action.kind === "reply") return String(found.action.status);
  return found.action.kind === "forward" ? found.action.backends[0]?.cluster : "redirect";
}

const segment = fc.constantFrom("a", "b", "ab", "a.b", "");
const path = fc
  .array(segment, { maxLength: 3 })
  .map((parts) => `/${parts.filter((part) => part !== "").join("/")}`);
const slashed = fc
  .tuple(path, fc.boolean())
  .map(([text, slash]) => (slash && text !== "/" ? `${text}/` : text));
const patterns = fc.constantFrom(
  "/a.*",
  "/[ab]+",
  "/a(/b)?",
  "/(a|b)/?",
  "/a|/b/.*",
  "/[^a]+",
  ".*b",
  "/a\\.b",
  "/",
  "/.+/b",
);

const pathMatch: fc.Arbitrary<PathMatch> = fc.oneof(
  slashed.map((value) => ({ kind: "prefix", value }) as const),
  path.map((value) => ({ kind: "segments", value }) as const),
  slashed.map((value) => ({ kind: "exact", value }) as const),
  fc.tuple(patterns, fc.boolean()).map(([pattern, full]) => ({ kind: "regex", pattern, full }) as const),
);
/** Where an expression that is not anchored at its end stops cannot be said in another one; see the test of its own. */
const edgeMatch = pathMatch.filter((match) => match.kind !== "regex" || match.full);
const change: fc.Arbitrary<PathChange> = fc.oneof(
  fc.constant({ kind: "none" } as const),
  fc.constantFrom("/", "/srv", "/a", "/a/").map((prefix) => ({ kind: "strip", prefix }) as const),
  fc.constantFrom("/srv", "/a").map((prefix) => ({ kind: "prepend", prefix }) as const),
  path.map((text) => ({ kind: "fixed", path: text }) as const),
);
const methods = fc.constantFrom([], ["GET"], ["GET", "POST"]);
const headers: fc.Arbitrary<NamedMatch[]> = fc.constantFrom(
  [],
  [{ name: "x-a", match: { kind: "exact", value: "1" } }],
);
const request: fc.Arbitrary<Request> = fc.record({
  path: slashed,
  query: fc.constantFrom("", "?q=/a/b"),
  method: fc.constantFrom("GET", "POST", "PUT"),
  headers: fc.constantFrom({}, { "x-a": "1" }),
});
const meshRoutes = fc
  .array(fc.record({ path: pathMatch, methods, headers }), { maxLength: 4 })
  .map((list) => list.map((match, at) => route(`mesh-${at}`, match)));

describe("the edge's route times the mesh's routes", () => {
  test("answers as both stages one after the other", () => {
    fc.assert(
      fc.property(
        edgeMatch,
        change,
        methods,
        headers,
        meshRoutes,
        fc.array(request, { minLength: 1, maxLength: 12 }),
        (match, made, edgeMethods, edgeHeaders, mesh, requests) => {
          const edge = edgeOf(match, made, { methods: edgeMethods, headers: edgeHeaders });
          const { routes, lost } = multiply(edge, { routes: mesh, origin: service });
          fc.pre(lost.length === 0);
          for (const one of requests) expect(oneStage(routes, one)).toBe(twoStages(edge, mesh, one));
        },
      ),
      { numRuns: 2000 },
    );
  });

  test("answers as both stages for an expression that is stripped, with the mesh's usual routes", () => {
    fc.assert(
      fc.property(patterns, fc.array(request, { minLength: 1, maxLength: 12 }), (pattern, requests) => {
        const edge = edgeOf({ kind: "regex", pattern, full: false }, { kind: "strip", prefix: "/" });
        const mesh = [
          route("mesh-0", {
            path: { kind: "prefix", value: "/" },
            headers: [{ name: "x-a", match: { kind: "exact", value: "1" } }],
          }),
          route("mesh-1", { path: { kind: "prefix", value: "/" } }),
        ];
        const { routes } = multiply(edge, { routes: mesh, origin: service });
        for (const one of requests) expect(oneStage(routes, one)).toBe(twoStages(edge, mesh, one));
      }),
    );
  });

  test("keeps the edge's match and path rewrite for a mesh route that takes everything", () => {
    const edge = edgeOf({ kind: "prefix", value: "/dj/jazz" }, { kind: "strip", prefix: "/" });
    const mesh = [route("v1", { path: { kind: "prefix", value: "/" } }, forward("jazz-v1"))];
    const { routes } = multiply(edge, { routes: mesh, origin: service });
    expect(routes).toHaveLength(1);
    expect(routes[0]).toMatchObject({
      name: "edge",
      match: { path: { kind: "prefix", value: "/dj/jazz" } },
      action: { path: { kind: "replace-matched", prefix: "/" }, backends: [{ cluster: "jazz-v1" }] },
      origins: [origin, origin, service],
    });
  });

  test("cuts a prefix where a stripped path must begin with the mesh's prefix", () => {
    const edge = edgeOf({ kind: "segments", value: "/dj" }, { kind: "strip", prefix: "/" });
    const mesh = [route("v2", { path: { kind: "prefix", value: "/v2" } })];
    const { routes } = multiply(edge, { routes: mesh, origin: service });
    expect(routes.map(({ match, action }) => [match, action.kind])).toEqual([
      [
        {
          path: { kind: "prefix", value: "/dj/" },
          headers: [{ name: ":path", match: { kind: "regex", pattern: "(?:/dj/(?:v2[^\\?]*))(?:\\?.*)?" } }],
        },
        "forward",
      ],
      [{ path: { kind: "segments", value: "/dj" } }, "reply"],
    ]);
  });

  test("ends with the sidecar's 404 where no route of the mesh takes everything", () => {
    const edge = edgeOf({ kind: "prefix", value: "/" }, { kind: "none" });
    const { routes } = multiply(edge, { routes: [], origin: service });
    expect(routes.map(({ action }) => action)).toEqual([{ kind: "reply", status: 404 }]);
  });

  test("says which routes it cannot multiply", () => {
    const edge = edgeOf({ kind: "prefix", value: "/dj" }, { kind: "strip", prefix: "/" });
    const counted = route("counted", { path: { kind: "regex", pattern: "/a{2}", full: true } });
    expect(multiply(edge, { routes: [counted], origin: service }).lost).toEqual([counted]);
  });

  test.each([
    [{ request: 0, idle: 60_000 }, { request: 15_000 }, { request: 15_000, idle: 60_000 }],
    [
      { request: 0, idle: 60_000 },
      { request: 15_000, idle: 5000 },
      { request: 15_000, idle: 5000 },
    ],
    [
      { request: 0, idle: 60_000 },
      { request: 0, idle: 0 },
      { request: 0, idle: 60_000 },
    ],
    [{ request: 0, idle: 60_000 }, {}, { idle: 60_000 }],
    [{ request: 0, perTryIdle: 60_000, idle: 0 }, { request: 15_000 }, { request: 15_000, idle: 60_000 }],
  ])("of the timeouts %j and %j the stricter ones count", (edgeTimeouts, meshTimeouts, expected) => {
    const edge = edgeOf({ kind: "prefix", value: "/" }, { kind: "none" });
    const timed: EdgeRoute = {
      ...edge,
      route: { ...edge.route, action: { ...edge.route.action, timeouts: edgeTimeouts } },
    };
    const mesh = route(
      "mesh",
      { path: { kind: "prefix", value: "/" } },
      forward("v1", { timeouts: meshTimeouts }),
    );
    const [joined] = multiply(timed, { routes: [mesh], origin: service }).routes;
    expect(joined?.action).toMatchObject({ timeouts: expected });
    expect(joined?.action).toEqual({ ...joined?.action, timeouts: expected });
  });

  test("retries as the mesh says", () => {
    const edge = edgeOf({ kind: "prefix", value: "/" }, { kind: "none" });
    const retry = { on: ["connect-failure"], retries: 2, avoidPreviousHosts: true };
    const own = { on: ["5xx"], retries: 9, avoidPreviousHosts: false };
    const retried: EdgeRoute = {
      ...edge,
      route: { ...edge.route, action: { ...edge.route.action, retry: own } },
    };
    const mesh = route("mesh", { path: { kind: "prefix", value: "/" } });
    const retryOf = (given: object) => {
      const [joined] = multiply(retried, { routes: [mesh], origin: service, ...given }).routes;
      return joined?.action.kind === "forward" ? joined.action.retry : "none";
    };
    expect(retryOf({ retry })).toEqual(retry);
    expect(retryOf({})).toBeUndefined();
  });
});
