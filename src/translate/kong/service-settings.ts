import type { Graph, Reader, Table } from "#incremental/graph.ts";
import type { Origin } from "#problems/object-ref.ts";
import { hasControlCharacter, hostHeaderPattern } from "#resources/http-texts.ts";
import { objectKey, refOf } from "#resources/kind.ts";
import { type KongIngress, type KongIngressProxy, kongIngressKind } from "#resources/kong-ingress.ts";
import { kongUpstreamPolicyKind } from "#resources/kong-upstream-policy.ts";
import type { Objects } from "#resources/object-store.ts";
import type { Service } from "#resources/service.ts";
import { type ResolvedPort, resolveService, type ServiceTables } from "../services/service-tables.ts";
import { type Annotations, ingressFlag, kongAnnotations, referenceMissing } from "./annotations.ts";
import { balancingOfKongIngress, balancingOfPolicy } from "./balancing.ts";
import type { ClassMatch } from "./class-match.ts";
import { finding } from "./finding.ts";
import type { ServiceReference } from "./kong-route.ts";
import type { Balancing, KongService, ServiceTarget } from "./kong-service.ts";
import type { PluginReferences } from "./plugin-references.ts";

export interface ServiceSources {
  readonly objects: Objects;
  readonly services: ServiceTables;
  readonly plugins: PluginReferences;
  readonly classes: ClassMatch;
}

/** Kong's services, as the routes of `references` (by Kong's service name) use them. */
export function kongServices(
  graph: Graph,
  references: Table<readonly ServiceReference[]>,
  sources: ServiceSources,
): Table<KongService> {
  // What a Service says does not depend on the port, so that it is read, and reported, once.
  const byService = graph.index("kong/services in use", references, (_, [reference]) =>
    reference === undefined
      ? []
      : [[objectKey(reference.namespace, reference.service), reference.service] as const],
  );
  const settings = graph.derive("kong/service settings", byService, (key, _, read) => {
    const service = read.get(sources.services.services, key);
    return service && readService(service, sources, read);
  });
  return graph.derive(
    "kong/services",
    references,
    (name, [reference], read) => reference && buildService(name, reference, settings, sources, read),
  );
}

/** What a Service's annotations, its KongIngress and its KongUpstreamPolicy say. */
type ServiceSettings = Pick<
  KongService,
  | "path"
  | "connectTimeoutMs"
  | "readTimeoutMs"
  | "retries"
  | "hostHeader"
  | "serviceUpstream"
  | "balancing"
  | "plugins"
  | "origins"
> & { readonly protocol: string };

// Kong's own defaults.
const defaultTimeoutMs = 60_000;
const defaultRetries = 5;
// The ranges of Kong itself.
const longestMs = 2_147_483_646;
const mostRetries = 32_767;

function buildService(
  name: string,
  reference: ServiceReference,
  settings: Table<ServiceSettings>,
  sources: ServiceSources,
  read: Reader,
): KongService {
  const { namespace, service } = reference;
  const found = read.get(settings, objectKey(namespace, service));
  const resolved = resolvePort(reference, sources.services, read);
  const target = targetOf(resolved, found?.protocol ?? "http");
  const serviceUpstream =
    (found?.serviceUpstream ?? false) || sources.classes.parameters(read).serviceUpstream === true;
  return {
    name,
    namespace,
    service,
    target,
    protocol: found?.protocol === "grpc" ? "grpc" : "http",
    path: found?.path ?? "/",
    connectTimeoutMs: found?.connectTimeoutMs ?? defaultTimeoutMs,
    readTimeoutMs: found?.readTimeoutMs ?? defaultTimeoutMs,
    retries: found?.retries ?? defaultRetries,
    ...(found?.hostHeader === undefined ? {} : { hostHeader: found.hostHeader }),
    serviceUpstream,
    hostPort: hostPort(reference, resolved, serviceUpstream, sources, read),
    balancing: found?.balancing ?? { algorithm: "round-robin" },
    plugins: found?.plugins ?? [],
    origins: found?.origins ?? [],
  };
}

