import { create } from "@bufbuild/protobuf";
import {
  type VirtualHost as EnvoyVirtualHost,
  RouteListSchema,
  VirtualHostSchema,
} from "@diolkos/envoy-api/envoy/config/route/v3/route_components_pb.js";
import { HttpRequestHeaderMatchInputSchema } from "@diolkos/envoy-api/envoy/type/matcher/v3/http_inputs_pb.js";
import { TypedExtensionConfigSchema as XdsExtensionSchema } from "@diolkos/envoy-api/xds/core/v3/extension_pb.js";
import {
  type Matcher,
  Matcher_MatcherTree_MatchMapSchema,
  Matcher_MatcherTreeSchema,
  Matcher_OnMatchSchema,
  MatcherSchema,
} from "@diolkos/envoy-api/xds/type/matcher/v3/matcher_pb.js";
import type { Route, VirtualHost } from "#model/route.ts";
import { pack } from "./any.ts";
import { linearLimit, pathBuckets } from "./path-buckets.ts";
import { buildRetryPolicy } from "./retry-policy.ts";
import { type BuiltRoute, buildRoutes, buildTwins, type RouteAdditions } from "./route.ts";

/** The resource name of a virtual host; VHDS wants the message's own name to be the same. */
export function virtualHostName(host: { readonly routeTable: string; readonly name: string }): string {
  return `${host.routeTable}/${host.name}`;
}

/** One host of a route table: linear when short, cut by path prefix when long. */
export function buildVirtualHost(
  host: VirtualHost,
  additions: (route: Route) => RouteAdditions,
): EnvoyVirtualHost {
  const parts = host.routes.map((route) => [route, additions(route)] as const);
  const twins = parts.flatMap(([route, added]) => buildTwins(route, added));
  const routes = [...twins, ...parts.flatMap(([route, added]) => buildRoutes(route, added))];
  return create(VirtualHostSchema, {
    name: virtualHostName(host),
    domains: [...host.domains],
    ...(host.retry === undefined ? {} : { retryPolicy: buildRetryPolicy(host.retry) }),
    ...(routes.length > linearLimit
      ? { matcher: buildMatcher(routes) }
      : { routes: routes.map((built) => built.route) }),
  });
}

function buildMatcher(routes: readonly BuiltRoute[]): Matcher {
  const map = Object.fromEntries(
    pathBuckets(routes.map((built) => built.path)).map((bucket) => {
      const members = bucket.routes.flatMap((at) => routes[at]?.route ?? []);
      const action = create(XdsExtensionSchema, {
        name: "routes",
        typedConfig: pack(RouteListSchema, create(RouteListSchema, { routes: members })),
      });
      return [bucket.prefix, create(Matcher_OnMatchSchema, { onMatch: { case: "action", value: action } })];
    }),
  );
  return create(MatcherSchema, {
    matcherType: {
      case: "matcherTree",
      value: create(Matcher_MatcherTreeSchema, {
        input: create(XdsExtensionSchema, {
          name: "path",
          typedConfig: pack(
            HttpRequestHeaderMatchInputSchema,
            create(HttpRequestHeaderMatchInputSchema, { headerName: ":path" }),
          ),
        }),
        treeType: { case: "prefixMatchMap", value: create(Matcher_MatcherTree_MatchMapSchema, { map }) },
      }),
    },
  });
}
