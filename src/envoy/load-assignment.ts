import { create } from "@bufbuild/protobuf";
import {
  type Address,
  AddressSchema,
  PipeSchema,
  SocketAddressSchema,
} from "@diolkos/envoy-api/envoy/config/core/v3/address_pb.js";
import {
  EndpointSchema,
  type LbEndpoint,
  LbEndpointSchema,
  LocalityLbEndpointsSchema,
} from "@diolkos/envoy-api/envoy/config/endpoint/v3/endpoint_components_pb.js";
import {
  type ClusterLoadAssignment,
  ClusterLoadAssignmentSchema,
} from "@diolkos/envoy-api/envoy/config/endpoint/v3/endpoint_pb.js";
import type { Discovery, Endpoint } from "#model/cluster.ts";

/** An IP address or host name with a port. */
export function buildAddress(address: string, port: number): Address {
  const socket = create(SocketAddressSchema, { address, portSpecifier: { case: "portValue", value: port } });
  return create(AddressSchema, { address: { case: "socketAddress", value: socket } });
}

/** The endpoints under a discovery key; none is a valid answer. */
export function buildEndpoints(key: string, endpoints: readonly Endpoint[]): ClusterLoadAssignment {
  const sorted = [...endpoints].sort((a, b) =>
    a.address === b.address ? a.port - b.port : a.address < b.address ? -1 : 1,
  );
  const members = sorted.map((endpoint) =>
    member(
      buildAddress(endpoint.address, endpoint.port),
      `${endpoint.address}:${endpoint.port}`,
      endpoint.weight,
    ),
  );
  return assignment(key, members);
}

/** The endpoints that stand in the cluster itself. */
export function buildLoadAssignment(
  cluster: string,
  discovery: Discovery & { kind: "dns" | "static" | "socket" },
): ClusterLoadAssignment {
  switch (discovery.kind) {
    case "static":
      return buildEndpoints(cluster, discovery.endpoints);
    case "dns": {
      const host = discovery.port === 80 ? discovery.host : `${discovery.host}:${discovery.port}`;
      return assignment(cluster, [member(buildAddress(discovery.host, discovery.port), host)]);
    }
    case "socket": {
      const pipe = create(AddressSchema, {
        address: { case: "pipe", value: create(PipeSchema, { path: discovery.path }) },
      });
      return assignment(cluster, [member(pipe, "localhost")]);
    }
  }
}

/** `hostname` is what "upstream-address" puts into the Host header. */
function member(address: Address, hostname: string, weight?: number): LbEndpoint {
  return create(LbEndpointSchema, {
    hostIdentifier: { case: "endpoint", value: create(EndpointSchema, { address, hostname }) },
    ...(weight === undefined ? {} : { loadBalancingWeight: weight }),
  });
}

function assignment(name: string, members: LbEndpoint[]): ClusterLoadAssignment {
  return create(ClusterLoadAssignmentSchema, {
    clusterName: name,
    endpoints: members.length === 0 ? [] : [create(LocalityLbEndpointsSchema, { lbEndpoints: members })],
  });
}
