import { resolve } from "node:path";
import type { Graph, InputTable, Reader, Table } from "#incremental/graph.ts";
import { type InstancePort, instanceScope, type WorkloadInstance } from "#model/workload.ts";
import { formatRef, type ObjectRef, type Origin } from "#problems/object-ref.ts";
import { problem } from "#problems/problem.ts";
import { configMapKind } from "#resources/config-map.ts";
import { daemonSetKind } from "#resources/daemon-set.ts";
import { deploymentKind } from "#resources/deployment.ts";
import { type KubernetesObject, refOf } from "#resources/kind.ts";
import { type LocalWorkload, type LocalWorkloads, localWorkloadsKind } from "#resources/local-workloads.ts";
import type { Objects } from "#resources/object-store.ts";
import { podKind } from "#resources/pod.ts";
import { containerPorts, type PodTemplate } from "#resources/pod-template.ts";
import { secretKind } from "#resources/secret.ts";
import { type Service, serviceKind } from "#resources/service.ts";
import { statefulSetKind } from "#resources/stateful-set.ts";
import {
  type ContainerEnvironment,
  containerEnvironment,
  type EnvironmentSources,
} from "./workload-environment.ts";

/** One process that stands for one pod. */
export interface LocalReplica {
  /** Without its readiness. */
  readonly instance: Omit<WorkloadInstance, "ready">;
  /** `NAMESPACE/NAME` of the workload. */
  readonly workload: string;
  /** The entry of the LocalWorkloads object. */
  readonly origin: Origin;
  /** Absent for a pod that is only a proxy. */
  readonly command?: readonly string[];
  /** Absolute path. */
  readonly directory: string;
  /** Where the application must listen: the value of PORT. */
  readonly port: number;
  /** What the manifest and the entry set; the rest is made from the instance. */
  readonly manifest: ContainerEnvironment;
  readonly entry: Readonly<Record<string, string>>;
}

export interface LocalWorkloadTables {
  /** Keyed by scope (`NAMESPACE/POD`). */
  readonly replicas: Table<LocalReplica>;
  readonly instances: Table<WorkloadInstance>;
  /** Keyed by scope; written by whoever watches the processes. An absent entry means false. */
  readonly readiness: InputTable<boolean>;
}

export interface LocalWorkloadOptions {
  /** The instance's ports, see `openPorts`. */
  readonly portFor: (key: string) => number;
  /** The folder of the file in which a LocalWorkloads object stands. */
  readonly folderOf: (object: ObjectRef) => string;
}

/** Stands for the only port of a pod that declares none. */
const anyPort = 0;

/** Everything local is reached here. */
const loopback = "127.0.0.1";

interface Claim {
  readonly object: ObjectRef;
  readonly at: number;
  readonly entry: LocalWorkload;
}

interface Workload {
  readonly ref: ObjectRef;
  readonly template: PodTemplate;
  readonly specField: readonly string[];
}

/** Which local processes there are: the entries of the LocalWorkloads objects, each with the pod template that it
 * stands for, once for each replica. */
export function localWorkloads(
  graph: Graph,
  objects: Objects,
  options: LocalWorkloadOptions,
): LocalWorkloadTables {
  const readiness = graph.input<boolean>("workload readiness");
  const sources = { configMaps: objects.table(configMapKind), secrets: objects.table(secretKind) };
  const services = graph.index("services by namespace", objects.table(serviceKind), (_, service) => [
    [service.metadata.namespace, service] as const,
  ]);
  const claims = graph.index("local workloads", objects.table(localWorkloadsKind), placeEntries);
  const plans = graph.derive("local workload replicas", claims, (key, [first, ...others], read) => {
    if (first === undefined) return undefined;
    for (const other of others) reportSecondClaim(key, first, other, read);
    const workload = findWorkload(key, objects, read);
    if (workload === undefined) {
      reportMissing(key, first, read);
      return undefined;
    }
    return planReplicas(key, first, workload, { ...options, sources, services }, read);
  });
  const byScope = graph.index("local replicas by pod", plans, (_, replicas) =>
    replicas.map((replica) => [instanceScope(replica.instance), replica] as const),
  );
  const replicas = graph.derive("local replicas", byScope, (_, [replica]) => replica);
  const instances = graph.derive("local instances", replicas, (scope, { instance }, read) => ({
    ...instance,
    ready: read.get(readiness, scope) ?? false,
  }));
  return { replicas, instances, readiness };
}

function placeEntries(_: string, object: LocalWorkloads): readonly (readonly [string, Claim])[] {
  return object.workloads.map((entry, at) => [entry.workload, { object: refOf(object), at, entry }]);
}

function findWorkload(key: string, objects: Objects, read: Reader): Workload | undefined {
  for (const kind of [deploymentKind, statefulSetKind, daemonSetKind]) {
    const object: (KubernetesObject & { spec: { template: PodTemplate } }) | undefined = read.get(
      objects.table<KubernetesObject & { spec: { template: PodTemplate } }>(kind),
      key,
    );
    if (object !== undefined) {
      return { ref: refOf(object), template: object.spec.template, specField: ["spec", "template", "spec"] };
    }
  }
  const pod = read.get(objects.table(podKind), key);
  if (pod === undefined) return undefined;
  const { labels, annotations } = pod.metadata;
  return {
    ref: refOf(pod),
    template: { metadata: { labels, annotations }, spec: pod.spec },
    specField: ["spec"],
  };
}

