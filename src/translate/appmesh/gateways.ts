import type { Graph } from "#incremental/graph.ts";
import type { Problem } from "#problems/problem.ts";
import { gatewayRouteKind } from "#resources/gateway-route.ts";
import type { Kind, KubernetesObject } from "#resources/kind.ts";
import { virtualGatewayKind } from "#resources/virtual-gateway.ts";
import { findMesh, type MemberObject, type Meshes } from "./members.ts";
import { checkGatewayRoute } from "./rules-gateway-route.ts";
import { checkVirtualGateway } from "./rules-virtual-gateway.ts";

/** Virtual gateways are not served yet; their objects are checked, and each says so. */
export function checkGateways(graph: Graph, meshes: Meshes): void {
  check(graph, meshes, virtualGatewayKind, checkVirtualGateway);
  check(graph, meshes, gatewayRouteKind, checkGatewayRoute);
}

function check<T extends KubernetesObject & MemberObject>(
  graph: Graph,
  meshes: Meshes,
  kind: Kind<T>,
  rules: (object: T) => readonly Problem[],
): void {
  graph.derive(`appmesh/${kind.kind}-rules`, meshes.objects.table(kind), (_key, object, read) => {
    rules(object).forEach(read.report);
    findMesh(read, meshes, object);
    return undefined;
  });
}
