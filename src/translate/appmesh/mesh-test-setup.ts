import { parseAllDocuments } from "yaml";
import { Graph, type Table } from "#incremental/graph.ts";
import { instanceScope, type WorkloadInstance } from "#model/workload.ts";
import { formatField, formatRef } from "#problems/object-ref.ts";
import { ObjectStore } from "#resources/object-store.ts";
import { parseObject } from "#resources/parse-object.ts";
import { serviceTables } from "../services/service-tables.ts";
import { kongLabels, meshIdentities } from "./mesh-identities.ts";
import { translateAppMesh } from "./translate-app-mesh.ts";

/** For tests: a translation of manifests, as the application wires it. */
export function setUpMesh() {
  const graph = new Graph({
    onDefect: (table, key, error) => {
      throw new Error(`${table} ${key}`, { cause: error });
    },
  });
  const store = new ObjectStore(graph);
  const instances = graph.input<WorkloadInstance>("instances");
  const identities = meshIdentities(graph, store, instances, { gatewayLabels: kongLabels });
  const services = serviceTables(graph, store, instances, identities.identities);
  const tables = translateAppMesh(graph, instances, identities, services);
  const outputs: readonly Table<unknown>[] = [
    identities.identities,
    tables.destinations,
    ...tables.listeners,
    ...tables.virtualHosts,
    ...tables.clusters,
  ];

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
  const start = (...running: readonly WorkloadInstance[]): readonly string[] => {
    for (const instance of running) instances.set(instanceScope(instance), instance);
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
  const find = <V>(list: readonly Table<V>[], key: string): V | undefined =>
    list.map((table) => table.get(key)).find((value) => value !== undefined);
  const keys = (list: readonly Table<unknown>[], scope: string): readonly string[] =>
    list
      .flatMap((table) => [...table.keys()])
      .filter((key) => key.startsWith(`${scope}|`))
      .map((key) => key.slice(scope.length + 1))
      .sort();
  return {
    graph,
    apply,
    remove,
    start,
    problems,
    find,
    keys,
    identities: identities.identities,
    services,
    ...tables,
  };
}

/** A running copy of a workload of the namespace prod, with the given container ports. */
export function instanceOf(
  app: string,
  labels: Readonly<Record<string, string>>,
  containerPorts: readonly number[] = [9080],
  first = 30_000,
): WorkloadInstance {
  return {
    namespace: "prod",
    pod: `${app}-0`,
    labels,
    owner: `Deployment prod/${app}`,
    address: "127.0.0.1",
    ports: containerPorts.map((containerPort, at) => ({
      containerPort,
      appPort: first + 10 * at,
      sidecarPort: first + 10 * at + 1,
    })),
    ready: true,
    egressPort: first + 5,
  };
}
