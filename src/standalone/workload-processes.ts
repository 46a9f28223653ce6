import type { WorkloadEnvironmentAnswer, WorkloadStatus } from "#admin/types.ts";
import type { Graph, InputTable, Table } from "#incremental/graph.ts";
import type { MeshIdentity } from "#model/mesh.ts";
import { problem } from "#problems/problem.ts";
import type { ProcessFailure, ProcessSpec, ProcessState } from "./process-spec.ts";
import type { LocalReplica } from "./workloads.ts";

/** How long an application may take to end after SIGTERM. */
const graceMs = 5000;
/** How long the proxies may take to learn that an application is about to be replaced. */
const delayMs = 300;

export interface WorkloadProcessOptions {
  /** Who has a sidecar. */
  readonly identities: Table<MeshIdentity>;
  /** Keyed by scope: further variables, e.g. the addresses of TCP backends. */
  readonly additions?: Table<Readonly<Record<string, string>>>;
}

/** The process of each local replica, keyed by scope. A pod that is only a proxy has none. */
export function workloadProcesses(
  graph: Graph,
  replicas: Table<LocalReplica>,
  { identities, additions }: WorkloadProcessOptions,
): Table<ProcessSpec> {
  return graph.derive("workload processes", replicas, (scope, replica, read) => {
    const identity = read.get(identities, scope);
    const isGateway = identity?.node.kind === "VirtualGateway";
    const [command, ...args] = replica.command ?? [];
    if (command === undefined) {
      if (!isGateway) {
        const { object, field } = replica.origin;
        const message = `The workload ${replica.workload} has no command, so nothing is started for it.`;
        const fix = "Add `command`. Only a pod that a VirtualGateway selects needs none.";
        read.report(problem("workload-failed", object, field, message, { fix }));
      }
      return undefined;
    }
    const more = additions === undefined ? undefined : read.get(additions, scope);
    const listens = replica.instance.ports.length > 0;
    return {
      id: workloadId(scope),
      command,
      args,
      env: replicaEnvironment(replica, identity !== undefined && !isGateway, more ?? {}),
      cwd: replica.directory,
      readiness: listens ? { kind: "tcp", port: replica.port } : { kind: "none" },
      drain: { kind: "signal", graceMs, delayMs },
      stopStage: 2,
      group: replica.workload,
    };
  });
}

/** The process id of a local replica. */
export function workloadId(scope: string): string {
  return `workload/${scope}`;
}

function scopeOfWorkload(id: string): string | undefined {
  return id.startsWith("workload/") ? id.slice("workload/".length) : undefined;
}

/** The process id of an Envoy. */
export function envoyId(scope: string): string {
  return `envoy/${scope}`;
}

/** Later ones win: the manifest, what Diolkos says, the entry of the LocalWorkloads object; but where the application
 * listens is settled already, with the entry's own ports in it. */
function replicaEnvironment(
  { instance, port, manifest, entry }: LocalReplica,
  hasSidecar: boolean,
  additions: Readonly<Record<string, string>>,
): Record<string, string | null> {
  const ports: Record<string, string> = { PORT: String(port) };
  for (const { containerPort, appPort } of instance.ports) ports[`PORT_${containerPort}`] = String(appPort);
  return {
    ...manifest.variables,
    POD_NAME: instance.pod,
    POD_NAMESPACE: instance.namespace,
    POD_IP: instance.address,
    ...(hasSidecar ? proxyVariables(`http://${instance.address}:${instance.egressPort}`) : {}),
    ...additions,
    ...entry,
    ...ports,
  };
}

function proxyVariables(egress: string): Record<string, string | null> {
  // The user's own exceptions, made for another proxy, would lead past the sidecar.
  return { HTTP_PROXY: egress, http_proxy: egress, NO_PROXY: null, no_proxy: null };
}

/** Reports what is wrong with processes, keyed by process id in the returned input table. */
export function processProblems(graph: Graph, replicas: Table<LocalReplica>): InputTable<ProcessFailure> {
  const failures = graph.input<ProcessFailure>("process failures");
  graph.derive("process problems", failures, (id, failure, read) => {
    const [kind, ...rest] = id.split("/");
    const replica = read.get(replicas, rest.join("/"));
    const more = failure.fix === undefined ? {} : { fix: failure.fix };
    if (kind === "workload" && replica !== undefined) {
      const { object, field } = replica.origin;
      const message = `${replica.workload}, process ${replica.instance.pod}: ${failure.message}.`;
      read.report(problem("workload-failed", object, field, message, more));
    } else if (kind !== "workload") {
      const object = replica?.origin.object ?? { kind: "Process", namespace: "", name: id };
      const field = replica?.origin.field ?? [];
      read.report(problem("proxy-failed", object, field, `${id}: ${failure.message}.`, more));
    }
    return undefined;
  });
  return failures;
}

