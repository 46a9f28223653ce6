import type { Graph, Table } from "#incremental/graph.ts";
import type { MeshDestination, MeshIdentity } from "#model/mesh.ts";
import { gatewayScope, modelKey } from "#model/model.ts";
import type { Route } from "#model/route.ts";
import { objectKey } from "#resources/kind.ts";
import { serviceOfHost } from "../services/service-of-host.ts";
import { portKey, type ServiceTables } from "../services/service-tables.ts";
import type { Backend } from "./backends.ts";
import { identityNode } from "./mesh-identities.ts";
import type { MeshObjects } from "./mesh-objects.ts";
import type { Target } from "./nodes.ts";

/** One virtual service at one port, as one proxy may call it. */
export interface Call {
  readonly scope: string;
  readonly backend: Backend;
  /** Lower case. */
  readonly host: string;
  /** 0: any port, because nothing is served (a service without a provider). */
  readonly port: number;
}

export interface Calls {
  /** Keyed by scope. */
  readonly byScope: Table<readonly Call[]>;
  /** Keyed by `modelKey(scope, host, port)`; never empty. */
  readonly table: Table<readonly Call[]>;
}

/** What each proxy may call: the backends of its node, and with ALLOW_ALL what stands in for a Service without pods. */
export function translateCalls(
  graph: Graph,
  identities: Table<MeshIdentity>,
  objects: MeshObjects,
  services: ServiceTables,
): Calls {
  const standIns = resolveStandIns(graph, objects, services);
  const byScope = graph.derive("appmesh/calls-by-scope", identities, (scope, identity, read) => {
    const key = identityNode(identity);
    const declared = read.get(objects.backends, key) ?? [];
    const mesh = read.get(objects.nodes.lookup.faces, key)?.mesh ?? "";
    const open = identity.egress === "ALLOW_ALL" && scope !== gatewayScope;
    const others = (open ? (read.get(standIns, mesh) ?? []) : []).filter(
      (backend) => !declared.some((one) => one.service === backend.service),
    );
    return [...declared, ...others].flatMap((backend): Call[] => {
      const ports = backend.ports.length === 0 ? [0] : backend.ports;
      return ports.map((port) => ({ scope, backend, host: backend.awsName.toLowerCase(), port }));
    });
  });
  const table = graph.index("appmesh/calls", byScope, (_scope, calls) =>
    calls.map((call) => [callKey(call), call] as const),
  );
  return { byScope, table };
}

/**
 * Virtual services whose name is that of a Service without a selector, which manifests have only so that DNS knows the
 * name: nothing is behind the Service, so that with ALLOW_ALL the virtual service answers in its place. Keyed by mesh.
 */
function resolveStandIns(
  graph: Graph,
  objects: MeshObjects,
  services: ServiceTables,
): Table<readonly Backend[]> {
  const found = graph.derive("appmesh/stand-ins", objects.services.lookup.faces, (key, face, read) => {
    const name = serviceOfHost(face.awsName, face.ref.namespace);
    const service = name && read.get(services.services, objectKey(name.namespace, name.name));
    if (
      service === undefined ||
      service.spec.selector !== undefined ||
      service.spec.externalName !== undefined
    ) {
      return undefined;
    }
    const endpoints = (service.spec.ports ?? []).flatMap(
      ({ port }) =>
        read.get(
          services.endpoints,
          portKey(objectKey(service.metadata.namespace, service.metadata.name), port),
        ) ?? [],
    );
    if (endpoints.length > 0 || face.ports.length === 0) return undefined;
    const backend: Backend = { service: key, ref: face.ref, awsName: face.awsName, ports: face.ports };
    return { mesh: face.mesh, backend };
  });
  return graph.index("appmesh/stand-ins-by-mesh", found, (_key, { mesh, backend }) => [
    [mesh, backend] as const,
  ]);
}

/** The key of a call and of its destination. */
export function callKey(call: {
  readonly scope: string;
  readonly host: string;
  readonly port: number;
}): string {
  return modelKey(call.scope, call.host, String(call.port));
}

/** The routes behind each call. */
export function translateDestinations(
  graph: Graph,
  calls: Calls,
  objects: MeshObjects,
): Table<MeshDestination> {
  return graph.derive(
    "appmesh/destinations",
    calls.table,
    (_key, [call], read): MeshDestination | undefined => {
      if (call === undefined) return undefined;
      const { backend, scope, host, port } = call;
      const provider = read.get(objects.services.providers, backend.service);
      const routes = provider?.ports.find((one) => one.port === port)?.routes ?? [];
      return {
        scope,
        host,
        port,
        virtualService: backend.ref,
        routes:
          backend.tls === undefined ? routes : withoutPlaintext(routes, provider?.targets ?? [], backend.tls),
        origin: { object: backend.ref, field: ["spec"] },
      };
    },
  );
}

/** Where the caller demands TLS, which is not served yet, a call must not leave in plaintext: its share answers 503. */
function withoutPlaintext(
  routes: readonly Route[],
  targets: readonly Target[],
  tls: NonNullable<Backend["tls"]>,
): readonly Route[] {
  const closed = new Set(
    targets.filter((target) => tls === "all" || tls.includes(target.port)).map((target) => target.cluster),
  );
  return routes.map((route) => {
    if (route.action.kind !== "forward") return route;
    const backends = route.action.backends.map((backend) =>
      backend.cluster !== undefined && closed.has(backend.cluster)
        ? { ...backend, cluster: undefined }
        : backend,
    );
    return { ...route, action: { ...route.action, backends } };
  });
}
