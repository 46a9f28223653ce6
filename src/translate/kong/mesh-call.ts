import type { Reader } from "#incremental/graph.ts";
import type { MeshDestination } from "#model/mesh.ts";
import { gatewayScope, modelKey } from "#model/model.ts";
import { formatRef } from "#problems/object-ref.ts";
import { finding } from "./finding.ts";
import type { KongRoute } from "./kong-route.ts";
import { type KongService, serviceHost } from "./kong-service.ts";
import type { MeshTables } from "./kong-tables.ts";

/** How the gateway's call of a service goes on when the gateway is a node of a mesh. */
export type MeshCall =
  /** Past the mesh, to the Service itself. */
  | { readonly kind: "direct" }
  | { readonly kind: "destination"; readonly destination: MeshDestination }
  /** The mesh knows no such destination and lets nothing else out. */
  | { readonly kind: "refused"; readonly status: 404 | 502 };

/**
 * Finds the mesh destination of a route's calls. As in a caller's sidecar, the Host header and the Service's port decide:
 * the header that the application would get, without a port.
 */
export function meshCall(
  route: KongRoute,
  service: KongService,
  host: string,
  mesh: MeshTables | undefined,
  read: Reader,
): MeshCall {
  const identity = mesh && read.get(mesh.identities, gatewayScope);
  if (mesh === undefined || identity === undefined || service.target.kind !== "found")
    return { kind: "direct" };
  const { port } = service.target;
  const called = calledHost(route, service, host);
  const destination = called === undefined ? undefined : findDestination(called, port, mesh, read);
  if (destination !== undefined) return { kind: "destination", destination };
  if (identity.egress === "ALLOW_ALL") return { kind: "direct" };
  const { origin } = route;
  const node = formatRef(identity.node);
  const name = called ?? "the client's own Host header";
  read.report(
    finding(
      "backend-not-in-mesh",
      origin.object,
      origin.field,
      `the gateway is ${node} of the mesh ${identity.mesh}, and none of its backends is ${name} at port ${port}; requests are refused`,
      { related: [identity.node], fix: fixFor(route, called) },
    ),
  );
  // Envoy has a listener for the ports of HTTP backends, which answers; any other connection is cut.
  return { kind: "refused", status: identity.httpPorts.includes(port) ? 404 : 502 };
}

/** The host that the application is called by; undefined when each client says its own. */
function calledHost(route: KongRoute, service: KongService, host: string): string | undefined {
  if (route.settings.preserveHost) return host.includes("*") ? undefined : host;
  return (service.hostHeader ?? serviceHost(service)).toLowerCase();
}

function findDestination(
  host: string,
  port: number,
  mesh: MeshTables,
  read: Reader,
): MeshDestination | undefined {
  // A virtual service without a provider has no port of its own.
  return (
    read.get(mesh.destinations, modelKey(gatewayScope, host, String(port))) ??
    read.get(mesh.destinations, modelKey(gatewayScope, host, "0"))
  );
}

function fixFor(route: KongRoute, called: string | undefined): string {
  const service = `the Service ${route.service.namespace}/${route.service.service}`;
  const header = `annotate ${service} with konghq.com/host-header: <the virtual service's name>`;
  return called === undefined
    ? `Annotate the Ingress with konghq.com/preserve-host: "false", and ${header}.`
    : `Add the virtual service ${called} to the node's backends, or ${header}.`;
}
