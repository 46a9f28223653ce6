import { createRegistry } from "@bufbuild/protobuf";
import { BytesValueSchema, EmptySchema, StringValueSchema, StructSchema } from "@bufbuild/protobuf/wkt";
import {
  FilterConfigSchema as RouteFilterConfigSchema,
  RouteListSchema,
} from "@diolkos/envoy-api/envoy/config/route/v3/route_components_pb.js";
import { ClusterConfigSchema } from "@diolkos/envoy-api/envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster_pb.js";
import { FilterConfigSchema as ForwardProxySchema } from "@diolkos/envoy-api/envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy_pb.js";
import { RouterSchema } from "@diolkos/envoy-api/envoy/extensions/filters/http/router/v3/router_pb.js";
import { WasmSchema } from "@diolkos/envoy-api/envoy/extensions/filters/http/wasm/v3/wasm_pb.js";
import { TlsInspectorSchema } from "@diolkos/envoy-api/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.js";
import { HttpConnectionManagerSchema } from "@diolkos/envoy-api/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { TcpProxySchema } from "@diolkos/envoy-api/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js";
import { PreviousHostsPredicateSchema } from "@diolkos/envoy-api/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.js";
import { DownstreamTlsContextSchema } from "@diolkos/envoy-api/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import { HttpProtocolOptionsSchema } from "@diolkos/envoy-api/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js";
import { HttpRequestHeaderMatchInputSchema } from "@diolkos/envoy-api/envoy/type/matcher/v3/http_inputs_pb.js";

/** Every message that we pack into an Any; printing resources as JSON needs to know them. */
export const typeRegistry = createRegistry(
  RouteListSchema,
  RouteFilterConfigSchema,
  ClusterConfigSchema,
  ForwardProxySchema,
  RouterSchema,
  WasmSchema,
  TlsInspectorSchema,
  HttpConnectionManagerSchema,
  TcpProxySchema,
  PreviousHostsPredicateSchema,
  DownstreamTlsContextSchema,
  HttpProtocolOptionsSchema,
  HttpRequestHeaderMatchInputSchema,
  StringValueSchema,
  BytesValueSchema,
  StructSchema,
  EmptySchema,
);
