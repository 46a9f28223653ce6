import { create } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import {
  CircuitBreakers_ThresholdsSchema,
  CircuitBreakersSchema,
} from "@diolkos/envoy-api/envoy/config/cluster/v3/circuit_breaker_pb.js";
import {
  Cluster_CustomClusterTypeSchema,
  Cluster_EdsClusterConfigSchema,
  Cluster_RingHashLbConfigSchema,
  ClusterSchema,
  Cluster_DiscoveryType as DiscoveryType,
  type Cluster as EnvoyCluster,
  Cluster_LbPolicy as LbPolicy,
  Cluster_DnsLookupFamily as LookupFamily,
} from "@diolkos/envoy-api/envoy/config/cluster/v3/cluster_pb.js";
import { OutlierDetectionSchema } from "@diolkos/envoy-api/envoy/config/cluster/v3/outlier_detection_pb.js";
import {
  type HealthCheck as EnvoyHealthCheck,
  HealthCheck_GrpcHealthCheckSchema,
  HealthCheck_HttpHealthCheckSchema,
  HealthCheck_TcpHealthCheckSchema,
  HealthCheckSchema,
} from "@diolkos/envoy-api/envoy/config/core/v3/health_check_pb.js";
import {
  Http1ProtocolOptionsSchema,
  Http2ProtocolOptionsSchema,
  UpstreamHttpProtocolOptionsSchema,
} from "@diolkos/envoy-api/envoy/config/core/v3/protocol_pb.js";
import { ClusterConfigSchema } from "@diolkos/envoy-api/envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster_pb.js";
import {
  type HttpProtocolOptions,
  HttpProtocolOptions_ExplicitHttpConfigSchema,
  HttpProtocolOptions_UseDownstreamHttpConfigSchema,
  HttpProtocolOptionsSchema,
} from "@diolkos/envoy-api/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js";
import { CodecClientType } from "@diolkos/envoy-api/envoy/type/v3/http_pb.js";
import type { Cluster, Discovery, HealthCheck } from "#model/cluster.ts";
import { adsSource } from "./ads.ts";
import { count, duration, pack } from "./any.ts";
import { dnsCache } from "./dns-cache.ts";
import { buildLoadAssignment } from "./load-assignment.ts";

/** One cluster; endpoints of an `endpoints` discovery travel apart, under the discovery's key. */
export function buildCluster(cluster: Cluster): EnvoyCluster {
  const { circuitBreaker, healthCheck, outlierDetection } = cluster;
  return create(ClusterSchema, {
    name: cluster.name,
    connectTimeout: duration(cluster.connectTimeoutMs),
    ...buildDiscovery(cluster),
    typedExtensionProtocolOptions: protocolOptions(cluster),
    perConnectionBufferLimitBytes: 32768,
    ...(circuitBreaker === undefined
      ? { circuitBreakers: unlimited }
      : { circuitBreakers: create(CircuitBreakersSchema, { thresholds: [thresholds(circuitBreaker)] }) }),
    ...(healthCheck === undefined
      ? {}
      : {
          healthChecks: [buildHealthCheck(healthCheck)],
          // An endpoint that is gone is gone; Envoy would go on with it until its checks fail.
          ignoreHealthOnHostRemoval: cluster.discovery.kind === "endpoints",
        }),
    ...(outlierDetection === undefined
      ? {}
      : {
          outlierDetection: create(OutlierDetectionSchema, {
            consecutive5xx: count(outlierDetection.consecutive5xx),
            interval: duration(outlierDetection.intervalMs),
            baseEjectionTime: duration(outlierDetection.baseEjectionMs),
            maxEjectionPercent: outlierDetection.maxEjectionPercent,
          }),
        }),
  });
}

type DiscoveryFields = Partial<
  Pick<
    EnvoyCluster,
    | "clusterDiscoveryType"
    | "dnsLookupFamily"
    | "edsClusterConfig"
    | "loadAssignment"
    | "lbPolicy"
    | "lbConfig"
  >
>;

function buildDiscovery(cluster: Cluster): DiscoveryFields {
  const { discovery } = cluster;
  switch (discovery.kind) {
    case "endpoints":
      return {
        clusterDiscoveryType: { case: "type", value: DiscoveryType.EDS },
        edsClusterConfig: create(Cluster_EdsClusterConfigSchema, {
          edsConfig: adsSource(),
          serviceName: discovery.key,
        }),
        ...buildLoadBalancing(cluster),
      };
    case "dns":
    case "static":
    case "socket":
      return {
        clusterDiscoveryType: { case: "type", value: staticType(discovery) },
        loadAssignment: buildLoadAssignment(cluster.name, discovery),
        ...(discovery.kind === "dns" && discovery.family !== undefined
          ? { dnsLookupFamily: families[discovery.family] }
          : {}),
        ...buildLoadBalancing(cluster),
      };
    case "forward-proxy":
      return {
        clusterDiscoveryType: {
          case: "clusterType",
          value: create(Cluster_CustomClusterTypeSchema, {
            name: "envoy.clusters.dynamic_forward_proxy",
            typedConfig: pack(
              ClusterConfigSchema,
              create(ClusterConfigSchema, {
                clusterImplementationSpecifier: { case: "dnsCacheConfig", value: dnsCache() },
              }),
            ),
          }),
        },
        lbPolicy: LbPolicy.CLUSTER_PROVIDED,
      };
    case "original-destination":
      return {
        clusterDiscoveryType: { case: "type", value: DiscoveryType.ORIGINAL_DST },
        lbPolicy: LbPolicy.CLUSTER_PROVIDED,
      };
  }
}