/** Writes what the supervisor knows into the graph's input tables. An instance is ready when its application is and,
 * where it has one, its sidecar. Call it before the first flush, too: what serves already must never seem to be away. */
export function noteProcesses(
  processes: ReadonlyMap<string, ProcessState>,
  replicas: Table<LocalReplica>,
  tables: { readonly readiness: InputTable<boolean>; readonly failures: InputTable<ProcessFailure> },
): void {
  const isReady = (id: string, otherwise: boolean) => {
    const state = processes.get(id);
    return state === undefined ? otherwise : state.phase === "ready";
  };
  const running = [...processes.keys()].flatMap((id) => scopeOfWorkload(id) ?? []);
  const scopes = new Set([...replicas.keys(), ...running]);
  for (const scope of scopes) {
    const replica = replicas.get(scope);
    const isProxyOnly = replica !== undefined && replica.command === undefined;
    const ready = isReady(workloadId(scope), isProxyOnly) && isReady(envoyId(scope), true);
    tables.readiness.set(scope, ready);
  }
  for (const scope of [...tables.readiness.keys()]) if (!scopes.has(scope)) tables.readiness.delete(scope);
  for (const [id, { failure }] of processes) {
    if (failure === undefined) tables.failures.delete(id);
    else tables.failures.set(id, failure);
  }
  for (const id of [...tables.failures.keys()]) if (!processes.has(id)) tables.failures.delete(id);
}

/** The workloads' part of `GET /v1/status`, sorted. */
export function workloadStatuses(
  replicas: Table<LocalReplica>,
  processes: ReadonlyMap<string, ProcessState>,
): readonly WorkloadStatus[] {
  return [...entries(replicas)]
    .filter(([, { command }]) => command !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([scope, { workload, instance }]) => {
      const state = processes.get(workloadId(scope));
      return {
        name: scope,
        workload,
        ports: instance.ports.map(({ containerPort, appPort }) => ({
          port: containerPort,
          address: `${instance.address}:${appPort}`,
        })),
        ...(state?.pid === undefined ? {} : { pid: state.pid }),
        restarts: state?.restarts ?? 0,
        ready: state?.phase === "ready",
        ...(state?.failure === undefined ? {} : { failure: state.failure.message }),
      };
    });
}

/** The answer to `GET /v1/workloads/NAMESPACE/NAME/environment`; undefined when there is no such workload or pod. */
export function workloadEnvironment(
  namespace: string,
  name: string,
  replicas: Table<LocalReplica>,
  processes: Table<ProcessSpec>,
  supervisorSocket: string,
): WorkloadEnvironmentAnswer | undefined {
  const wanted = `${namespace}/${name}`;
  const all = [...entries(replicas)].sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }));
  const found =
    all.find(([scope]) => scope === wanted) ?? all.find(([, { workload }]) => workload === wanted);
  if (found === undefined) return undefined;
  const [scope, { manifest, entry, directory }] = found;
  const environment = processes.get(scope)?.env ?? {};
  const secrets = new Set([...manifest.secrets, ...Object.keys(entry)]);
  return {
    name: scope,
    environment: Object.fromEntries(
      Object.entries(environment).filter(([variable]) => !secrets.has(variable)),
    ),
    secretVariables: [...secrets].filter((variable) => variable in environment).sort(),
    process: workloadId(scope),
    supervisorSocket,
    directory,
  };
}

/** Every `NAMESPACE/WORKLOAD` that has local processes, sorted. */
export function knownWorkloads(replicas: Table<LocalReplica>): readonly string[] {
  return [...new Set([...entries(replicas)].map(([, { workload }]) => workload))].sort();
}

function* entries<V>(table: Table<V>): Generator<readonly [string, V]> {
  for (const key of table.keys()) {
    const value = table.get(key);
    if (value !== undefined) yield [key, value];
  }
}
