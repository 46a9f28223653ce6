import type { Graph, Reader, Table } from "#incremental/graph.ts";
import type { FieldPath, Origin } from "#problems/object-ref.ts";
import { hasControlCharacter } from "#resources/http-texts.ts";
import { type Ingress, type IngressBackend, ingressKind } from "#resources/ingress.ts";
import { objectKey, refOf } from "#resources/kind.ts";
import { type KongIngress, kongIngressKind } from "#resources/kong-ingress.ts";
import type { Objects } from "#resources/object-store.ts";
import { type Annotations, kongAnnotations, referenceMissing } from "../kong/annotations.ts";
import type { ClassMatch } from "../kong/class-match.ts";
import { finding } from "../kong/finding.ts";
import {
  type KongPath,
  type KongRoute,
  kongRouteName,
  kongServiceName,
  type RouteSettings,
  type ServiceReference,
} from "../kong/kong-route.ts";
import type { PluginReferences, PluginUse } from "../kong/plugin-references.ts";
import { reportTwice } from "../kong/route-plugins.ts";
import { overrideOrigins, readRouteSettings } from "../kong/route-settings.ts";
import { resolvePort } from "../kong/service-settings.ts";
import type { ServiceTables } from "../services/service-tables.ts";
import { chooseDefaultBackend } from "./default-backend.ts";
import { kongPaths, type PathReading, pathReading, regexFault } from "./ingress-paths.ts";
import { unsupportedRegex } from "./validate-ingress.ts";

export interface IngressSources {
  readonly objects: Objects;
  readonly services: ServiceTables;
  readonly classes: ClassMatch;
  readonly plugins: PluginReferences;
}

export interface IngressRoutes {
  /** The Ingresses of the gateway's class. */
  readonly ingresses: Table<Ingress>;
  /** Keyed by the Ingress. */
  readonly routes: Table<readonly KongRoute[]>;
}

/** The Kong routes of all Ingresses: one for each host and Service port of an Ingress, with all its paths. */
export function ingressRoutes(graph: Graph, sources: IngressSources): IngressRoutes {
  const kongIngresses = sources.objects.table(kongIngressKind);
  const ingresses = graph.derive(
    "ingress/of the class",
    sources.objects.table(ingressKind),
    (_, ingress, read) =>
      sources.classes.matches(ingress, ingress.spec?.ingressClassName, read) ? ingress : undefined,
  );
  const defaultBackend = chooseDefaultBackend(graph, ingresses);
  const routes = graph.derive("ingress/routes", ingresses, (key, ingress, read) =>
    // Asked only where it matters, so that a new default backend does not run every Ingress again.
    readIngress(
      key,
      ingress,
      ingress.spec?.defaultBackend !== undefined && defaultBackend(key, read),
      kongIngresses,
      sources,
      read,
    ),
  );
  return { ingresses, routes };
}

/** What all routes of one Ingress share. */
interface Shared {
  readonly ingress: Ingress;
  readonly settings: RouteSettings;
  readonly plugins: readonly PluginUse[];
  readonly aliases: readonly string[];
  readonly origins: readonly Origin[];
  readonly key: string;
}

function readIngress(
  key: string,
  ingress: Ingress,
  isDefault: boolean,
  kongIngresses: Table<KongIngress>,
  sources: IngressSources,
  read: Reader,
): readonly KongRoute[] {
  const annotations = kongAnnotations(ingress, read.report);
  const override = findOverride(ingress, annotations, kongIngresses, read);
  const plugins = sources.plugins.resolve(ingress, annotations, read);
  reportTwice(plugins, read);
  const shared: Shared = {
    ingress,
    settings: readRouteSettings(ingress, annotations, override, read.report),
    plugins,
    aliases: readAliases(annotations),
    origins: overrideOrigins(override),
    key,
  };
  const reading = pathReading(ingress, sources.classes.parameters(read).enableLegacyRegexDetection === true);
  const routes = ruleRoutes(shared, reading, sources, read);
  const backend = isDefault ? ingress.spec?.defaultBackend : undefined;
  const service = backend && readBackend(backend, ["spec", "defaultBackend"], ingress, sources, read);
  if (service !== undefined) routes.push(defaultRoute(shared, service));
  return routes;
}

function ruleRoutes(
  shared: Shared,
  reading: PathReading,
  sources: IngressSources,
  read: Reader,
): KongRoute[] {
  const { ingress } = shared;
  const routes = new Map<string, { service: ServiceReference; host: string; paths: KongPath[] }>();
  for (const [at, rule] of (ingress.spec?.rules ?? []).entries()) {
    const host = rule.host ?? "";
    for (const [pathAt, path] of (rule.http?.paths ?? []).entries()) {
      const field = ["spec", "rules", at, "http", "paths", pathAt];
      const service = readBackend(path.backend, [...field, "backend"], ingress, sources, read);
      if (service === undefined) continue;
      const { namespace, name } = ingress.metadata;
      const routeName = kongRouteName(namespace, name, service.service, host, service.port);
      const route = routes.get(routeName) ?? { service, host, paths: [] };
      routes.set(routeName, route);
      route.paths.push(...usablePaths(kongPaths(path, [...field, "path"], reading), ingress, read));
    }
  }
  return [...routes]
    .filter(([, { paths }]) => paths.length > 0)
    .map(([name, { service, host, paths }]) => toRoute(name, service, host, paths, shared));
}

