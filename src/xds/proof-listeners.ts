import { create, type DescMessage, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { AddressSchema, SocketAddressSchema } from "@diolkos/envoy-api/envoy/config/core/v3/address_pb.js";
import {
  FilterChainSchema,
  FilterSchema,
} from "@diolkos/envoy-api/envoy/config/listener/v3/listener_components_pb.js";
import { ListenerSchema } from "@diolkos/envoy-api/envoy/config/listener/v3/listener_pb.js";
import { RouteConfigurationSchema, VhdsSchema } from "@diolkos/envoy-api/envoy/config/route/v3/route_pb.js";
import { RouterSchema } from "@diolkos/envoy-api/envoy/extensions/filters/http/router/v3/router_pb.js";
import {
  HttpConnectionManagerSchema,
  HttpFilterSchema,
  RdsSchema,
} from "@diolkos/envoy-api/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { adsSource } from "#envoy/ads.ts";
import { proofRoutes, proofTable } from "./proof.ts";
import { proverScope } from "./proxy-node.ts";
import { contentVersion, type Resource, type ResourceType } from "./resource.ts";

/** What the prover always has: two listeners that bind nothing, one whose hosts and one whose whole route table are
 * replaced by what is to be proven. */
export function buildProofListeners(): readonly Resource[] {
  return [
    listener(proofTable, 65_534),
    listener(proofRoutes, 65_535),
    resource(
      "routes",
      proofTable,
      RouteConfigurationSchema,
      create(RouteConfigurationSchema, {
        name: proofTable,
        vhds: create(VhdsSchema, { configSource: adsSource() }),
      }),
    ),
  ];
}

function listener(routeTable: string, port: number): Resource {
  const manager = create(HttpConnectionManagerSchema, {
    statPrefix: routeTable,
    routeSpecifier: {
      case: "rds",
      value: create(RdsSchema, { routeConfigName: routeTable, configSource: adsSource() }),
    },
    httpFilters: [
      create(HttpFilterSchema, {
        name: "envoy.filters.http.router",
        configType: { case: "typedConfig", value: anyPack(RouterSchema, create(RouterSchema)) },
      }),
    ],
  });
  const filter = create(FilterSchema, {
    name: "envoy.filters.network.http_connection_manager",
    configType: { case: "typedConfig", value: anyPack(HttpConnectionManagerSchema, manager) },
  });
  const address = create(SocketAddressSchema, {
    address: "127.0.0.1",
    portSpecifier: { case: "portValue", value: port },
  });
  return resource(
    "listener",
    routeTable,
    ListenerSchema,
    create(ListenerSchema, {
      name: routeTable,
      address: create(AddressSchema, { address: { case: "socketAddress", value: address } }),
      bindToPort: false,
      filterChains: [create(FilterChainSchema, { filters: [filter] })],
    }),
  );
}

function resource<Desc extends DescMessage>(
  type: ResourceType,
  name: string,
  schema: Desc,
  message: MessageShape<Desc>,
): Resource {
  const body = toBinary(schema, message);
  return { scope: proverScope, type, name, version: contentVersion(body), body, origins: [] };
}
