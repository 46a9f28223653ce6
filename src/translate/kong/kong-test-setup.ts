import { parseAllDocuments } from "yaml";
import { Graph, type Table } from "#incremental/graph.ts";
import type { NamedMatch, PathMatch, Route, VirtualHost } from "#model/route.ts";
import type { WorkloadInstance } from "#model/workload.ts";
import { formatField, formatRef } from "#problems/object-ref.ts";
import { ObjectStore } from "#resources/object-store.ts";
import { parseObject } from "#resources/parse-object.ts";
import { kongLabels, meshIdentities } from "../appmesh/mesh-identities.ts";
import { translateAppMesh } from "../appmesh/translate-app-mesh.ts";
import { serviceTables } from "../services/service-tables.ts";
import { translateKong } from "./translate-kong.ts";
import { validateKongObject } from "./validate-kong-object.ts";

/** For tests: a gateway's translation, wired as the application does it. */
export function setUpKong(manifests = "", port = 8000) {
  const graph = new Graph({
    onDefect: (table, key, error) => {
      throw new Error(`${table} ${key}`, { cause: error });
    },
  });
  const store = new ObjectStore(graph, undefined, validateKongObject);
  const instances = graph.input<WorkloadInstance>("instances");
  const identities = meshIdentities(graph, store, instances, { gatewayLabels: kongLabels });
  const services = serviceTables(graph, store, instances, identities.identities);
  const mesh = translateAppMesh(graph, instances, identities, services);
  const kong = translateKong(graph, store, {
    options: { address: "127.0.0.1", port, tlsPort: 8443 },
    services,
    mesh: { identities: identities.identities, destinations: mesh.destinations },
  });
  const outputs: readonly Table<unknown>[] = Object.values(kong);

  /** Applies manifests and says which keys of which results have changed. */
  const apply = (yaml: string): readonly string[] => {
    for (const document of parseAllDocuments(yaml)) {
      for (const { candidate } of parseObject(document.toJS() as unknown, { place: "test.yaml" }).objects) {
        store.put(candidate);
      }
    }
    return flush();
  };
  const remove = (kind: string, key: string): readonly string[] => {
    const [namespace = "", name = ""] = key.split("/");
    store.remove({ kind, namespace, name });
    return flush();
  };
  const flush = (): readonly string[] => {
    const { changed } = graph.flush();
    return outputs
      .flatMap((table) => [...(changed.get(table) ?? [])].map((key) => `${table.name} ${key}`))
      .sort();
  };
  /** `Kind namespace/name field: code message` of each problem, sorted. */
  const problems = (): readonly string[] =>
    [...store.problems(), ...graph.problems()]
      .map((one) => `${formatRef(one.object)} ${formatField(one.field)}: ${one.code} ${one.message}`)
      .sort();
  const codes = (): readonly string[] =>
    [...store.problems(), ...graph.problems()].map((one) => `${one.code} ${formatRef(one.object)}`).sort();
  /** The route that Envoy would take. */
  const route = (request: TestRequest) => findRoute(kong.virtualHosts, request);
  apply(manifests);
  return { graph, store, apply, remove, problems, codes, route, endpoints: services.endpoints, ...kong };
}

export interface TestRequest {
  readonly host?: string;
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One host's table is taken, never a second one; then the first route that matches. */
function findRoute(hosts: Table<VirtualHost>, request: TestRequest): Route | undefined {
  const host = request.host ?? "localhost";
  const all = [...hosts.keys()].flatMap((key) => hosts.get(key) ?? []);
  const fits = (domain: string) =>
    domain.startsWith("*.")
      ? host.endsWith(domain.slice(1)) && host.length >= domain.length
      : host.startsWith(domain.slice(0, -1)) && host.length >= domain.length;
  const longest = (list: readonly VirtualHost[]) =>
    [...list].sort((a, b) => b.name.length - a.name.length)[0];
  const chosen =
    all.find(({ name }) => name === host) ??
    longest(all.filter(({ name }) => name.startsWith("*.") && fits(name))) ??
    longest(all.filter(({ name }) => name.endsWith(".*") && fits(name))) ??
    all.find(({ name }) => name === "*");
  return chosen?.routes.find(({ match }) => matchesRequest(match, host, request));
}

function matchesRequest(match: Route["match"], host: string, request: TestRequest): boolean {
  const [path = ""] = request.path.split("?");
  const { method = "GET", headers = {} } = request;
  return (
    pathMatches(match.path, path) &&
    (match.methods === undefined || match.methods.includes(method)) &&
    (match.headers ?? []).every((one) => {
      const value =
        one.name === ":path" ? request.path : one.name === ":authority" ? host : headers[one.name];
      return headerMatches(one, value);
    })
  );
}

function headerMatches({ match, invert = false }: NamedMatch, value: string | undefined): boolean {
  const held = () => {
    if (value === undefined) return false;
    switch (match.kind) {
      case "exact":
        return match.ignoreCase === true
          ? value.toLowerCase() === match.value.toLowerCase()
          : value === match.value;
      case "prefix":
        return value.startsWith(match.value);
      case "regex":
        return new RegExp(`^(?:${match.pattern})$`, match.ignoreCase === true ? "i" : "").test(value);
      default:
        throw new Error(`the test has no ${match.kind}`);
    }
  };
  return held() !== invert;
}

function pathMatches(match: PathMatch, path: string): boolean {
  switch (match.kind) {
    case "exact":
      return path === match.value;
    case "prefix":
      return path.startsWith(match.value);
    case "segments":
      return match.value === "/" || path === match.value || path.startsWith(`${match.value}/`);
    case "regex":
      return new RegExp(match.full ? `^(?:${match.pattern})$` : `^(?:${match.pattern})`).test(path);
  }
}