/** The port that a reference means; without one the Service's only port. */
export function resolvePort(
  reference: ServiceReference,
  services: ServiceTables,
  read: Reader,
): ResolvedPort | "no-service" | "no-port" {
  if (reference.port !== undefined)
    return resolveService(read, services, serviceOf(reference), reference.port);
  const object = read.get(services.services, objectKey(reference.namespace, reference.service));
  if (object === undefined) return "no-service";
  const [only, ...others] = object.spec.ports ?? [];
  return only === undefined || others.length > 0
    ? "no-port"
    : resolveService(read, services, serviceOf(reference), only.port);
}

function serviceOf(reference: ServiceReference) {
  return { namespace: reference.namespace, name: reference.service };
}

function targetOf(resolved: ResolvedPort | string, protocol: string): ServiceTarget {
  if (typeof resolved === "string") return { kind: "missing" };
  if (protocol !== "http" && protocol !== "grpc") return { kind: "refused" };
  return { kind: "found", discovery: resolved.discovery, port: resolved.portNumber };
}

/** Kong sends the port of the target: the Service's own with service-upstream, else that of its endpoints. */
function hostPort(
  reference: ServiceReference,
  resolved: ResolvedPort | string,
  serviceUpstream: boolean,
  { services }: ServiceSources,
  read: Reader,
): number {
  if (typeof resolved === "string") return typeof reference.port === "number" ? reference.port : 80;
  if (serviceUpstream) return resolved.portNumber;
  const object = read.get(services.services, objectKey(reference.namespace, reference.service));
  const targetPort = object?.spec.ports?.find(({ port }) => port === resolved.portNumber)?.targetPort;
  return typeof targetPort === "number" ? targetPort : resolved.portNumber;
}

function readService(service: Service, sources: ServiceSources, read: Reader): ServiceSettings {
  const annotations = kongAnnotations(service, read.report);
  const override = findOverride(service, annotations, sources.objects, read);
  const proxy: KongIngressProxy = override?.proxy ?? {};
  reportUnserved(service, annotations, read);
  const hostHeader = readHostHeader(annotations) ?? override?.upstream?.host_header ?? "";
  return {
    protocol: readProtocol(service, annotations, proxy, read),
    path: readPath(annotations) ?? proxy.path ?? "/",
    connectTimeoutMs:
      annotations.integer("connect-timeout", 1, longestMs) ?? proxy.connect_timeout ?? defaultTimeoutMs,
    readTimeoutMs: readPauses(service, annotations, proxy, read),
    retries: annotations.integer("retries", 0, mostRetries) ?? proxy.retries ?? defaultRetries,
    ...(hostHeader === "" ? {} : { hostHeader }),
    serviceUpstream: ingressFlag(service, "service-upstream"),
    balancing: readBalancing(service, annotations, override, sources.objects, read),
    plugins: sources.plugins.resolve(service, annotations, read),
    origins: [
      { object: refOf(service), field: ["spec", "ports"] },
      ...(override === undefined ? [] : [{ object: refOf(override), field: [] } satisfies Origin]),
    ],
  };
}

/** Envoy has one timeout for pauses in both directions; the one that users wait for counts. */
function readPauses(
  service: Service,
  annotations: Annotations,
  proxy: KongIngressProxy,
  read: Reader,
): number {
  const readTimeout =
    annotations.integer("read-timeout", 1, longestMs) ?? proxy.read_timeout ?? defaultTimeoutMs;
  const writeTimeout = annotations.integer("write-timeout", 1, longestMs) ?? proxy.write_timeout;
  if (writeTimeout !== undefined && writeTimeout !== readTimeout) {
    const field = annotations.find("write-timeout")?.field ?? ["metadata", "annotations"];
    const message = `pauses in both directions end after the read timeout (${readTimeout} ms)`;
    const fix = "Set both timeouts to the same value, or the read timeout alone.";
    read.report({
      ...finding("not-supported", refOf(service), field, message, { fix }),
      severity: "warning",
    });
  }
  return readTimeout;
}

