import type { Graph, Table } from "#incremental/graph.ts";
import type { HttpListener, Listener } from "#model/listener.ts";
import { gatewayScope, modelKey } from "#model/model.ts";
import type { Origin } from "#problems/object-ref.ts";
import type { IngressTls } from "../ingress/ingress-tls.ts";
import type { KongOptions } from "./kong-tables.ts";
import { gatewayRoutes } from "./virtual-hosts.ts";

/**
 * The gateway's ports. The plain one is always open; the TLS one opens with the first certificate, because a listener
 * without any cannot answer. Both serve the same routes.
 */
export function listeners(graph: Graph, options: KongOptions, tls: IngressTls): Table<Listener> {
  const ports = graph.input<{ readonly name: string; readonly port: number; readonly tls: boolean }>(
    "kong/ports",
  );
  ports.set(modelKey(gatewayScope, "gateway-http"), { name: "gateway-http", port: options.port, tls: false });
  ports.set(modelKey(gatewayScope, "gateway-https"), {
    name: "gateway-https",
    port: options.tlsPort,
    tls: true,
  });
  return graph.derive("kong/listeners", ports, (_, port, read): Listener | undefined => {
    const listener: HttpListener = {
      kind: "http",
      scope: gatewayScope,
      name: port.name,
      address: options.address,
      port: port.port,
      statPrefix: port.name,
      origins: [],
      routeTable: gatewayRoutes,
      role: "edge",
    };
    if (!port.tls) return listener;
    const origins: Origin[] = [];
    const certificates = read.keys(tls.secrets).flatMap((key) => {
      const secret = read.get(tls.secrets, key);
      const hosts = read.get(tls.hosts, key) ?? [];
      if (secret === undefined || hosts.length === 0) return [];
      origins.push(secret.origin);
      return [{ secret: secret.name, hosts }];
    });
    return certificates.length === 0 ? undefined : { ...listener, certificates, origins };
  });
}
