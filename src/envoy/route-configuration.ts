import { create } from "@bufbuild/protobuf";
import {
  type RouteConfiguration,
  RouteConfigurationSchema,
  VhdsSchema,
} from "@diolkos/envoy-api/envoy/config/route/v3/route_pb.js";
import { adsSource } from "./ads.ts";

/** A route table whose hosts all arrive one by one. */
export function buildRouteConfiguration(name: string): RouteConfiguration {
  return create(RouteConfigurationSchema, { name, vhds: create(VhdsSchema, { configSource: adsSource() }) });
}
