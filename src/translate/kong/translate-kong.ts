// Temporary shim by the lead so that the app compiles; the Kong helper replaces this file.
import type { Graph } from "#incremental/graph.ts";
import type { Listener } from "#model/listener.ts";
import { gatewayScope, modelKey } from "#model/model.ts";
import type { Objects } from "#resources/object-store.ts";
import type { ServiceTables } from "../services/service-tables.ts";
import type { KongOptions, KongTables, MeshTables } from "./kong-tables.ts";
export interface KongDeps {
  readonly options: KongOptions;
  readonly services: ServiceTables;
  readonly mesh: MeshTables;
}
export function translateKong(graph: Graph, _objects: Objects, { options }: KongDeps): KongTables {
  const listeners = graph.input<Listener>("kong listeners");
  listeners.set(modelKey(gatewayScope, "gateway-http"), {
    scope: gatewayScope,
    name: "gateway-http",
    kind: "http",
    role: "edge",
    address: options.address,
    port: options.port,
    statPrefix: "gateway",
    routeTable: "gateway/http",
    origins: [],
  });
  return {
    virtualHosts: graph.input("kong vh"),
    listeners,
    clusters: graph.input("kong c"),
    secrets: graph.input("kong s"),
    consumers: graph.input("kong con"),
    stores: graph.input("kong st"),
  };
}