const families = {
  ipv4: LookupFamily.V4_ONLY,
  ipv6: LookupFamily.V6_ONLY,
} as const;

function staticType(discovery: Discovery): DiscoveryType {
  if (discovery.kind !== "dns") return DiscoveryType.STATIC;
  return discovery.all ? DiscoveryType.STRICT_DNS : DiscoveryType.LOGICAL_DNS;
}

const policies = {
  "round-robin": LbPolicy.ROUND_ROBIN,
  "least-request": LbPolicy.LEAST_REQUEST,
  "ring-hash": LbPolicy.RING_HASH,
  random: LbPolicy.RANDOM,
} as const;

function buildLoadBalancing(cluster: Cluster): Pick<DiscoveryFields, "lbPolicy" | "lbConfig"> {
  return {
    lbPolicy: policies[cluster.loadBalancing],
    ...(cluster.loadBalancing === "ring-hash"
      ? { lbConfig: { case: "ringHashLbConfig", value: create(Cluster_RingHashLbConfigSchema) } }
      : {}),
  };
}

function protocolOptions(cluster: Cluster): Record<string, Any> {
  if (cluster.protocol === "tcp") return {};
  const options = create(HttpProtocolOptionsSchema, {
    upstreamProtocolOptions: upstreamProtocol(cluster.protocol),
    // Envoy demands it of a cluster that goes wherever the request says.
    ...(cluster.discovery.kind === "forward-proxy" ? { upstreamHttpProtocolOptions: verifyHost } : {}),
  });
  return {
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": pack(HttpProtocolOptionsSchema, options),
  };
}

const verifyHost = create(UpstreamHttpProtocolOptionsSchema, { autoSni: true, autoSanValidation: true });

function upstreamProtocol(
  protocol: "http1" | "http2" | "downstream",
): HttpProtocolOptions["upstreamProtocolOptions"] {
  const http1 = create(Http1ProtocolOptionsSchema);
  const http2 = create(Http2ProtocolOptionsSchema);
  if (protocol === "downstream") {
    const value = create(HttpProtocolOptions_UseDownstreamHttpConfigSchema, {
      httpProtocolOptions: http1,
      http2ProtocolOptions: http2,
    });
    return { case: "useDownstreamProtocolConfig", value };
  }
  const value = create(HttpProtocolOptions_ExplicitHttpConfigSchema, {
    protocolConfig:
      protocol === "http2"
        ? { case: "http2ProtocolOptions", value: http2 }
        : { case: "httpProtocolOptions", value: http1 },
  });
  return { case: "explicitHttpConfig", value };
}

/** What App Mesh and Kong users know: no limit of the proxy's own. */
const most = 2147483647;
const unlimited = create(CircuitBreakersSchema, {
  thresholds: [
    create(CircuitBreakers_ThresholdsSchema, {
      maxConnections: most,
      maxPendingRequests: most,
      maxRequests: most,
      maxRetries: most,
    }),
  ],
});

function thresholds(limits: NonNullable<Cluster["circuitBreaker"]>) {
  return create(CircuitBreakers_ThresholdsSchema, {
    maxConnections: count(limits.maxConnections),
    maxPendingRequests: count(limits.maxPendingRequests),
    maxRequests: count(limits.maxRequests),
    maxRetries: most,
  });
}

function buildHealthCheck(check: HealthCheck): EnvoyHealthCheck {
  const checker = (): NonNullable<EnvoyHealthCheck["healthChecker"]> => {
    switch (check.protocol) {
      case "tcp":
        return { case: "tcpHealthCheck", value: create(HealthCheck_TcpHealthCheckSchema) };
      case "grpc":
        return { case: "grpcHealthCheck", value: create(HealthCheck_GrpcHealthCheckSchema) };
      case "http":
      case "http2":
        return {
          case: "httpHealthCheck",
          value: create(HealthCheck_HttpHealthCheckSchema, {
            path: check.path ?? "/",
            codecClientType: check.protocol === "http2" ? CodecClientType.HTTP2 : CodecClientType.HTTP1,
          }),
        };
    }
  };
  return create(HealthCheckSchema, {
    interval: duration(check.intervalMs),
    timeout: duration(check.timeoutMs),
    healthyThreshold: check.healthyThreshold,
    unhealthyThreshold: check.unhealthyThreshold,
    // A cluster without traffic is checked as often as one with it, so that a first request finds healthy hosts.
    noTrafficInterval: duration(check.intervalMs),
    healthChecker: checker(),
  });
}
