import { create } from "@bufbuild/protobuf";
import { HttpProtocolOptionsSchema } from "@diolkos/envoy-api/envoy/config/core/v3/protocol_pb.js";
import { FilterConfigSchema as ForwardProxySchema } from "@diolkos/envoy-api/envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy_pb.js";
import { RouterSchema } from "@diolkos/envoy-api/envoy/extensions/filters/http/router/v3/router_pb.js";
import {
  HttpConnectionManager_PathWithEscapedSlashesAction as EscapedSlashes,
  type HttpConnectionManager,
  HttpConnectionManager_UpgradeConfigSchema,
  HttpConnectionManagerSchema,
  type HttpFilter,
  HttpFilterSchema,
  RdsSchema,
  HttpConnectionManager_ServerHeaderTransformation as ServerHeader,
} from "@diolkos/envoy-api/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import type { HttpListener } from "#model/listener.ts";
import { adsSource } from "./ads.ts";
import { duration, pack } from "./any.ts";
import { dnsCache } from "./dns-cache.ts";
import { buildLocalReplies } from "./local-replies.ts";

/**
 * The HTTP part of a listener. Nothing here depends on routes or features: a changed listener drains its connections, so
 * the edge's filters are always all there, disabled, and a route switches on what it needs.
 */
export function buildHttpConnectionManager(
  listener: HttpListener,
  edgeFilters: readonly HttpFilter[],
): HttpConnectionManager {
  const edge = listener.role === "edge";
  return create(HttpConnectionManagerSchema, {
    statPrefix: listener.statPrefix,
    routeSpecifier: {
      case: "rds",
      value: create(RdsSchema, { routeConfigName: listener.routeTable, configSource: adsSource() }),
    },
    httpFilters: [
      ...(edge ? edgeFilters : []),
      ...(listener.role === "mesh-egress" ? [forwardProxyFilter] : []),
      edge ? leanRouter : meshRouter,
    ],
    upgradeConfigs: [create(HttpConnectionManager_UpgradeConfigSchema, { upgradeType: "websocket" })],
    ...(edge || listener.normalizePaths === true
      ? {
          normalizePath: true,
          mergeSlashes: true,
          pathWithEscapedSlashesAction: EscapedSlashes.KEEP_UNCHANGED,
        }
      : {}),
    ...(edge
      ? {
          useRemoteAddress: true,
          generateRequestId: false,
          serverHeaderTransformation: ServerHeader.PASS_THROUGH,
          localReplyConfig: buildLocalReplies(),
        }
      : {}),
    ...(listener.idleTimeoutMs === undefined
      ? {}
      : {
          commonHttpProtocolOptions: create(HttpProtocolOptionsSchema, {
            idleTimeout: duration(listener.idleTimeoutMs),
          }),
        }),
  });
}

/** At the edge: no Envoy headers and no per-route counters, which cost 6 % of a request's instructions. */
const leanRouter = create(HttpFilterSchema, {
  name: "envoy.filters.http.router",
  configType: {
    case: "typedConfig",
    value: pack(RouterSchema, create(RouterSchema, { suppressEnvoyHeaders: true, dynamicStats: false })),
  },
});

/** In the mesh: Envoy's defaults, whose counters and headers App Mesh users watch. */
const meshRouter = create(HttpFilterSchema, {
  name: "envoy.filters.http.router",
  configType: { case: "typedConfig", value: pack(RouterSchema, create(RouterSchema)) },
});

/** Resolves hosts outside of the mesh; has an effect only for routes to a forward-proxy cluster. */
const forwardProxyFilter = create(HttpFilterSchema, {
  name: "envoy.filters.http.dynamic_forward_proxy",
  configType: {
    case: "typedConfig",
    value: pack(
      ForwardProxySchema,
      create(ForwardProxySchema, { implementationSpecifier: { case: "dnsCacheConfig", value: dnsCache() } }),
    ),
  },
});
