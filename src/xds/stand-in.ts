import { create, toBinary } from "@bufbuild/protobuf";
import { TypedExtensionConfigSchema } from "@diolkos/envoy-api/envoy/config/core/v3/extension_pb.js";
import { ClusterLoadAssignmentSchema } from "@diolkos/envoy-api/envoy/config/endpoint/v3/endpoint_pb.js";
import { VirtualHostSchema } from "@diolkos/envoy-api/envoy/config/route/v3/route_components_pb.js";
import { RouteConfigurationSchema } from "@diolkos/envoy-api/envoy/config/route/v3/route_pb.js";
import { contentVersion, type Resource, type ResourceType, routeTableOf } from "./resource.ts";

/**
 * What a proxy gets for a name that it asked for and that does not exist, for the types where Envoy would otherwise
 * wait for its `initial_fetch_timeout`: no endpoints, a route table without hosts, an extension without configuration.
 * The last one is refused by every Envoy, which ends its waiting; a filter without configuration answers 500. Undefined
 * for the other types, where Envoy takes a removal for an answer.
 */
export function standIn(scope: string, type: ResourceType, name: string): Resource | undefined {
  if (type === "endpoints") {
    const body = toBinary(
      ClusterLoadAssignmentSchema,
      create(ClusterLoadAssignmentSchema, { clusterName: name }),
    );
    return { scope, type, name, version: contentVersion(body), body, origins: [] };
  }
  if (type === "routes") {
    const body = toBinary(RouteConfigurationSchema, create(RouteConfigurationSchema, { name }));
    return { scope, type, name, version: contentVersion(body), body, origins: [] };
  }
  if (type === "extension") {
    const body = toBinary(TypedExtensionConfigSchema, create(TypedExtensionConfigSchema, { name }));
    return { scope, type, name, version: contentVersion(body), body, origins: [] };
  }
  if (type === "virtualHost" && name.endsWith(sentinelSuffix)) return sentinel(scope, routeTableOf(name));
  return undefined;
}

const sentinelSuffix = "/none";

/** Name of the virtual host that every route table has: Envoy takes a table without any host for not yet answered. */
export function sentinelName(routeTable: string): string {
  return `${routeTable}${sentinelSuffix}`;
}

function sentinel(scope: string, routeTable: string): Resource {
  const name = sentinelName(routeTable);
  const body = toBinary(VirtualHostSchema, create(VirtualHostSchema, { name, domains: ["none.invalid"] }));
  return { scope, type: "virtualHost", name, version: contentVersion(body), body, origins: [] };
}
