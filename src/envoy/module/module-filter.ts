import { create } from "@bufbuild/protobuf";
import { WireType } from "@bufbuild/protobuf/wire";
import { type Any, AnySchema, type BytesValue, BytesValueSchema } from "@bufbuild/protobuf/wkt";
import { AsyncDataSourceSchema, DataSourceSchema } from "@diolkos/envoy-api/envoy/config/core/v3/base_pb.js";
import { FilterConfigSchema } from "@diolkos/envoy-api/envoy/config/route/v3/route_components_pb.js";
import { type Wasm, WasmSchema } from "@diolkos/envoy-api/envoy/extensions/filters/http/wasm/v3/wasm_pb.js";
import {
  type HttpFilter,
  HttpFilterSchema,
} from "@diolkos/envoy-api/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import {
  type PluginConfig,
  PluginConfigSchema,
  VmConfigSchema,
} from "@diolkos/envoy-api/envoy/extensions/wasm/v3/wasm_pb.js";
import { pack } from "../any.ts";

/** Name of the filter that runs the programs of routes. */
export const moduleFilterName = "diolkos.module";

/**
 * Header with a program's `mark`. A twin route matches it and takes it away. Envoy itself removes this header from what
 * clients send (as long as no client counts as internal), so nobody else can choose a twin.
 */
export const programMarkHeader = "x-envoy-ip-tags";

export interface ModuleOptions {
  /** Where Envoy finds `diolkos.wasm`. */
  readonly wasmPath: string;
}

/** The filter of the gateway's chain. It is off; a route with a program switches it on by `enableModule`. */
export function moduleFilter(options: ModuleOptions): HttpFilter {
  return create(HttpFilterSchema, {
    name: moduleFilterName,
    disabled: true,
    configType: { case: "typedConfig", value: pack(WasmSchema, buildWasm(moduleFilterName, options)) },
  });
}

/** For a route's per-filter configuration: switches the module on there, which other routes do not pay for. */
export function enableModule(): Any {
  // An empty configuration means "as in the chain, but on".
  return pack(FilterConfigSchema, create(FilterConfigSchema, { config: create(AnySchema) }));
}

/**
 * A Wasm filter with our module. All have the same machine (id, code and configuration), so each worker runs them in one:
 * what the carriers bring is there for the filter of the chain, and counters last as long as one of them is left.
 */
export function buildWasm(name: string, options: ModuleOptions, configuration?: Uint8Array): Wasm {
  const config = create(PluginConfigSchema, {
    name,
    vm: {
      case: "vmConfig",
      value: create(VmConfigSchema, {
        vmId: "diolkos",
        runtime: "envoy.wasm.runtime.v8",
        code: create(AsyncDataSourceSchema, {
          specifier: {
            case: "local",
            value: create(DataSourceSchema, { specifier: { case: "filename", value: options.wasmPath } }),
          },
        }),
      }),
    },
    ...(configuration === undefined ? {} : { configuration: packBytes(configuration) }),
  });
  reloadAfterTraps(config);
  return create(WasmSchema, { config });
}

function packBytes(value: Uint8Array): Any {
  const bytes: BytesValue = create(BytesValueSchema, { value });
  return pack(BytesValueSchema, bytes);
}

/** `failure_policy: FAIL_RELOAD` is newer than the API that we generate from: field 7 of PluginConfig, value 1. */
function reloadAfterTraps(config: PluginConfig): void {
  config.$unknown = [{ no: 7, wireType: WireType.Varint, data: Uint8Array.of(1) }];
}