function findOverride(
  service: Service,
  annotations: Annotations,
  objects: Objects,
  read: Reader,
): KongIngress | undefined {
  const annotation = annotations.find("override");
  if (annotation === undefined || annotation.value === "") return undefined;
  const { namespace } = service.metadata;
  const found = read.get(objects.table(kongIngressKind), objectKey(namespace, annotation.value));
  if (found === undefined) {
    const target = { kind: kongIngressKind.kind, namespace, name: annotation.value };
    read.report(
      referenceMissing(
        service,
        annotation.field,
        target,
        "nothing is overridden",
        "Create it, or remove the annotation.",
      ),
    );
  }
  return found;
}

function readHostHeader(annotations: Annotations): string | undefined {
  const host = annotations.text("host-header");
  if (host === undefined || host === "" || hostHeaderPattern.test(host)) return host;
  annotations.invalid("host-header", `${JSON.stringify(host)} is not a host name, so it has no effect`);
  return undefined;
}

function readPath(annotations: Annotations): string | undefined {
  const path = annotations.text("path");
  if (path !== undefined && hasControlCharacter(path)) {
    annotations.invalid("path", "the path holds a control character, so it has no effect");
    return undefined;
  }
  if (path === undefined || path === "" || path.startsWith("/")) return path || undefined;
  annotations.invalid("path", `${JSON.stringify(path)} does not begin with a slash, so it has no effect`);
  return undefined;
}

const protocols = ["http", "https", "grpc", "grpcs", "ws", "wss", "tls", "tcp", "tls_passthrough"];

function readProtocol(
  service: Service,
  annotations: Annotations,
  proxy: KongIngressProxy,
  read: Reader,
): string {
  const text = annotations.text("protocol") ?? "";
  if (text !== "" && !protocols.includes(text)) {
    annotations.invalid("protocol", `${JSON.stringify(text)} is no protocol of Kong's, so it has no effect`);
  }
  const protocol = protocols.includes(text) ? text : (proxy.protocol ?? "http");
  if (protocol === "http" || protocol === "ws") return "http";
  if (protocol === "grpc") return "grpc";
  const field = annotations.find("protocol")?.field ?? ["metadata", "annotations"];
  read.report(
    finding(
      "not-supported",
      refOf(service),
      field,
      `calling the application by ${protocol} is not supported; requests get 503`,
      {
        fix: "Use http or grpc between the gateway and the application.",
      },
    ),
  );
  return protocol;
}

/** Annotations that ask for what is not served; each is refused aloud. */
function reportUnserved(service: Service, annotations: Annotations, read: Reader): void {
  const unserved: readonly string[] = [
    "client-cert",
    "tls-verify",
    "tls-verify-depth",
    "ca-certificates-secrets",
    "ca-certificates-configmaps",
  ];
  for (const name of unserved) {
    const annotation = annotations.find(name);
    if (annotation === undefined || annotation.value === "") continue;
    read.report(
      finding(
        "not-supported",
        refOf(service),
        annotation.field,
        `${annotation.key} is not supported: applications are called without TLS`,
        {
          fix: "Remove it.",
        },
      ),
    );
  }
}

function readBalancing(
  service: Service,
  annotations: Annotations,
  override: KongIngress | undefined,
  objects: Objects,
  read: Reader,
): Balancing {
  const annotation = annotations.find("upstream-policy");
  if (annotation !== undefined && annotation.value !== "") {
    const { namespace } = service.metadata;
    const policy = read.get(objects.table(kongUpstreamPolicyKind), objectKey(namespace, annotation.value));
    if (policy !== undefined) return balancingOfPolicy(policy, read.report);
    const target = { kind: kongUpstreamPolicyKind.kind, namespace, name: annotation.value };
    read.report(
      referenceMissing(
        service,
        annotation.field,
        target,
        "requests go round robin",
        "Create it, or remove the annotation.",
      ),
    );
  }
  return override?.upstream === undefined
    ? { algorithm: "round-robin" }
    : balancingOfKongIngress(override, override.upstream, read.report);
}
