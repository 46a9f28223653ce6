import { create } from "@bufbuild/protobuf";
import { Cluster_DnsLookupFamily } from "@diolkos/envoy-api/envoy/config/cluster/v3/cluster_pb.js";
import {
  type DnsCacheConfig,
  DnsCacheConfigSchema,
} from "@diolkos/envoy-api/envoy/extensions/common/dynamic_forward_proxy/v3/dns_cache_pb.js";

/** The cache that the forward-proxy filter and cluster share; Envoy wants both to name it with equal settings. */
export function dnsCache(): DnsCacheConfig {
  return create(DnsCacheConfigSchema, {
    name: "diolkos",
    dnsLookupFamily: Cluster_DnsLookupFamily.V4_PREFERRED,
  });
}
