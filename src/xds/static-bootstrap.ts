import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import {
  Bootstrap_StaticResourcesSchema,
  BootstrapSchema,
  LayeredRuntimeSchema,
  RuntimeLayerSchema,
} from "@diolkos/envoy-api/envoy/config/bootstrap/v3/bootstrap_pb.js";
import {
  type Cluster,
  ClusterSchema,
  Cluster_DiscoveryType as DiscoveryType,
} from "@diolkos/envoy-api/envoy/config/cluster/v3/cluster_pb.js";
import { ClusterLoadAssignmentSchema } from "@diolkos/envoy-api/envoy/config/endpoint/v3/endpoint_pb.js";
import { type Listener, ListenerSchema } from "@diolkos/envoy-api/envoy/config/listener/v3/listener_pb.js";
import { VirtualHostSchema } from "@diolkos/envoy-api/envoy/config/route/v3/route_components_pb.js";
import { RouteConfigurationSchema } from "@diolkos/envoy-api/envoy/config/route/v3/route_pb.js";
import { HttpConnectionManagerSchema } from "@diolkos/envoy-api/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { SecretSchema } from "@diolkos/envoy-api/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import { DownstreamTlsContextSchema } from "@diolkos/envoy-api/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import { pack } from "#envoy/any.ts";
import { runtimeDefaults } from "#envoy/bootstrap.ts";
import type { Resource } from "./resource.ts";

/**
 * One proxy's resources as a self-contained static bootstrap (binary, for a `.pb` file): what `envoy --mode validate`
 * reads. Route tables and endpoints stand inline; listeners of the module's data, which only ADS can fill, are left out.
 */
export function staticBootstrap(resources: readonly Resource[]): Uint8Array {
  const of = (type: Resource["type"]) => resources.filter((resource) => resource.type === type);
  const assignments = new Map(
    of("endpoints").map((one) => [one.name, fromBinary(ClusterLoadAssignmentSchema, one.body)] as const),
  );
  const clusters = of("cluster").map((one) => fromBinary(ClusterSchema, one.body));
  for (const cluster of clusters) inlineEndpoints(cluster, assignments);
  const listeners = of("listener")
    .map((one) => fromBinary(ListenerSchema, one.body))
    .filter((listener) => inlineRoutes(listener, resources));
  const secrets = of("secret").map((one) => fromBinary(SecretSchema, one.body));
  return toBinary(
    BootstrapSchema,
    create(BootstrapSchema, {
      staticResources: create(Bootstrap_StaticResourcesSchema, { clusters, listeners, secrets }),
      layeredRuntime: create(LayeredRuntimeSchema, {
        layers: [
          create(RuntimeLayerSchema, {
            name: "diolkos",
            layerSpecifier: { case: "staticLayer", value: { ...runtimeDefaults } },
          }),
        ],
      }),
    }),
  );
}

function inlineEndpoints(
  cluster: Cluster,
  assignments: ReadonlyMap<string, NonNullable<Cluster["loadAssignment"]>>,
): void {
  const name = cluster.edsClusterConfig?.serviceName;
  if (name === undefined) return;
  delete cluster.edsClusterConfig;
  cluster.clusterDiscoveryType = { case: "type", value: DiscoveryType.STATIC };
  cluster.loadAssignment =
    assignments.get(name) ?? create(ClusterLoadAssignmentSchema, { clusterName: cluster.name });
}

/** False for a listener that cannot stand alone. */
function inlineRoutes(listener: Listener, resources: readonly Resource[]): boolean {
  for (const { transportSocket } of listener.filterChains) {
    if (transportSocket?.configType.case !== "typedConfig") continue;
    const tls = anyUnpack(transportSocket.configType.value, DownstreamTlsContextSchema);
    // Without a source, a secret is looked for among the static ones.
    for (const secret of tls?.commonTlsContext?.tlsCertificateSdsSecretConfigs ?? []) delete secret.sdsConfig;
    if (tls !== undefined) transportSocket.configType.value = pack(DownstreamTlsContextSchema, tls);
  }
  for (const filter of listener.filterChains.flatMap((chain) => chain.filters)) {
    if (filter.configType.case !== "typedConfig") continue;
    const manager = anyUnpack(filter.configType.value, HttpConnectionManagerSchema);
    if (manager === undefined) continue;
    if (manager.httpFilters.some((one) => one.configType.case === "configDiscovery")) return false;
    if (manager.routeSpecifier.case !== "rds") continue;
    const table = manager.routeSpecifier.value.routeConfigName;
    manager.routeSpecifier = {
      case: "routeConfig",
      value: create(RouteConfigurationSchema, {
        name: table,
        virtualHosts: resources
          .filter((one) => one.type === "virtualHost" && one.name.startsWith(`${table}/`))
          .map((one) => fromBinary(VirtualHostSchema, one.body)),
        validateClusters: false,
      }),
    };
    filter.configType.value = pack(HttpConnectionManagerSchema, manager);
  }
  return true;
}
