import { backendGroupKind } from "./backend-group.ts";
import { configMapKind } from "./config-map.ts";
import { daemonSetKind } from "./daemon-set.ts";
import { deploymentKind } from "./deployment.ts";
import { endpointSliceKind } from "./endpoint-slice.ts";
import { endpointsKind } from "./endpoints.ts";
import { gatewayRouteKind } from "./gateway-route.ts";
import { ingressKind } from "./ingress.ts";
import { ingressClassKind } from "./ingress-class.ts";
import { ingressClassParametersKind } from "./ingress-class-parameters.ts";
import type { Kind, KubernetesObject } from "./kind.ts";
import { kongClusterPluginKind } from "./kong-cluster-plugin.ts";
import { kongConsumerKind } from "./kong-consumer.ts";
import { kongConsumerGroupKind } from "./kong-consumer-group.ts";
import { kongCustomEntityKind } from "./kong-custom-entity.ts";
import { kongDeclarativeConfigKind } from "./kong-declarative-config.ts";
import { kongIngressKind } from "./kong-ingress.ts";
import { kongLicenseKind } from "./kong-license.ts";
import { kongPluginKind } from "./kong-plugin.ts";
import { kongServiceFacadeKind } from "./kong-service-facade.ts";
import { kongUpstreamPolicyKind } from "./kong-upstream-policy.ts";
import { kongVaultKind } from "./kong-vault.ts";
import { localWorkloadsKind } from "./local-workloads.ts";
import { meshKind } from "./mesh.ts";
import { namespaceKind } from "./namespace.ts";
import { podKind } from "./pod.ts";
import { referenceGrantKind } from "./reference-grant.ts";
import { secretKind } from "./secret.ts";
import { serviceKind } from "./service.ts";
import { statefulSetKind } from "./stateful-set.ts";
import { tcpIngressKind } from "./tcp-ingress.ts";
import { udpIngressKind } from "./udp-ingress.ts";
import { virtualGatewayKind } from "./virtual-gateway.ts";
import { virtualNodeKind } from "./virtual-node.ts";
import { virtualRouterKind } from "./virtual-router.ts";
import { virtualServiceKind } from "./virtual-service.ts";

/** Every kind that Diolkos reads, in alphabetical order. */
export const kinds: readonly Kind<KubernetesObject>[] = [
  backendGroupKind,
  configMapKind,
  daemonSetKind,
  deploymentKind,
  endpointSliceKind,
  endpointsKind,
  gatewayRouteKind,
  ingressClassKind,
  ingressClassParametersKind,
  ingressKind,
  kongClusterPluginKind,
  kongConsumerGroupKind,
  kongConsumerKind,
  kongCustomEntityKind,
  kongDeclarativeConfigKind,
  kongIngressKind,
  kongLicenseKind,
  kongPluginKind,
  kongServiceFacadeKind,
  kongUpstreamPolicyKind,
  kongVaultKind,
  localWorkloadsKind,
  meshKind,
  namespaceKind,
  podKind,
  referenceGrantKind,
  secretKind,
  serviceKind,
  statefulSetKind,
  tcpIngressKind,
  udpIngressKind,
  virtualGatewayKind,
  virtualNodeKind,
  virtualRouterKind,
  virtualServiceKind,
];

const byName = new Map<string, Kind<KubernetesObject>[]>();
for (const kind of kinds) byName.set(kind.kind, [...(byName.get(kind.kind) ?? []), kind]);

/** The kind that reads objects of this apiVersion and kind. */
export function findKind(apiVersion: string, kind: string): Kind<KubernetesObject> | undefined {
  return byName.get(kind)?.find(({ apiVersions }) => apiVersions.includes(apiVersion));
}

/** All kinds of this name, whatever their API group; for messages. */
export function kindsNamed(kind: string): readonly Kind<KubernetesObject>[] {
  return byName.get(kind) ?? [];
}
