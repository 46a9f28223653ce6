import { create, type JsonObject } from "@bufbuild/protobuf";
import { type Any, AnySchema, BoolValueSchema } from "@bufbuild/protobuf/wkt";
import {
  DataSourceSchema,
  type Metadata,
  MetadataSchema,
} from "@diolkos/envoy-api/envoy/config/core/v3/base_pb.js";
import {
  DirectResponseActionSchema,
  type Route as EnvoyRoute,
  type RedirectAction,
  RedirectActionSchema,
  RedirectAction_RedirectResponseCode as RedirectCode,
  type RouteAction,
  type RouteAction_HashPolicy,
  RouteAction_HashPolicy_ConnectionPropertiesSchema,
  RouteAction_HashPolicy_CookieSchema,
  RouteAction_HashPolicy_HeaderSchema,
  RouteAction_HashPolicy_QueryParameterSchema,
  RouteAction_HashPolicySchema,
  RouteAction_UpgradeConfigSchema,
  RouteActionSchema,
  RouteSchema,
  WeightedCluster_ClusterWeightSchema,
  WeightedClusterSchema,
} from "@diolkos/envoy-api/envoy/config/route/v3/route_components_pb.js";
import {
  RegexMatchAndSubstituteSchema,
  RegexMatcherSchema,
} from "@diolkos/envoy-api/envoy/type/matcher/v3/regex_pb.js";
import type {
  Forward,
  HashPolicy,
  HeaderOperation,
  PathMatch,
  PathRewrite,
  Redirect,
  Reply,
  Route,
} from "#model/route.ts";
import { duration } from "./any.ts";
import { buildHeaderOperations } from "./header-operations.ts";
import { programMarkHeader } from "./module/module-filter.ts";
import { type PathVariant, pathVariants } from "./path-rewrite.ts";
import { buildRetryPolicy } from "./retry-policy.ts";
import { buildRouteMatch } from "./route-match.ts";

/** A cluster that never exists: its share of a route answers 503 (Envoy's default for an unknown cluster). */
export const unavailableCluster = "diolkos.unavailable";

/** What policies add to a route, beside what the model says itself. */
export interface RouteAdditions {
  /** For the `diolkos` namespace of the route's metadata. */
  readonly metadata?: JsonObject;
  /** Envoy filters of the fixed chain that this route switches on, by name. */
  readonly filters: ReadonlyMap<string, Any>;
  readonly requestHeaders: readonly HeaderOperation[];
  readonly responseHeaders: readonly HeaderOperation[];
  /** In place of the route's own change of the path. */
  readonly path?: PathRewrite;
  /** The route's program changes what routes are chosen by, and marks the request with this when it is done. */
  readonly mark?: string;
}

/** An Envoy route with the path match that it was made for, which the order of a large table goes by. */
export interface BuiltRoute {
  readonly path: PathMatch;
  readonly route: EnvoyRoute;
}

/**
 * Envoy chooses the route again after a program has changed the request. The twin of such a route, which must come before
 * all others, is chosen by the program's mark alone, so that a request stays where it was.
 */
export function buildTwins(route: Route, additions: RouteAdditions): readonly BuiltRoute[] {
  if (additions.mark === undefined) return [];
  const { path } = route.match;
  const mark = { name: programMarkHeader, match: { kind: "exact", value: additions.mark } } as const;
  const unmark = { op: "remove", name: programMarkHeader, value: "" } as const;
  const requestHeaders = [...additions.requestHeaders, unmark];
  return buildRoutes({ ...route, match: { path, headers: [mark] } }, { ...additions, requestHeaders });
}

/** The Envoy routes of one model route, the more specific ones first. */
export function buildRoutes(route: Route, additions: RouteAdditions): readonly BuiltRoute[] {
  const { action } = route;
  const rewrite = action.kind === "reply" ? undefined : (additions.path ?? action.path);
  return pathVariants(route.match.path, rewrite).map((variant) => ({
    path: variant.path,
    route: buildRoute(route, variant, additions),
  }));
}

function buildRoute(route: Route, variant: PathVariant, additions: RouteAdditions): EnvoyRoute {
  const { action } = route;
  const forward = action.kind === "forward" ? action : undefined;
  const request = buildHeaderOperations([...(forward?.requestHeaders ?? []), ...additions.requestHeaders]);
  const own =
    action.kind === "redirect" ? [] : action.kind === "reply" ? action.headers : action.responseHeaders;
  const response = buildHeaderOperations([...(own ?? []), ...additions.responseHeaders]);
  return create(RouteSchema, {
    name: route.name,
    match: buildRouteMatch(route.match, variant.path),
    action: buildAction(route, variant),
    requestHeadersToAdd: request.add,
    requestHeadersToRemove: request.remove,
    responseHeadersToAdd: response.add,
    responseHeadersToRemove: response.remove,
    typedPerFilterConfig: Object.fromEntries(additions.filters),
    ...(additions.metadata === undefined ? {} : { metadata: buildMetadata(additions.metadata) }),
  });
}

function buildMetadata(fields: JsonObject): Metadata {
  return create(MetadataSchema, { filterMetadata: { diolkos: fields } });
}

function buildAction(route: Route, variant: PathVariant): NonNullable<EnvoyRoute["action"]> {
  const { action } = route;
  switch (action.kind) {
    case "reply":
      return { case: "directResponse", value: buildReply(action) };
    case "redirect":
      return { case: "redirect", value: buildRedirect(action, variant) };
    case "forward":
      if (action.backends.every((backend) => backend.weight === 0)) {
        // Envoy refuses a route whose weights add up to nothing.
        return { case: "directResponse", value: buildReply({ kind: "reply", status: 503 }) };
      }
      return { case: "route", value: buildForward(action, variant) };
  }
}