function toRoute(
  name: string,
  service: ServiceReference,
  host: string,
  paths: readonly KongPath[],
  shared: Shared,
): KongRoute {
  const { ingress, settings, plugins, aliases, origins, key } = shared;
  const created = ingress.metadata.creationTimestamp;
  return {
    name,
    hosts: [...new Set([...(host === "" ? [] : [host]), ...aliases])],
    paths,
    settings,
    service,
    plugins,
    ...(created === undefined ? {} : { created }),
    key,
    origin: { object: refOf(ingress), field: paths[0]?.field ?? ["spec", "rules"] },
    origins,
  };
}

/** Everything that no rule matches, on any host; host aliases belong to rules. */
function defaultRoute(shared: Shared, service: ServiceReference): KongRoute {
  const { namespace, name } = shared.ingress.metadata;
  const path: KongPath = { kind: "prefix", value: "/", field: ["spec", "defaultBackend"] };
  return toRoute(`${namespace}.${name}`, service, "", [path], { ...shared, aliases: [] });
}

function readBackend(
  backend: IngressBackend,
  field: FieldPath,
  ingress: Ingress,
  sources: IngressSources,
  read: Reader,
): ServiceReference | undefined {
  if (backend.service === undefined) {
    read.report(
      finding(
        "not-supported",
        refOf(ingress),
        [...field, "resource"],
        `a backend of the kind ${backend.resource?.kind} is not supported; the path is not served`,
        {
          fix: "Name a Service.",
        },
      ),
    );
    return undefined;
  }
  const { namespace } = ingress.metadata;
  const { name, port } = backend.service;
  const number = port?.number ?? port?.name;
  const reference: ServiceReference = {
    name: kongServiceName(namespace, name, number),
    namespace,
    service: name,
    ...(number === undefined ? {} : { port: number }),
  };
  const resolved = resolvePort(reference, sources.services, read);
  if (typeof resolved === "string") {
    const service = { kind: "Service", namespace, name };
    read.report(
      finding(
        "backend-missing",
        refOf(ingress),
        [...field, "service"],
        resolved === "no-service"
          ? `the Service ${namespace}/${name} does not exist; requests get 503`
          : `the Service ${namespace}/${name} has no port ${number ?? "that could be meant"}; requests get 503`,
        {
          related: [service],
          fix:
            resolved === "no-service" ? "Create the Service, or correct the name." : "Name one of its ports.",
        },
      ),
    );
  }
  return reference;
}

function usablePaths(paths: readonly KongPath[], ingress: Ingress, read: Reader): readonly KongPath[] {
  return paths.filter((path) => {
    if (hasControlCharacter(path.kind === "regex" ? path.pattern : path.value)) {
      const message = "the path holds a control character, so no request has it; it is not served";
      read.report(finding("invalid-field", refOf(ingress), path.field, message));
      return false;
    }
    const fault = regexFault(path);
    if (fault === undefined) return true;
    read.report(unsupportedRegex(refOf(ingress), path.field, fault));
    return false;
  });
}

const aliasPattern =
  /^(\*\.)?[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?)*(\.\*)?$/;

/** One invalid alias voids them all, as in Kong's controller. */
function readAliases(annotations: Annotations): readonly string[] {
  const aliases = annotations.list("host-aliases") ?? [];
  const wrong = aliases.find(
    (alias) => !aliasPattern.test(alias) || (alias.startsWith("*.") && alias.endsWith(".*")),
  );
  if (wrong === undefined) return aliases.map((alias) => alias.toLowerCase());
  annotations.invalid(
    "host-aliases",
    `${JSON.stringify(wrong)} is no host name, so none of the aliases counts`,
  );
  return [];
}

/** The KongIngress that the annotation names, or the one of the Ingress's own name. */
function findOverride(
  ingress: Ingress,
  annotations: Annotations,
  kongIngresses: Table<KongIngress>,
  read: Reader,
): KongIngress | undefined {
  const { namespace, name } = ingress.metadata;
  const annotation = annotations.find("override");
  if (annotation !== undefined && annotation.value !== "") {
    const named = read.get(kongIngresses, objectKey(namespace, annotation.value));
    if (named !== undefined) return named;
    const target = { kind: kongIngressKind.kind, namespace, name: annotation.value };
    read.report(
      referenceMissing(
        ingress,
        annotation.field,
        target,
        "nothing is overridden",
        "Create it, or remove the annotation.",
      ),
    );
  }
  return read.get(kongIngresses, objectKey(namespace, name));
}
