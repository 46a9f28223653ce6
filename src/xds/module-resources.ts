import { ClusterSchema } from "@diolkos/envoy-api/envoy/config/cluster/v3/cluster_pb.js";
import { TypedExtensionConfigSchema } from "@diolkos/envoy-api/envoy/config/core/v3/extension_pb.js";
import { ListenerSchema } from "@diolkos/envoy-api/envoy/config/listener/v3/listener_pb.js";
import { adsSource } from "#envoy/ads.ts";
import { encode } from "#envoy/any.ts";
import { buildCluster } from "#envoy/cluster.ts";
import {
  carrierListener,
  carrierListenerName,
  credentialExtension,
  credentialExtensionName,
} from "#envoy/module/carrier-listener.ts";
import {
  consumerShards,
  credentialShardCount,
  encodeCredentialShard,
} from "#envoy/module/encode-credentials.ts";
import type { Graph, Table } from "#incremental/graph.ts";
import type { Consumer } from "#model/consumer.ts";
import { gatewayScope } from "#model/model.ts";
import type { Resource } from "./resource.ts";
import { resource } from "./resource-tables.ts";

export interface ModuleResourceOptions {
  /** Where Envoy finds the module. */
  readonly wasmPath: string;
  /** Unix socket of the services process. */
  readonly servicesSocket: string;
}

/** Name of the cluster that the module calls for what must leave the proxy. */
export const servicesCluster = "diolkos-services";

/** What the gateway's module needs beside the routes: credentials by shard, their carrier, the way to the services. */
export function moduleResources(
  graph: Graph,
  consumers: Table<Consumer>,
  options: ModuleResourceOptions,
): readonly Table<Resource>[] {
  const members = graph.index("consumers by shard", consumers, (_, consumer) =>
    consumerShards(consumer).map((shard) => [String(shard), consumer] as const),
  );
  // Envoy waits for every shard, so an empty one is served, too.
  const numbers = graph.input<number>("credential shards");
  for (let shard = 0; shard < credentialShardCount; shard++) numbers.set(String(shard), shard);
  const shards = graph.derive("resources/credentials", numbers, (key, shard, read) => {
    const bytes = encodeCredentialShard(shard, read.get(members, key) ?? []);
    return resource(gatewayScope, "extension", credentialExtensionName(shard), [], () =>
      encode(TypedExtensionConfigSchema, credentialExtension(shard, bytes, options)),
    );
  });
  const fixed = graph.input<Resource>("resources/module");
  fixed.set(
    "carrier",
    resource(gatewayScope, "listener", carrierListenerName, [], () =>
      encode(ListenerSchema, carrierListener(adsSource())),
    ),
  );
  fixed.set(
    "services",
    resource(gatewayScope, "cluster", servicesCluster, [], () => encode(ClusterSchema, toServices(options))),
  );
  return [shards, fixed];
}

function toServices({ servicesSocket }: ModuleResourceOptions) {
  return buildCluster({
    scope: gatewayScope,
    name: servicesCluster,
    origin: { object: { kind: "Process", namespace: "", name: "services" }, field: [] },
    discovery: { kind: "socket", path: servicesSocket },
    protocol: "http1",
    connectTimeoutMs: 1000,
    loadBalancing: "round-robin",
  });
}
