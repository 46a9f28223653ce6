import { create } from "@bufbuild/protobuf";
import { AddressSchema, SocketAddressSchema } from "@diolkos/envoy-api/envoy/config/core/v3/address_pb.js";
import {
  type ConfigSource,
  ExtensionConfigSourceSchema,
} from "@diolkos/envoy-api/envoy/config/core/v3/config_source_pb.js";
import {
  type TypedExtensionConfig,
  TypedExtensionConfigSchema,
} from "@diolkos/envoy-api/envoy/config/core/v3/extension_pb.js";
import {
  FilterChainSchema,
  FilterSchema,
} from "@diolkos/envoy-api/envoy/config/listener/v3/listener_components_pb.js";
import { type Listener, ListenerSchema } from "@diolkos/envoy-api/envoy/config/listener/v3/listener_pb.js";
import { RouteConfigurationSchema } from "@diolkos/envoy-api/envoy/config/route/v3/route_pb.js";
import { RouterSchema } from "@diolkos/envoy-api/envoy/extensions/filters/http/router/v3/router_pb.js";
import { WasmSchema } from "@diolkos/envoy-api/envoy/extensions/filters/http/wasm/v3/wasm_pb.js";
import {
  HttpConnectionManagerSchema,
  type HttpFilter,
  HttpFilterSchema,
} from "@diolkos/envoy-api/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { pack } from "../any.ts";
import { credentialShardCount } from "./encode-credentials.ts";
import { buildWasm, type ModuleOptions } from "./module-filter.ts";

/** Name of the listener that carries the credentials. */
export const carrierListenerName = "diolkos.credentials";

/** Name of the ECDS resource of a shard. */
export function credentialExtensionName(shard: number): string {
  return `diolkos.credentials-${shard}`;
}

/** The ECDS resource of a shard (`encodeCredentialShard`). */
export function credentialExtension(
  shard: number,
  bytes: Uint8Array,
  options: ModuleOptions,
): TypedExtensionConfig {
  const name = credentialExtensionName(shard);
  return create(TypedExtensionConfigSchema, {
    name,
    typedConfig: pack(WasmSchema, buildWasm(name, options, bytes)),
  });
}

/**
 * A listener that opens no port and never sees a request: its filters only bring the shards of credentials into the
 * memory of the workers' machines. So a new key is one ECDS resource, and no listener with traffic ever drains for it.
 * Envoy waits for all of the resources, so each shard must be served, the empty ones too.
 */
export function carrierListener(source: ConfigSource): Listener {
  const manager = create(HttpConnectionManagerSchema, {
    statPrefix: "diolkos_credentials",
    routeSpecifier: { case: "routeConfig", value: create(RouteConfigurationSchema) },
    httpFilters: [...Array(credentialShardCount).keys()]
      .map((shard) => shardFilter(shard, source))
      .concat(router),
  });
  return create(ListenerSchema, {
    name: carrierListenerName,
    statPrefix: "diolkos_credentials",
    address: create(AddressSchema, {
      address: {
        case: "socketAddress",
        value: create(SocketAddressSchema, {
          address: "127.0.0.1",
          portSpecifier: { case: "portValue", value: 1 },
        }),
      },
    }),
    bindToPort: false,
    filterChains: [
      create(FilterChainSchema, {
        filters: [
          create(FilterSchema, {
            name: "envoy.filters.network.http_connection_manager",
            configType: { case: "typedConfig", value: pack(HttpConnectionManagerSchema, manager) },
          }),
        ],
      }),
    ],
  });
}

function shardFilter(shard: number, source: ConfigSource): HttpFilter {
  return create(HttpFilterSchema, {
    name: credentialExtensionName(shard),
    configType: {
      case: "configDiscovery",
      value: create(ExtensionConfigSourceSchema, {
        configSource: source,
        typeUrls: [`type.googleapis.com/${WasmSchema.typeName}`],
      }),
    },
  });
}

const router = create(HttpFilterSchema, {
  name: "envoy.filters.http.router",
  configType: { case: "typedConfig", value: pack(RouterSchema, create(RouterSchema)) },
});
