import type { PortProtocol } from "#resources/app-mesh-types.ts";

// The names that AWS App Mesh gave to Envoy's resources: dashboards, alerts and walkthroughs look for them.
// Source: the App Mesh specification, section 3.1.

/** The cluster through which callers reach a virtual node's port. */
export function backendClusterName(mesh: string, node: string, protocol: PortProtocol, port: number): string {
  return `cds_egress_${mesh}_${node}_${protocol}_${port}`;
}

/** The cluster of the application behind a virtual node's own proxy. */
export function applicationClusterName(
  mesh: string,
  node: string,
  protocol: PortProtocol,
  port: number,
): string {
  return `cds_ingress_${mesh}_${node}_${protocol}_${port}`;
}

/** The cluster of Amazon's own hosts, which may always be called. */
export function amazonClusterName(mesh: string): string {
  return `cds_egress_${mesh}_amazonaws`;
}

/** The cluster of everything that a mesh with ALLOW_ALL lets out. */
export function allowAllClusterName(mesh: string): string {
  return `cds_egress_${mesh}_mesh-allow-all`;
}

/** The cluster of a Service that is reached only because the mesh has ALLOW_ALL. */
export function allowedServiceClusterName(mesh: string, service: string): string {
  return `${allowAllClusterName(mesh)}_${service}`;
}

export const egressListenerName = "lds_egress_0.0.0.0_15001";

/** A sidecar has one ingress listener for each port; only one of them can bear the name as it was. */
export function ingressListenerName(port: number, several: boolean): string {
  return several ? `lds_ingress_0.0.0.0_15000_${port}` : "lds_ingress_0.0.0.0_15000";
}

/** Several listeners of one proxy are told apart in metrics by protocol and port. */
export function ingressStatPrefix(protocol: PortProtocol, port: number, several: boolean): string {
  return several ? `ingress.${protocol}.${port}` : "ingress";
}

/** Route tables bear App Mesh's names behind the proxy's scope, because they must be unique over all proxies. */
export function egressRouteTable(scope: string): string {
  return `${scope}/rds_egress_http`;
}

export function ingressRouteTable(scope: string, protocol: PortProtocol, port: number): string {
  return `${scope}/rds_ingress_${protocol}_${port}`;
}

/** Node id and cluster of a virtual node's Envoy. A shared mesh bears its owner's account. */
export function nodeId(mesh: { readonly awsName: string; readonly owner?: string }, node: string): string {
  const name = mesh.owner === undefined ? mesh.awsName : `${mesh.awsName}@${mesh.owner}`;
  return `mesh/${name}/virtualNode/${node}`;
}
