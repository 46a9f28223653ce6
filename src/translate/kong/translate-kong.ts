import type { Graph } from "#incremental/graph.ts";
import type { Objects } from "#resources/object-store.ts";
import { ingressRoutes } from "../ingress/ingress-routes.ts";
import { ingressTls } from "../ingress/ingress-tls.ts";
import { classMatch } from "./class-match.ts";
import { clusters } from "./clusters.ts";
import { consumers } from "./consumers.ts";
import type { KongDependencies, KongTables } from "./kong-tables.ts";
import { listeners } from "./listeners.ts";
import { pluginConfigs } from "./plugin-configs.ts";
import { pluginReferences } from "./plugin-references.ts";
import { compileRoute } from "./route-entries.ts";
import { routePlugins } from "./route-plugins.ts";
import { kongServices } from "./service-settings.ts";
import { reportUnservedKinds } from "./unserved-kinds.ts";
import { virtualHosts } from "./virtual-hosts.ts";

/**
 * Ingresses and Kong's resources as the gateway's part of the model. The way is: Ingress → Kong routes → entries of
 * hosts → virtual hosts; each step is a table, so that an edit of one Ingress touches its own routes and hosts only.
 */
export function translateKong(graph: Graph, objects: Objects, dependencies: KongDependencies): KongTables {
  const { options, services: serviceTables, mesh } = dependencies;
  const classes = classMatch(objects, options.ingressClass ?? "kong");
  const configs = pluginConfigs(graph, objects, classes);
  const plugins = pluginReferences(graph, objects, configs);
  const ingress = ingressRoutes(graph, { objects, services: serviceTables, classes, plugins });

  const routes = graph.index("kong/routes", ingress.routes, (key, list) =>
    list.map((route) => [`${key}|${route.name}`, route] as const),
  );
  const references = graph.index("kong/service references", routes, (_, [route]) =>
    route === undefined ? [] : [[route.service.name, route.service] as const],
  );
  const services = kongServices(graph, references, { objects, services: serviceTables, plugins, classes });
  const compiled = graph.derive("kong/compiled routes", routes, (_, [route], read) => {
    const service = route && read.get(services, route.service.name);
    if (route === undefined || service === undefined) return undefined;
    const places = {
      route: { name: route.name, uses: route.plugins },
      service: { name: service.name, uses: service.plugins },
    };
    return compileRoute({ route, service, plugins: routePlugins(places, configs, read), mesh }, read);
  });

  const stores = graph.index("kong/stores in use", compiled, (_, route) =>
    route.stores.map((store) => [store.id, store] as const),
  );
  const tls = ingressTls(graph, ingress.ingresses, objects);
  reportUnservedKinds(graph, objects);
  return {
    virtualHosts: virtualHosts(graph, compiled),
    listeners: listeners(graph, options, tls),
    clusters: clusters(graph, compiled, services, serviceTables),
    secrets: tls.secrets,
    consumers: consumers(graph, objects, classes),
    stores: graph.derive("kong/stores", stores, (_, [store]) => store),
  };
}
