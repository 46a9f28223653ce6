import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import { anyPack } from "@bufbuild/protobuf/wkt";
import {
  type Cluster,
  ClusterSchema,
  Cluster_DiscoveryType as DiscoveryType,
} from "@diolkos/envoy-api/envoy/config/cluster/v3/cluster_pb.js";
import { type Address, SocketAddressSchema } from "@diolkos/envoy-api/envoy/config/core/v3/address_pb.js";
import { TransportSocketSchema } from "@diolkos/envoy-api/envoy/config/core/v3/base_pb.js";
import { ListenerSchema } from "@diolkos/envoy-api/envoy/config/listener/v3/listener_pb.js";
import { RouteConfigurationSchema } from "@diolkos/envoy-api/envoy/config/route/v3/route_pb.js";
import { SecretSchema } from "@diolkos/envoy-api/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import {
  CommonTlsContextSchema,
  UpstreamTlsContextSchema,
} from "@diolkos/envoy-api/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import { lengthDelimited } from "./delta-wire.ts";
import { proverScope } from "./proxy-node.ts";
import { contentVersion, type Resource, type ResourceType } from "./resource.ts";

/** The route table of the prover's own listener; virtual hosts are proven in it. */
export const proofTable = "proof";
/** The route table of the prover's second listener; whole route tables are proven in its place. */
export const proofRoutes = "proof-routes";

/** What can be proven of a resource: its body, and the type that says what it is. */
export interface Claim {
  readonly type: ResourceType;
  readonly name: string;
  readonly body: Uint8Array;
}

/**
 * The same resource under a scratch name, so that it can live on the prover beside all others: without its domains,
 * its port and its upstreams. Undefined for what is not proven. Throws when the body is no such message.
 */
export function buildProof(claim: Claim, number: number): Resource | undefined {
  switch (claim.type) {
    case "virtualHost":
      return proof("virtualHost", `${proofTable}/${number}`, virtualHostProof(claim.body, number));
    case "cluster":
      return proof("cluster", `proof-${number}`, clusterProof(claim.body, `proof-${number}`));
    case "listener":
      return proof("listener", `proof-${number}`, listenerProof(claim.body, number));
    case "routes": {
      const routes = fromBinary(RouteConfigurationSchema, claim.body);
      routes.name = proofRoutes;
      return proof("routes", proofRoutes, toBinary(RouteConfigurationSchema, routes));
    }
    case "secret": {
      const body = secretProof(claim.body, `proof-${number}`);
      return body && proof("cluster", `proof-${number}`, body);
    }
    case "endpoints":
    case "extension":
      return undefined;
  }
}

/** The names that a resource has on the prover, as they may stand in Envoy's messages. */
export function proofNames(number: number): readonly string[] {
  return [`${proofTable}/${number}`, `proof-${number}`, `${number}.proof.invalid`];
}

function proof(type: ResourceType, name: string, body: Uint8Array): Resource {
  return { scope: proverScope, type, name, version: contentVersion(body), body, origins: [] };
}

/** The bytes without name (field 1) and domains (field 2), with scratch ones instead; a virtual host may be long, and
 * it is what changes most often. */
function virtualHostProof(body: Uint8Array, number: number): Uint8Array {
  const reader = new BinaryReader(body);
  const kept: Uint8Array[] = [
    lengthDelimited(1, Buffer.from(`${proofTable}/${number}`)),
    lengthDelimited(2, Buffer.from(`${number}.proof.invalid`)),
  ];
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [field, wire] = reader.tag();
    reader.skip(wire, field);
    if (field > 2) kept.push(body.subarray(start, reader.pos));
  }
  return Buffer.concat(kept);
}

function clusterProof(body: Uint8Array, name: string): Uint8Array {
  const cluster = fromBinary(ClusterSchema, body);
  cluster.name = name;
  if (cluster.edsClusterConfig !== undefined) cluster.edsClusterConfig.serviceName = name;
  if (cluster.loadAssignment !== undefined) {
    cluster.loadAssignment.clusterName = name;
    withoutUpstreams(cluster);
  }
  return toBinary(ClusterSchema, cluster);
}

/** The prover must not resolve, connect to or check what belongs to the users. */
function withoutUpstreams(cluster: Cluster): void {
  const assignment = cluster.loadAssignment;
  if (assignment === undefined) return;
  const { clusterDiscoveryType: discovery } = cluster;
  const isLogical = discovery.case === "type" && discovery.value === DiscoveryType.LOGICAL_DNS;
  // Health checks would go out at once. A cluster by logical DNS must have its one endpoint.
  if (cluster.healthChecks.length > 0 && !isLogical) assignment.endpoints = [];
  const isDns = discovery.case === "type" && discovery.value !== DiscoveryType.STATIC;
  for (const locality of assignment.endpoints) {
    for (const { hostIdentifier } of locality.lbEndpoints) {
      const address = hostIdentifier.case === "endpoint" ? hostIdentifier.value.address?.address : undefined;
      if (address?.case !== "socketAddress") continue;
      if (isDns) address.value.address = "127.0.0.1";
      if (isLogical) address.value.portSpecifier = { case: "portValue", value: 9 };
    }
  }
}

function listenerProof(body: Uint8Array, number: number): Uint8Array {
  const listener = fromBinary(ListenerSchema, body);
  listener.name = `proof-${number}`;
  listener.bindToPort = false;
  // Two listeners of one Envoy must not have one address, even when they do not bind.
  movePort(listener.address, number);
  for (const { address } of listener.additionalAddresses) movePort(address, number);
  return toBinary(ListenerSchema, listener);
}

function movePort(address: Address | undefined, number: number): void {
  if (address?.address.case !== "socketAddress") return;
  address.address.value = create(SocketAddressSchema, {
    ...address.address.value,
    portSpecifier: { case: "portValue", value: 1 + (number % 65_000) },
  });
}

/** A cluster that uses the certificate or the roots; other secrets hold nothing that Envoy could refuse. */
function secretProof(body: Uint8Array, name: string): Uint8Array | undefined {
  const { type } = fromBinary(SecretSchema, body);
  const context = create(CommonTlsContextSchema);
  if (type.case === "tlsCertificate") context.tlsCertificates = [type.value];
  else if (type.case === "validationContext") {
    context.validationContextType = { case: "validationContext", value: type.value };
  } else return undefined;
  const socket = anyPack(
    UpstreamTlsContextSchema,
    create(UpstreamTlsContextSchema, { commonTlsContext: context }),
  );
  const cluster = create(ClusterSchema, {
    name,
    clusterDiscoveryType: { case: "type", value: DiscoveryType.STATIC },
    transportSocket: create(TransportSocketSchema, {
      name: "envoy.transport_sockets.tls",
      configType: { case: "typedConfig", value: socket },
    }),
  });
  return toBinary(ClusterSchema, cluster);
}
