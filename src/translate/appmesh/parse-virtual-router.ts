import type { RetryPolicy, RouteMatch, RouteTimeouts } from "#model/route.ts";
import type { FieldPath } from "#problems/object-ref.ts";
import type { Problem } from "#problems/problem.ts";
import type { PortMapping } from "#resources/app-mesh-types.ts";
import type {
  GrpcRouteSpec,
  HttpRouteSpec,
  RouteAction,
  VirtualRouter,
  VirtualRouterRoute,
} from "#resources/virtual-router.ts";
import { httpTimeouts } from "./durations.ts";
import { Findings, given, listed } from "./findings.ts";
import { translateHeaders, translatePath, translateQuery } from "./matches.ts";
import { translateRetry } from "./retries.ts";
import { checkHeaderMatches, checkNameOrArn } from "./rules-shared.ts";

export type WeightedTarget = RouteAction["weightedTargets"][number];

/** A route of a router without its targets' meaning, which takes other objects. */
export interface ParsedRoute {
  readonly name: string;
  readonly field: FieldPath;
  readonly match: RouteMatch;
  /** The only listener port at which the route counts; absent: all of them. */
  readonly port?: number;
  readonly timeouts: RouteTimeouts;
  readonly retry?: RetryPolicy;
  readonly targets: readonly WeightedTarget[];
  readonly targetsField: FieldPath;
}

export interface ParsedRouter {
  /** HTTP listeners; each port once. */
  readonly listeners: readonly PortMapping[];
  /** In the order in which they are tried. */
  readonly routes: readonly ParsedRoute[];
  readonly problems: readonly Problem[];
}

/** Reads a router as far as it goes without other objects, and says what App Mesh refused in it. */
export function parseVirtualRouter(router: VirtualRouter): ParsedRouter {
  const findings = new Findings(router);
  const listeners = parseListeners(findings, router);
  const names = new Set<string>();
  const routes = (router.spec?.routes ?? []).flatMap((route, at) => {
    const field = ["spec", "routes", at];
    checkName(findings, [...field, "name"], route.name, names);
    const parsed = parseRoute(findings, field, route, listeners);
    return parsed === undefined ? [] : [{ parsed, priority: route.priority }];
  });
  // By priority, 0 first and unset ones last. Within one priority App Mesh sorted by the length of the path
  // (aws-app-mesh-roadmap#77); the order of the file, which a stable sort keeps, decides the rest.
  routes.sort(
    (a, b) =>
      (a.priority ?? 1001) - (b.priority ?? 1001) || pathLength(b.parsed.match) - pathLength(a.parsed.match),
  );
  return { listeners, routes: routes.map(({ parsed }) => parsed), problems: findings.problems };
}

function pathLength({ path }: RouteMatch): number {
  return path.kind === "regex" ? path.pattern.length : path.value.length;
}

function parseListeners(findings: Findings, router: VirtualRouter): readonly PortMapping[] {
  const listeners = router.spec?.listeners ?? [];
  if (listeners.length === 0) {
    findings.invalid(
      ["spec", "listeners"],
      "A virtual router needs a listener: it says which port clients call.",
    );
  }
  const ports = new Map<number, PortMapping>();
  listeners.forEach(({ portMapping }, at) => {
    const field = ["spec", "listeners", at, "portMapping"];
    if (ports.has(portMapping.port)) {
      findings.invalid(
        [...field, "port"],
        `Port ${portMapping.port} has a listener already; the first one counts.`,
      );
    } else if (portMapping.protocol === "tcp") {
      findings.notSupported([...field, "protocol"], "A TCP listener", "Nothing is served on its port.");
    } else {
      ports.set(portMapping.port, portMapping);
    }
  });
  return [...ports.values()];
}

function checkName(findings: Findings, field: FieldPath, name: string, names: Set<string>): void {
  if (name.length === 0 || name.length > 255)
    findings.invalid(field, "A route's name has 1 to 255 characters.");
  if (names.has(name))
    findings.invalid(field, `Two routes are named ${name}; both are served.`, "Rename one of them.");
  names.add(name);
}

