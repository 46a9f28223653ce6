import { moduleFilter } from "#envoy/module/module-filter.ts";
import { virtualHostName } from "#envoy/virtual-host.ts";
import { Graph, type InputTable, type Table } from "#incremental/graph.ts";
import type { MeshIdentity } from "#model/mesh.ts";
import type { Model } from "#model/model.ts";
import type { VirtualHost } from "#model/route.ts";
import type { SharedStore } from "#model/shared-store.ts";
import { plugins } from "#plugins/registry.ts";
import { routeAdditions } from "#plugins/route-additions.ts";
import type { ObjectRef } from "#problems/object-ref.ts";
import type { Problem } from "#problems/problem.ts";
import { type LastGoodStorage, ObjectStore } from "#resources/object-store.ts";
import type { ProcessFailure, ProcessSpec } from "#standalone/process-spec.ts";
import { processProblems, workloadProcesses } from "#standalone/workload-processes.ts";
import { type LocalWorkloadTables, localWorkloads } from "#standalone/workloads.ts";
import { kongLabels, meshIdentities } from "#translate/appmesh/mesh-identities.ts";
import { translateAppMesh } from "#translate/appmesh/translate-app-mesh.ts";
import type { KongOptions } from "#translate/kong/kong-tables.ts";
import { translateKong } from "#translate/kong/translate-kong.ts";
import { validateKongObject } from "#translate/kong/validate-kong-object.ts";
import { serviceTables } from "#translate/services/service-tables.ts";
import { moduleResources } from "#xds/module-resources.ts";
import type { Resource, ResourcePart } from "#xds/resource.ts";
import { type ResourceOptions, resourceTables, virtualHostParts } from "#xds/resource-tables.ts";

export interface PipelineOptions {
  readonly gateway: KongOptions;
  /** Labels by which a VirtualNode makes the gateway a node of its mesh. */
  readonly gatewayLabels?: Readonly<Record<string, string>>;
  /** The compiled module that runs inside the gateway. */
  readonly modulePath: string;
  readonly lastGood?: LastGoodStorage;
  /** Unix socket of the services process. */
  readonly servicesSocket: string;
  /** The port of a purpose, always the same one. */
  readonly portFor: (key: string) => number;
  /** The folder of the file in which an object stands. */
  readonly folderOf: (object: ObjectRef) => string;
  readonly onDefect: (table: string, key: string, error: unknown) => Problem | undefined;
}

/** From objects to resources: all tables of one instance. */
export interface Pipeline {
  readonly graph: Graph;
  readonly store: ObjectStore;
  readonly model: Model;
  readonly resources: readonly Table<Resource>[];
  readonly identities: Table<MeshIdentity>;
  /** For the services process alone: they hold passwords. */
  readonly stores: Table<SharedStore>;
  readonly workloads: LocalWorkloadTables;
  /** Keyed by scope. */
  readonly workloadProcesses: Table<ProcessSpec>;
  /** Keyed by process id; written by whoever watches the processes. */
  readonly failures: InputTable<ProcessFailure>;
  /** The pieces of a resource that can be proven alone, where it has such. */
  parts(resource: Resource): readonly ResourcePart[];
}

/** Lays out all tables in the order of the data's way. */
export function buildPipeline(options: PipelineOptions): Pipeline {
  const graph = new Graph({ onDefect: options.onDefect });
  const store = new ObjectStore(graph, options.lastGood, validateKongObject);
  const workloads = localWorkloads(graph, store, options);
  const { instances } = workloads;
  const mesh = meshIdentities(graph, store, instances, {
    gatewayLabels: options.gatewayLabels ?? kongLabels,
  });
  const services = serviceTables(graph, store, instances, mesh.identities);
  const appMesh = translateAppMesh(graph, instances, mesh, services);
  const kong = translateKong(graph, store, {
    options: options.gateway,
    services,
    mesh: { identities: mesh.identities, destinations: appMesh.destinations },
  });
  const model: Model = {
    listeners: [kong.listeners, ...appMesh.listeners],
    virtualHosts: [kong.virtualHosts, ...appMesh.virtualHosts],
    clusters: [kong.clusters, ...appMesh.clusters],
    endpoints: services.endpoints,
    secrets: [kong.secrets],
    consumers: kong.consumers,
  };
  const module = { wasmPath: options.modulePath };
  const resourceOptions: ResourceOptions = {
    edgeFilters: [moduleFilter(module)],
    additions: routeAdditions(plugins),
  };
  const resources = [
    ...resourceTables(graph, model, resourceOptions),
    ...moduleResources(graph, kong.consumers, { ...module, servicesSocket: options.servicesSocket }),
  ];
  return {
    graph,
    store,
    model,
    resources,
    identities: mesh.identities,
    stores: kong.stores,
    workloads,
    workloadProcesses: workloadProcesses(graph, workloads.replicas, { identities: mesh.identities }),
    failures: processProblems(graph, workloads.replicas),
    parts: (resource) => partsOf(resource, model.virtualHosts, resourceOptions),
  };
}

/** Looked for only after a refusal, so it may look through all. */
function partsOf(
  resource: Resource,
  tables: readonly Table<VirtualHost>[],
  options: ResourceOptions,
): readonly ResourcePart[] {
  if (resource.type !== "virtualHost") return [];
  for (const table of tables) {
    for (const key of table.keys()) {
      const host = table.get(key);
      if (host?.scope === resource.scope && virtualHostName(host) === resource.name) {
        return virtualHostParts(host, options);
      }
    }
  }
  return [];
}
