import { create } from "@bufbuild/protobuf";
import {
  type RouteConfiguration,
  RouteConfigurationSchema,
  VhdsSchema,
} from "@diolkos/envoy-api/envoy/config/route/v3/route_pb.js";
import type { HttpListener } from "#model/listener.ts";
import { adsSource } from "./ads.ts";

/**
 * A route table whose hosts all arrive one by one. At the edge the port of a Host header does not count (Kong); in the
 * mesh it tells the virtual service.
 */
export function buildRouteConfiguration(listener: HttpListener): RouteConfiguration {
  return create(RouteConfigurationSchema, {
    name: listener.routeTable,
    vhds: create(VhdsSchema, { configSource: adsSource() }),
    ignorePortInHostMatching: listener.role === "edge",
  });
}