function parseRoute(
  findings: Findings,
  field: FieldPath,
  route: VirtualRouterRoute,
  listeners: readonly PortMapping[],
): ParsedRoute | undefined {
  const { httpRoute, http2Route, grpcRoute, tcpRoute } = route;
  const kinds = given({ httpRoute, http2Route, grpcRoute, tcpRoute });
  if (kinds.length !== 1) {
    const message = `A route is one of httpRoute, http2Route, grpcRoute and tcpRoute; this one is ${listed(kinds) || "none"}.`;
    findings.invalid(field, `${message} It is not served.`);
    return undefined;
  }
  if (tcpRoute !== undefined) {
    findings.notSupported([...field, "tcpRoute"], "A TCP route", "It is not served.");
    return undefined;
  }
  const kind = kinds[0] ?? "";
  const spec = httpRoute ?? http2Route ?? grpcRoute;
  if (spec === undefined) return undefined;
  const place = [...field, kind];
  const protocol = kind === "httpRoute" ? "http" : kind === "http2Route" ? "http2" : "grpc";
  const others = listeners.filter((listener) => listener.protocol !== protocol).map((one) => one.protocol);
  if (others.length > 0 && others.length === listeners.length) {
    const message = `The router listens for ${listed([...new Set(others)])}, but this route is for ${protocol}.`;
    findings.doubtful(place, `${message} It is served all the same.`);
  }
  checkPort(findings, [...place, "match", "port"], spec.match.port, listeners);
  checkRetry(findings, [...place, "retryPolicy"], spec);
  checkTargets(findings, [...place, "action", "weightedTargets"], spec.action.weightedTargets);
  const match =
    grpcRoute === undefined
      ? httpMatch(findings, [...place, "match"], (httpRoute ?? http2Route)?.match)
      : grpcMatch(findings, [...place, "match"], grpcRoute.match);
  if (match === undefined) return undefined;
  const retry = translateRetry(spec.retryPolicy);
  return {
    name: route.name,
    field,
    match,
    ...(spec.match.port === undefined ? {} : { port: spec.match.port }),
    timeouts: httpTimeouts(spec.timeout),
    ...(retry === undefined ? {} : { retry }),
    targets: spec.action.weightedTargets,
    targetsField: [...place, "action", "weightedTargets"],
  };
}

function checkPort(
  findings: Findings,
  field: FieldPath,
  port: number | undefined,
  listeners: readonly PortMapping[],
): void {
  if (port === undefined && listeners.length > 1) {
    findings.doubtful(
      field,
      "The router has several listeners, so a route should say to which port it belongs; this one is served on all.",
    );
  }
  if (port !== undefined && !listeners.some((listener) => listener.port === port)) {
    findings.invalid(field, `The router does not listen on port ${port}; the route never matches.`);
  }
}

function checkRetry(findings: Findings, field: FieldPath, spec: HttpRouteSpec | GrpcRouteSpec): void {
  const { retryPolicy } = spec;
  if (retryPolicy !== undefined && retryPolicy.maxRetries > 0 && translateRetry(retryPolicy) === undefined) {
    findings.invalid(field, "A retry policy names at least one event; without any, nothing is retried.");
  }
}

function checkTargets(findings: Findings, field: FieldPath, targets: readonly WeightedTarget[]): void {
  targets.forEach((target, at) => {
    checkNameOrArn(findings, [...field, at], target.virtualNodeRef, target.virtualNodeARN, "virtualNode");
  });
  if (targets.every((target) => target.weight === 0)) {
    findings.invalid(
      field,
      "All weights are 0, so no node can be chosen; requests get 503.",
      "Give a node a weight.",
    );
  }
}

function httpMatch(
  findings: Findings,
  field: FieldPath,
  match: HttpRouteSpec["match"] | undefined,
): RouteMatch | undefined {
  if (match === undefined) return undefined;
  const path = translatePath(findings, field, match);
  const usable = checkHeaderMatches(findings, [...field, "headers"], match.headers);
  if (path === undefined || !usable) return undefined;
  const headers = [
    ...(match.scheme === undefined
      ? []
      : [{ name: ":scheme", match: { kind: "exact", value: match.scheme } } as const]),
    ...translateHeaders(match.headers),
  ];
  const query = translateQuery(match.queryParameters);
  return {
    path,
    ...(match.method === undefined ? {} : { methods: [match.method] }),
    ...(headers.length === 0 ? {} : { headers }),
    ...(query.length === 0 ? {} : { query }),
  };
}

function grpcMatch(
  findings: Findings,
  field: FieldPath,
  match: GrpcRouteSpec["match"],
): RouteMatch | undefined {
  const { serviceName, methodName } = match;
  if (methodName !== undefined && serviceName === undefined) {
    findings.invalid([...field, "methodName"], "A methodName needs a serviceName; the route is not served.");
    return undefined;
  }
  if (!checkHeaderMatches(findings, [...field, "metadata"], match.metadata)) return undefined;
  const headers = translateHeaders(match.metadata);
  return {
    path:
      serviceName === undefined
        ? { kind: "prefix", value: "/" }
        : methodName === undefined
          ? { kind: "prefix", value: `/${serviceName}/` }
          : { kind: "exact", value: `/${serviceName}/${methodName}` },
    grpc: true,
    ...(headers.length === 0 ? {} : { headers }),
  };
}
