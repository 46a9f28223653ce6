import type { DescMessage } from "@bufbuild/protobuf";
import { fromBinary, type JsonObject, type JsonValue, toJson } from "@bufbuild/protobuf";
import { ClusterSchema } from "@diolkos/envoy-api/envoy/config/cluster/v3/cluster_pb.js";
import { TypedExtensionConfigSchema } from "@diolkos/envoy-api/envoy/config/core/v3/extension_pb.js";
import { ClusterLoadAssignmentSchema } from "@diolkos/envoy-api/envoy/config/endpoint/v3/endpoint_pb.js";
import { ListenerSchema } from "@diolkos/envoy-api/envoy/config/listener/v3/listener_pb.js";
import { VirtualHostSchema } from "@diolkos/envoy-api/envoy/config/route/v3/route_components_pb.js";
import { RouteConfigurationSchema } from "@diolkos/envoy-api/envoy/config/route/v3/route_pb.js";
import { SecretSchema } from "@diolkos/envoy-api/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import { typeRegistry } from "#envoy/type-registry.ts";
import type { Resource, ResourceType } from "./resource.ts";

const schemas: Record<ResourceType, DescMessage> = {
  cluster: ClusterSchema,
  endpoints: ClusterLoadAssignmentSchema,
  secret: SecretSchema,
  extension: TypedExtensionConfigSchema,
  listener: ListenerSchema,
  routes: RouteConfigurationSchema,
  virtualHost: VirtualHostSchema,
};

/** A resource in Envoy's own JSON form, for people. Keys, certificates and credentials are hidden unless `secrets`. */
export function renderResource(resource: Resource, secrets: boolean): JsonValue {
  const hidden = !secrets && (resource.type === "secret" || resource.type === "extension");
  if (hidden) return { name: resource.name, redacted: true };
  const schema = schemas[resource.type];
  return toJson(schema, fromBinary(schema, resource.body), {
    registry: typeRegistry,
    useProtoFieldName: true,
  });
}

/** All resources of a proxy by type, in order of their names; equal input gives an equal document. */
export function renderResources(resources: Iterable<Resource>, secrets: boolean): JsonObject {
  const sorted = [...resources].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const document: JsonObject = {};
  for (const [type, title] of titles) {
    const ofType = sorted.filter((resource) => resource.type === type);
    if (ofType.length > 0) document[title] = ofType.map((resource) => renderResource(resource, secrets));
  }
  return document;
}

const titles: readonly (readonly [ResourceType, string])[] = [
  ["listener", "listeners"],
  ["routes", "route_configurations"],
  ["virtualHost", "virtual_hosts"],
  ["cluster", "clusters"],
  ["endpoints", "endpoints"],
  ["secret", "secrets"],
  ["extension", "extensions"],
];
