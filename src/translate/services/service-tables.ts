import type { Graph, Reader, Table } from "#incremental/graph.ts";
import type { Discovery, Endpoint } from "#model/cluster.ts";
import type { MeshIdentity } from "#model/mesh.ts";
import { instanceScope, type WorkloadInstance } from "#model/workload.ts";
import type { ObjectRef } from "#problems/object-ref.ts";
import { type EndpointSlice, endpointSliceKind, serviceNameLabel } from "#resources/endpoint-slice.ts";
import { type Endpoints, endpointsKind } from "#resources/endpoints.ts";
import { objectKey, refOf } from "#resources/kind.ts";
import type { Objects } from "#resources/object-store.ts";
import { type Service, type ServicePort, serviceKind } from "#resources/service.ts";
import { serviceOfHost } from "./service-of-host.ts";

/** One port of a Service and how its endpoints are found. */
export interface ResolvedPort {
  readonly service: ObjectRef;
  readonly portNumber: number;
  readonly portName?: string;
  readonly appProtocol?: string;
  readonly discovery: Discovery;
  /** The Service has no address of its own (`clusterIP: None`). */
  readonly headless: boolean;
}

export interface ServiceTables {
  /** Keyed by `namespace/name:port`, with each port's number and with its name; see `resolveService`. */
  readonly resolve: Table<ResolvedPort>;
  /** Keyed by the `key` of an `endpoints` discovery; an empty list where nothing is ready. */
  readonly endpoints: Table<readonly Endpoint[]>;
  readonly services: Table<Service>;
}

/** The part of a Service that one of its ports needs. */
interface PortFace {
  readonly ref: ObjectRef;
  readonly key: string;
  readonly port: ServicePort;
  /** No other port may be meant. */
  readonly only: boolean;
  readonly externalName?: string;
  readonly headless: boolean;
  readonly selector?: Readonly<Record<string, string>>;
  readonly publishNotReady: boolean;
}

