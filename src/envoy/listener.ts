import { create } from "@bufbuild/protobuf";
import { TransportSocketSchema } from "@diolkos/envoy-api/envoy/config/core/v3/base_pb.js";
import {
  type Filter,
  type FilterChain,
  FilterChainMatchSchema,
  FilterChainSchema,
  FilterSchema,
  ListenerFilterSchema,
} from "@diolkos/envoy-api/envoy/config/listener/v3/listener_components_pb.js";
import {
  type Listener as EnvoyListener,
  ListenerSchema,
} from "@diolkos/envoy-api/envoy/config/listener/v3/listener_pb.js";
import { TlsInspectorSchema } from "@diolkos/envoy-api/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.js";
import {
  HttpConnectionManagerSchema,
  type HttpFilter,
} from "@diolkos/envoy-api/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { TcpProxySchema } from "@diolkos/envoy-api/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js";
import { SdsSecretConfigSchema } from "@diolkos/envoy-api/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import {
  CommonTlsContextSchema,
  DownstreamTlsContextSchema,
} from "@diolkos/envoy-api/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import type { HttpListener, Listener, ServerCertificate, TcpListener } from "#model/listener.ts";
import { adsSource } from "./ads.ts";
import { duration, pack } from "./any.ts";
import { buildHttpConnectionManager } from "./http-connection-manager.ts";
import { buildAddress } from "./load-assignment.ts";

/** A listener; `edgeFilters` is the fixed chain of feature filters of every edge listener. */
export function buildListener(listener: Listener, edgeFilters: readonly HttpFilter[]): EnvoyListener {
  const filter = listener.kind === "tcp" ? tcpFilter(listener) : httpFilter(listener, edgeFilters);
  const certificates = listener.kind === "http" ? (listener.certificates ?? []) : [];
  return create(ListenerSchema, {
    name: listener.name,
    statPrefix: listener.statPrefix,
    address: buildAddress(listener.address, listener.port),
    perConnectionBufferLimitBytes: 32768,
    ...(certificates.length === 0
      ? { filterChains: [create(FilterChainSchema, { name: "plain", filters: [filter] })] }
      : { listenerFilters: [tlsInspector], filterChains: certificates.map((one) => tlsChain(one, filter)) }),
  });
}

function httpFilter(listener: HttpListener, edgeFilters: readonly HttpFilter[]): Filter {
  const manager = buildHttpConnectionManager(listener, edgeFilters);
  return create(FilterSchema, {
    name: "envoy.filters.network.http_connection_manager",
    configType: { case: "typedConfig", value: pack(HttpConnectionManagerSchema, manager) },
  });
}

function tcpFilter(listener: TcpListener): Filter {
  const proxy = create(TcpProxySchema, {
    statPrefix: listener.statPrefix,
    clusterSpecifier: { case: "cluster", value: listener.cluster },
    ...(listener.idleTimeoutMs === undefined ? {} : { idleTimeout: duration(listener.idleTimeoutMs) }),
  });
  return create(FilterSchema, {
    name: "envoy.filters.network.tcp_proxy",
    configType: { case: "typedConfig", value: pack(TcpProxySchema, proxy) },
  });
}

const tlsInspector = create(ListenerFilterSchema, {
  name: "envoy.filters.listener.tls_inspector",
  configType: { case: "typedConfig", value: pack(TlsInspectorSchema, create(TlsInspectorSchema)) },
});

/** One chain per certificate, chosen by SNI; the one without hosts takes the rest. */
function tlsChain(certificate: ServerCertificate, filter: Filter): FilterChain {
  const context = create(DownstreamTlsContextSchema, {
    commonTlsContext: create(CommonTlsContextSchema, {
      alpnProtocols: ["h2", "http/1.1"],
      tlsCertificateSdsSecretConfigs: [
        create(SdsSecretConfigSchema, { name: certificate.secret, sdsConfig: adsSource() }),
      ],
    }),
  });
  return create(FilterChainSchema, {
    name: certificate.secret,
    filters: [filter],
    ...(certificate.hosts.length === 0
      ? {}
      : { filterChainMatch: create(FilterChainMatchSchema, { serverNames: [...certificate.hosts] }) }),
    transportSocket: create(TransportSocketSchema, {
      name: "envoy.transport_sockets.tls",
      configType: { case: "typedConfig", value: pack(DownstreamTlsContextSchema, context) },
    }),
  });
}