function buildReply(reply: Reply) {
  return create(DirectResponseActionSchema, {
    status: reply.status,
    ...(reply.body === undefined
      ? {}
      : { body: create(DataSourceSchema, { specifier: { case: "inlineString", value: reply.body } }) }),
  });
}

const redirectCodes = {
  301: RedirectCode.MOVED_PERMANENTLY,
  302: RedirectCode.FOUND,
  303: RedirectCode.SEE_OTHER,
  307: RedirectCode.TEMPORARY_REDIRECT,
  308: RedirectCode.PERMANENT_REDIRECT,
} as const;

function buildRedirect(redirect: Redirect, variant: PathVariant): RedirectAction {
  const path = (): RedirectAction["pathRewriteSpecifier"] => {
    if (variant.rewrite === undefined) return { case: undefined };
    if (variant.rewrite.kind === "prefix") return { case: "prefixRewrite", value: variant.rewrite.value };
    return { case: "regexRewrite", value: buildRegexRewrite(variant.rewrite) };
  };
  return create(RedirectActionSchema, {
    responseCode: redirectCodes[redirect.status],
    hostRedirect: redirect.host ?? "",
    portRedirect: redirect.port ?? 0,
    schemeRewriteSpecifier:
      redirect.scheme === undefined
        ? { case: undefined }
        : { case: "schemeRedirect", value: redirect.scheme },
    pathRewriteSpecifier: path(),
  });
}

function buildRegexRewrite(rewrite: { pattern: string; substitution: string }) {
  return create(RegexMatchAndSubstituteSchema, {
    pattern: create(RegexMatcherSchema, { regex: rewrite.pattern }),
    substitution: rewrite.substitution,
  });
}

function buildForward(forward: Forward, variant: PathVariant): RouteAction {
  const { timeouts, retry, host } = forward;
  const perTry = timeouts.perTry === undefined ? {} : { perTryTimeoutMs: timeouts.perTry };
  return create(RouteActionSchema, {
    clusterSpecifier: buildDestination(forward),
    ...(variant.rewrite?.kind === "prefix" ? { prefixRewrite: variant.rewrite.value } : {}),
    ...(variant.rewrite?.kind === "regex" ? { regexRewrite: buildRegexRewrite(variant.rewrite) } : {}),
    ...(timeouts.request === undefined ? {} : { timeout: duration(timeouts.request) }),
    ...(timeouts.idle === undefined ? {} : { idleTimeout: duration(timeouts.idle) }),
    ...(retry === undefined
      ? {}
      : { retryPolicy: buildRetryPolicy({ ...retry, ...perTry }, timeouts.perTryIdle) }),
    hostRewriteSpecifier:
      host === undefined
        ? { case: undefined }
        : host === "upstream-address"
          ? { case: "autoHostRewrite", value: create(BoolValueSchema, { value: true }) }
          : { case: "hostRewriteLiteral", value: host.value },
    hashPolicy: (forward.hash ?? []).map(buildHashPolicy),
    ...(forward.websocket ? {} : { upgradeConfigs: noWebsocket }),
  });
}

const noWebsocket = [create(RouteAction_UpgradeConfigSchema, { upgradeType: "websocket", enabled: false })];

function buildDestination(forward: Forward): NonNullable<RouteAction["clusterSpecifier"]> {
  const [only, ...others] = forward.backends;
  if (only !== undefined && others.length === 0 && only.requestHeaders === undefined) {
    return { case: "cluster", value: only.cluster ?? unavailableCluster };
  }
  return {
    case: "weightedClusters",
    value: create(WeightedClusterSchema, {
      clusters: forward.backends.map((backend) => {
        const headers = buildHeaderOperations(backend.requestHeaders ?? []);
        return create(WeightedCluster_ClusterWeightSchema, {
          name: backend.cluster ?? unavailableCluster,
          weight: backend.weight,
          requestHeadersToAdd: headers.add,
          requestHeadersToRemove: headers.remove,
        });
      }),
    }),
  };
}

function buildHashPolicy(hash: HashPolicy): RouteAction_HashPolicy {
  const specifier = (): NonNullable<RouteAction_HashPolicy["policySpecifier"]> => {
    switch (hash.on) {
      case "ip":
        return {
          case: "connectionProperties",
          value: create(RouteAction_HashPolicy_ConnectionPropertiesSchema, { sourceIp: true }),
        };
      case "header":
        return {
          case: "header",
          value: create(RouteAction_HashPolicy_HeaderSchema, { headerName: hash.name }),
        };
      case "query":
        return {
          case: "queryParameter",
          value: create(RouteAction_HashPolicy_QueryParameterSchema, { name: hash.name }),
        };
      case "cookie":
        return {
          case: "cookie",
          // A time to live of 0 makes Envoy give out a session cookie.
          value: create(RouteAction_HashPolicy_CookieSchema, {
            name: hash.name,
            path: hash.path,
            ttl: duration(0),
          }),
        };
      case "path":
        return {
          case: "header",
          value: create(RouteAction_HashPolicy_HeaderSchema, { headerName: ":path" }),
        };
    }
  };
  return create(RouteAction_HashPolicySchema, {
    policySpecifier: specifier(),
    terminal: hash.terminal ?? false,
  });
}

/** An empty configuration, which switches a disabled filter on for a route. */
export const emptyAny: Any = create(AnySchema);