/** An instance as Services look for it; its readiness is apart. */
interface Selectable {
  readonly scope: string;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * Finds the endpoints of every Service port: those of its EndpointSlices or Endpoints, else the ready instances that its
 * selector matches, else its external name. `identities` says which ports of which instance its sidecar answers.
 */
export function serviceTables(
  graph: Graph,
  objects: Objects,
  instances: Table<WorkloadInstance>,
  identities?: Table<MeshIdentity>,
): ServiceTables {
  const services = objects.table(serviceKind);
  const endpointObjects = objects.table(endpointsKind);
  const slices = graph.index("slices of services", objects.table(endpointSliceKind), placeSlice);
  const selectable = graph.index("instances by label", instances, placeInstance);
  const sidecarPorts =
    identities && graph.derive("sidecar ports", identities, (_, identity) => identity.ingressPorts);
  const faces = graph.index("service ports", services, (_, service) => placePorts(service, true));
  const numbered = graph.index("service ports by number", services, (_, service) =>
    placePorts(service, false),
  );

  const resolve = graph.derive("resolved ports", faces, (_, [face], read) => {
    if (face === undefined) return undefined;
    const { port } = face;
    return {
      service: face.ref,
      portNumber: port.port,
      ...(port.name === undefined ? {} : { portName: port.name }),
      ...(port.appProtocol === undefined ? {} : { appProtocol: port.appProtocol }),
      discovery: discover(face, read),
      headless: face.headless,
    };
  });

  const endpoints = graph.derive("endpoints", numbered, (_, [face], read) => {
    if (face === undefined) return undefined;
    const found = declared(face, read) ?? running(face, read);
    return found && sortEndpoints(found);
  });

  return { resolve, endpoints, services };

  function discover(face: PortFace, read: Reader): Discovery {
    const [name, ...others] = externalNames(read.get(slices, face.key) ?? []);
    if (name !== undefined) {
      return { kind: "dns", host: name, port: face.port.port, all: others.length > 0 };
    }
    if (face.externalName === undefined || declared(face, read) !== undefined) {
      return { kind: "endpoints", key: portKey(face.key, face.port.port) };
    }
    return discoverExternal(face.externalName, face, read);
  }

  /** An external name may be that of another Service, which nobody's DNS knows outside a cluster. */
  function discoverExternal(host: string, face: PortFace, read: Reader): Discovery {
    const port = typeof face.port.targetPort === "number" ? face.port.targetPort : face.port.port;
    const seen = new Set([face.key]);
    for (let name = host; ; ) {
      const inside = serviceOfHost(name, face.ref.namespace);
      const key = inside === undefined ? "" : objectKey(inside.namespace, inside.name);
      const other = read.get(numbered, portKey(key, port))?.[0];
      if (other === undefined || seen.has(key)) return { kind: "dns", host: name, port, all: false };
      seen.add(key);
      if (other.externalName === undefined || declared(other, read) !== undefined) {
        return { kind: "endpoints", key: portKey(key, port) };
      }
      name = other.externalName;
    }
  }

  /** The endpoints that the objects name; undefined when there is no such object. */
  function declared(face: PortFace, read: Reader): readonly Endpoint[] | undefined {
    const own = read.get(slices, face.key);
    if (own !== undefined) return own.flatMap((slice) => sliceEndpoints(slice, face));
    const object = read.get(endpointObjects, face.key);
    return object && subsetEndpoints(object, face);
  }

  /** The instances that the selector matches; undefined when the Service has an external name instead. */
  function running(face: PortFace, read: Reader): readonly Endpoint[] | undefined {
    if (face.externalName !== undefined) return undefined;
    const pairs = Object.entries(face.selector ?? {});
    // Any one pair finds all that match; the rarest makes this result depend on the fewest instances.
    const groups = pairs.map(([name, value]) => labelKey(face.ref.namespace, name, value));
    const size = (group: string) => selectable.get(group)?.length ?? 0;
    const [first, ...rest] = groups;
    if (first === undefined) return [];
    const rarest = rest.reduce((best, group) => (size(group) < size(best) ? group : best), first);
    const matching = (read.get(selectable, rarest) ?? []).filter(({ labels }) =>
      pairs.every(([name, value]) => labels[name] === value),
    );
    return matching.flatMap(({ scope }) => {
      const instance = read.get(instances, scope);
      if (instance === undefined || !(instance.ready || face.publishNotReady)) return [];
      const target = face.port.targetPort ?? face.port.port;
      const port = instance.ports.find((one) =>
        typeof target === "number" ? one.containerPort === target : one.name === target,
      );
      if (port === undefined) return [];
      const bySidecar = sidecarPorts && read.get(sidecarPorts, scope)?.includes(port.containerPort);
      return [{ address: instance.address, port: bySidecar === true ? port.sidecarPort : port.appPort }];
    });
  }
}

/**
 * Looks up a backend's Service and port. A Service with an external name may leave its ports out: then any number is
 * meant. `no-service` and `no-port` say what is missing.
 */
export function resolveService(
  read: Reader,
  tables: ServiceTables,
  service: { readonly namespace: string; readonly name: string },
  port: number | string,
): ResolvedPort | "no-service" | "no-port" {
  const key = objectKey(service.namespace, service.name);
  const found = read.get(tables.resolve, portKey(key, port));
  if (found !== undefined) return found;
  const object = read.get(tables.services, key);
  if (object === undefined) return "no-service";
  const host = externalNameOf(object);
  if (host === undefined || typeof port !== "number" || (object.spec.ports ?? []).length > 0)
    return "no-port";
  return {
    service: refOf(object),
    portNumber: port,
    discovery: { kind: "dns", host, port, all: false },
    headless: false,
  };
}

/** Key of a Service's port in both tables. */
export function portKey(service: string, port: number | string): string {
  return `${service}:${port}`;
}

function* placePorts(service: Service, byName: boolean): Generator<readonly [string, PortFace]> {
  const ref = refOf(service);
  const key = objectKey(ref.namespace, ref.name);
  const { selector, clusterIP, publishNotReadyAddresses } = service.spec;
  const externalName = externalNameOf(service);
  // HTTP is spoken over TCP; only a port that has no such twin is taken otherwise.
  const ports = [...(service.spec.ports ?? [])].sort((a, b) => Number(isUdp(a)) - Number(isUdp(b)));
  for (const port of ports) {
    const face = {
      ref,
      key,
      port,
      only: ports.length === 1,
      ...(externalName === undefined ? {} : { externalName }),
      headless: clusterIP === "None",
      ...(selector === undefined ? {} : { selector }),
      publishNotReady: publishNotReadyAddresses === true,
    };
    yield [portKey(key, port.port), face];
    if (byName && port.name) yield [portKey(key, port.name), face];
  }
}

function isUdp(port: ServicePort): boolean {
  return (port.protocol ?? "TCP") !== "TCP";
}

function externalNameOf(service: Service): string | undefined {
  if (service.spec.type !== "ExternalName") return undefined;
  return service.spec.externalName?.replace(/\.$/, "") || undefined;
}

function* placeSlice(_: string, slice: EndpointSlice): Generator<readonly [string, EndpointSlice]> {
  const service = slice.metadata.labels[serviceNameLabel];
  if (service !== undefined) yield [objectKey(slice.metadata.namespace, service), slice];
}

function* placeInstance(_: string, instance: WorkloadInstance): Generator<readonly [string, Selectable]> {
  const item = { scope: instanceScope(instance), labels: instance.labels };
  for (const [name, value] of Object.entries(instance.labels)) {
    yield [labelKey(instance.namespace, name, value), item];
  }
}

function labelKey(namespace: string, name: string, value: string): string {
  return `${namespace}|${name}=${value}`;
}

/** The host names of slices that hold names instead of addresses. */
function externalNames(slices: readonly EndpointSlice[]): readonly string[] {
  return slices.flatMap(({ addressType, endpoints }) =>
    addressType === "FQDN"
      ? (endpoints ?? []).filter(isReady).flatMap(({ addresses }) => addresses.slice(0, 1))
      : [],
  );
}

function isReady(endpoint: {
  readonly conditions?: { readonly ready?: boolean | undefined } | undefined;
}): boolean {
  // An absent condition counts as ready, as in Kubernetes.
  return endpoint.conditions?.ready !== false;
}

function sliceEndpoints(slice: EndpointSlice, face: PortFace): readonly Endpoint[] {
  if (slice.addressType === "FQDN") return [];
  const port = matchPort(slice.ports ?? [], face);
  if (port === undefined) return [];
  const target = typeof face.port.targetPort === "number" ? face.port.targetPort : face.port.port;
  // All addresses of one endpoint are the same endpoint; the first one is used, as kube-proxy does.
  return (slice.endpoints ?? []).filter(isReady).flatMap(({ addresses: [address] }) => {
    return address === undefined ? [] : [{ address, port: port.port ?? target }];
  });
}

function subsetEndpoints(object: Endpoints, face: PortFace): readonly Endpoint[] {
  return (object.subsets ?? []).flatMap((subset) => {
    const port = matchPort(subset.ports ?? [], face);
    if (port === undefined) return [];
    const addresses = [
      ...(subset.addresses ?? []),
      ...(face.publishNotReady ? (subset.notReadyAddresses ?? []) : []),
    ];
    return addresses.map(({ ip }) => ({ address: ip, port: port.port }));
  });
}

interface NamedPort {
  readonly name?: string | undefined;
  readonly protocol?: string | undefined;
}

/** By name, as in Kubernetes; where both sides have a single port, a name that one of them leaves out does not matter. */
function matchPort<P extends NamedPort>(ports: readonly P[], face: PortFace): P | undefined {
  const candidates = ports.filter((port) => (port.protocol ?? "TCP") === (face.port.protocol ?? "TCP"));
  const wanted = face.port.name ?? "";
  const named = candidates.find((port) => (port.name ?? "") === wanted);
  if (named !== undefined || !face.only || candidates.length !== 1) return named;
  return wanted === "" || !candidates[0]?.name ? candidates[0] : undefined;
}

function sortEndpoints(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  const unique = new Map(endpoints.map((endpoint) => [`${endpoint.address} ${endpoint.port}`, endpoint]));
  return [...unique].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, endpoint]) => endpoint);
}