interface PlanContext extends LocalWorkloadOptions {
  readonly sources: EnvironmentSources;
  readonly services: Table<readonly Service[]>;
}

function planReplicas(
  key: string,
  claim: Claim,
  workload: Workload,
  context: PlanContext,
  read: Reader,
): readonly LocalReplica[] {
  const { entry, object } = claim;
  const { ref, template } = workload;
  const labels = template.metadata?.labels ?? {};
  const annotations = template.metadata?.annotations ?? {};
  const count = entry.replicas ?? 1;
  const declared = declaredPorts(template, ref.namespace, labels, context.services, read);
  const fixed = fixedPorts(claim, declared, read);
  return Array.from({ length: count }, (_, n) => {
    const pod = ref.kind === "Pod" && count === 1 ? ref.name : `${ref.name}-${n}`;
    const scope = `${ref.namespace}/${pod}`;
    const portOf = (port: number, what: string) => context.portFor(`${scope}/${what}/${port}`);
    const ports: InstancePort[] = declared.map(({ name, containerPort }) => ({
      ...(name === undefined ? {} : { name }),
      containerPort,
      appPort: fixed.get(containerPort) ?? portOf(containerPort, "application"),
      sidecarPort: portOf(containerPort, "sidecar"),
    }));
    const facts = {
      object: ref,
      specField: workload.specField,
      name: pod,
      address: loopback,
      labels,
      annotations,
    };
    return {
      instance: {
        namespace: ref.namespace,
        pod,
        labels,
        owner: formatRef(ref),
        address: loopback,
        ports,
        egressPort: context.portFor(`${scope}/egress`),
      },
      workload: key,
      origin: { object, field: ["workloads", claim.at] },
      ...(entry.command === undefined ? {} : { command: entry.command }),
      directory: resolve(context.folderOf(object), entry.directory ?? "."),
      port: ports[0]?.appPort ?? fixed.get(anyPort) ?? context.portFor(`${scope}/application`),
      manifest: containerEnvironment(template.spec, facts, context.sources, read),
      entry: entry.env ?? {},
    };
  });
}

/** The TCP ports of the pod. In Kubernetes a container need not declare its ports; where none is declared, the ports
 * to which Services send are taken. */
function declaredPorts(
  template: PodTemplate,
  namespace: string,
  labels: Readonly<Record<string, string>>,
  services: Table<readonly Service[]>,
  read: Reader,
): readonly { readonly name?: string | undefined; readonly containerPort: number }[] {
  const declared = containerPorts(template.spec).filter(({ protocol }) => (protocol ?? "TCP") === "TCP");
  if (declared.length > 0) return declared;
  const numbers = new Set<number>();
  for (const { spec } of read.get(services, namespace) ?? []) {
    const selector = Object.entries(spec.selector ?? {});
    if (selector.length === 0 || !selector.every(([name, value]) => labels[name] === value)) continue;
    for (const { port, targetPort = port } of spec.ports ?? []) {
      if (typeof targetPort === "number") numbers.add(targetPort);
    }
  }
  return [...numbers].sort((a, b) => a - b).map((containerPort) => ({ containerPort }));
}

/** Ports that the entry sets itself, for an application that cannot be told where to listen: `env: {PORT: "9080"}`. */
function fixedPorts(
  { entry, object, at }: Claim,
  declared: readonly { readonly containerPort: number }[],
  read: Reader,
): ReadonlyMap<number, number> {
  const fixed = new Map<number, number>();
  const ports = declared.length > 0 ? declared : [{ containerPort: anyPort }];
  ports.forEach(({ containerPort }, n) => {
    for (const name of [`PORT_${containerPort}`, ...(n === 0 ? ["PORT"] : [])]) {
      const value = entry.env?.[name];
      if (value === undefined || fixed.has(containerPort)) continue;
      const port = Number(value);
      const field = ["workloads", at, "env", name];
      if (!Number.isInteger(port) || port < 1 || port > 65_535) {
        read.report(problem("invalid-field", object, field, `${name} must be a port number.`));
      } else if ((entry.replicas ?? 1) > 1) {
        const message = `${name} gives all replicas one port, and only one of them can listen there.`;
        const fix = `Remove ${name}: each replica is told its own port.`;
        read.report(problem("invalid-field", object, field, message, { fix }));
      } else fixed.set(containerPort, port);
    }
  });
  return fixed;
}

function reportMissing(key: string, { object, at }: Claim, read: Reader): void {
  const message = `There is no Deployment, StatefulSet, DaemonSet or Pod ${key}; its process is not started.`;
  const fix = "Add the manifest to the folder, or correct the name (namespace/name).";
  read.report(problem("reference-missing", object, ["workloads", at, "workload"], message, { fix }));
}

function reportSecondClaim(key: string, first: Claim, other: Claim, read: Reader): void {
  const message = `The workload ${key} has an entry already; this one has no effect.`;
  const fix = "Remove one of the entries; `replicas` starts several processes.";
  const field = ["workloads", other.at, "workload"];
  read.report(problem("selector-conflict", other.object, field, message, { related: [first.object], fix }));
}
