import { createRegistry, type DescMessage, fromJson, type JsonValue, toBinary } from "@bufbuild/protobuf";
import { ClusterSchema } from "@diolkos/envoy-api/envoy/config/cluster/v3/cluster_pb.js";
import { TypedExtensionConfigSchema } from "@diolkos/envoy-api/envoy/config/core/v3/extension_pb.js";
import { ClusterLoadAssignmentSchema } from "@diolkos/envoy-api/envoy/config/endpoint/v3/endpoint_pb.js";
import { ListenerSchema } from "@diolkos/envoy-api/envoy/config/listener/v3/listener_pb.js";
import { VirtualHostSchema } from "@diolkos/envoy-api/envoy/config/route/v3/route_components_pb.js";
import { RouteConfigurationSchema } from "@diolkos/envoy-api/envoy/config/route/v3/route_pb.js";
import { RouterSchema } from "@diolkos/envoy-api/envoy/extensions/filters/http/router/v3/router_pb.js";
import { HttpConnectionManagerSchema } from "@diolkos/envoy-api/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { TcpProxySchema } from "@diolkos/envoy-api/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js";
import { SecretSchema } from "@diolkos/envoy-api/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import {
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from "@diolkos/envoy-api/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import { contentVersion, type Resource, type ResourceType } from "./resource.ts";

const schemas: Record<ResourceType, DescMessage> = {
  cluster: ClusterSchema,
  endpoints: ClusterLoadAssignmentSchema,
  secret: SecretSchema,
  extension: TypedExtensionConfigSchema,
  listener: ListenerSchema,
  routes: RouteConfigurationSchema,
  virtualHost: VirtualHostSchema,
};
const registry = createRegistry(
  RouterSchema,
  HttpConnectionManagerSchema,
  TcpProxySchema,
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
  ...Object.values(schemas),
);
const ads = { ads: {}, resourceApiVersion: "V3" };

/** A resource written as JSON, for tests. */
export function sample(scope: string, type: ResourceType, name: string, json: JsonValue): Resource {
  const schema = schemas[type];
  const body = toBinary(schema, fromJson(schema, json, { registry }));
  return { scope, type, name, version: contentVersion(body), body, origins: [] };
}

export function sampleListener(scope: string, name: string, port: number, table: string): Resource {
  return sample(scope, "listener", name, {
    name,
    address: { socketAddress: { address: "127.0.0.1", portValue: port } },
    filterChains: [
      {
        filters: [
          {
            name: "hcm",
            typedConfig: {
              "@type":
                "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
              statPrefix: name,
              rds: { routeConfigName: table, configSource: ads },
              httpFilters: [
                {
                  name: "router",
                  typedConfig: {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
                  },
                },
              ],
            },
          },
        ],
      },
    ],
  });
}

export function sampleRoutes(scope: string, name: string): Resource {
  return sample(scope, "routes", name, { name, vhds: { configSource: ads } });
}

/** A host whose every path answers 200 with a text. */
export function sampleHost(scope: string, table: string, host: string, text: string): Resource {
  const name = `${table}/${host}`;
  return sample(scope, "virtualHost", name, {
    name,
    domains: [host],
    routes: [{ match: { prefix: "/" }, directResponse: { status: 200, body: { inlineString: text } } }],
  });
}

/** A host whose every path goes to a cluster. */
export function sampleForward(scope: string, table: string, host: string, cluster: string): Resource {
  const name = `${table}/${host}`;
  return sample(scope, "virtualHost", name, {
    name,
    domains: [host],
    routes: [{ match: { prefix: "/" }, route: { cluster } }],
  });
}

export function sampleCluster(scope: string, name: string, more: Record<string, JsonValue> = {}): Resource {
  return sample(scope, "cluster", name, {
    name,
    type: "EDS",
    connectTimeout: "1s",
    edsClusterConfig: { edsConfig: ads, serviceName: `e-${name}` },
    ...more,
  });
}

export function sampleEndpoints(scope: string, cluster: string, ports: readonly number[]): Resource {
  const name = `e-${cluster}`;
  return sample(scope, "endpoints", name, {
    clusterName: name,
    endpoints: [
      {
        lbEndpoints: ports.map((portValue) => ({
          endpoint: { address: { socketAddress: { address: "127.0.0.1", portValue } } },
        })),
      },
    ],
  });
}
