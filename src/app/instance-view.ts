import type {
  ProblemAnswer,
  ProxyStatus,
  StatusAnswer,
  SyncState,
  WorkloadEnvironmentAnswer,
} from "#admin/types.ts";
import { AdminClient } from "#envoy/admin-client.ts";
import { type ExplainRequest, type Explanation, explain } from "#insight/explain.ts";
import { gatewayScope } from "#model/model.ts";
import type { Problem } from "#problems/problem.ts";
import type { FolderSource } from "#sources/folder-source.ts";
import type { Ports } from "#standalone/ports.ts";
import { socketPath } from "#standalone/socket-path.ts";
import type { SupervisorClient } from "#standalone/supervisor-client.ts";
import {
  envoyId,
  knownWorkloads,
  workloadEnvironment,
  workloadId,
  workloadStatuses,
} from "#standalone/workload-processes.ts";
import type { Metrics } from "#telemetry/metrics.ts";
import type { Awaited, Publisher } from "#xds/publisher.ts";
import type { AdminSource } from "./admin-routes.ts";
import type { Engine } from "./engine.ts";
import type { UpOptions } from "./options.ts";
import type { Pipeline } from "./pipeline.ts";
import { problemAnswers } from "./problem-answers.ts";
import { adminAddress } from "./proxies.ts";
import { servicesId } from "./services-process.ts";
import { version } from "./version.ts";

interface Parts {
  readonly options: UpOptions;
  readonly state: string;
  readonly ports: Ports;
  readonly pipeline: Pipeline;
  readonly source: FolderSource;
  readonly publisher: Publisher;
  readonly engine: Engine;
  readonly supervisor: SupervisorClient;
  readonly metrics: Metrics;
}

/** A running instance as others see it: the answers of the admin API. */
export class InstanceView implements AdminSource {
  readonly metrics: Metrics;
  readonly #parts: Parts;
  #problems: { revision: string; of: unknown; answers: readonly ProblemAnswer[] } | undefined;
  readonly #startedAt = new Date().toISOString();

  constructor(parts: Parts) {
    this.#parts = parts;
    this.metrics = parts.metrics;
  }

  async awaited(): Promise<readonly string[]> {
    const rewritten = await this.#parts.source.catchUp();
    return [...rewritten.map((file) => `${file} to be written`), ...this.awaitedNow()];
  }

  /** As `awaited`, of what is known without a look at the files. */
  awaitedNow(): readonly string[] {
    const { engine, publisher, pipeline, supervisor } = this.#parts;
    const awaited = engine.behind ? ["the translation of the newest files"] : [];
    awaited.push(...publisher.pending().map(describeAwaited));
    // An instance counts as an endpoint once its sidecar is ready, too.
    const sidecars = [...pipeline.workloads.replicas.keys()].filter(
      (scope) => pipeline.identities.get(scope) !== undefined,
    );
    const workloads = [...pipeline.workloadProcesses.keys()].map(workloadId);
    const services = pipeline.stores.size > 0 ? [servicesId] : [];
    for (const id of [...workloads, ...sidecars.map(envoyId), ...services]) {
      const process = supervisor.processes.get(id);
      // One that fails is a problem, not something to wait for.
      const isComing = process === undefined || process.phase === "starting" || process.phase === "running";
      if (isComing && process?.failure === undefined) awaited.push(`${id} is starting`);
    }
    return awaited.sort();
  }

  /** All problems, or only those that change what users get. */
  problems({ notes = true } = {}): readonly ProblemAnswer[] {
    const { pipeline, source, engine } = this.#parts;
    const revision = [engine.revision, source.revision, pipeline.store.problemsVersion, notes].join();
    if (this.#problems?.revision !== revision || this.#problems.of !== source.problems()) {
      const found = [...pipeline.store.problems(), ...pipeline.graph.problems(), ...engine.problems()];
      // Finding a place costs time, so notes are left out first.
      const wanted = ({ severity }: Problem) => notes || severity !== "info";
      const placed = found.filter(wanted).map((one) => source.place(one));
      const answers = problemAnswers([...source.problems().filter(wanted), ...placed]);
      this.#problems = { revision, of: source.problems(), answers };
    }
    return this.#problems.answers;
  }

  async status(): Promise<StatusAnswer> {
    const { state, supervisor, pipeline } = this.#parts;
    const awaited = await this.awaited();
    const problems = this.problems({ notes: false });
    const count = (severity: string) => problems.filter((one) => one.severity === severity).length;
    const sidecars = [...pipeline.workloads.replicas.keys()].filter(
      (scope) => pipeline.identities.get(scope) !== undefined,
    );
    return {
      version,
      controlPlane: { pid: process.pid, startedAt: this.#startedAt, state, supervisorPid: supervisor.pid },
      ready: awaited.length === 0,
      awaited,
      gateways: [this.#proxy(gatewayScope)],
      sidecars: sidecars.sort().map((scope) => this.#proxy(scope)),
      workloads: workloadStatuses(pipeline.workloads.replicas, supervisor.processes),
      problems: { errors: count("error"), warnings: count("warning") },
    };
  }

  environment(
    namespace: string,
    name: string,
  ): WorkloadEnvironmentAnswer | { readonly known: readonly string[] } {
    const { workloads, workloadProcesses } = this.#parts.pipeline;
    const socket = socketPath(this.#parts.state, "supervisor.sock");
    return (
      workloadEnvironment(namespace, name, workloads.replicas, workloadProcesses, socket) ?? {
        known: knownWorkloads(workloads.replicas),
      }
    );
  }

  explain(request: ExplainRequest): Explanation {
    const { pipeline, source } = this.#parts;
    return explain(
      { ...request, ...(request.from === undefined ? {} : { from: this.#scopeOf(request.from) }) },
      { model: pipeline.model, locate: ({ object, field }) => source.locate(object, field) },
    );
  }

  async gatewayMetrics(): Promise<string> {
    try {
      const [host = "", port = ""] = adminAddress(this.#parts.ports, envoyId(gatewayScope)).split(":");
      const client = new AdminClient({ host, port: Number(port) });
      const { status, body } = await client.get("/stats/prometheus");
      return status === 200 ? body : "";
    } catch {
      // The gateway is being restarted; the control plane's own metrics say so.
      return "";
    }
  }

  /** A workload's name stands for its first replica. */
  #scopeOf(name: string): string {
    const { replicas } = this.#parts.pipeline.workloads;
    if (replicas.get(name) !== undefined) return name;
    return [...replicas.keys()].sort().find((scope) => replicas.get(scope)?.workload === name) ?? name;
  }

  #proxy(scope: string): ProxyStatus {
    const { pipeline, ports, supervisor, options } = this.#parts;
    const id = envoyId(scope);
    const process = supervisor.processes.get(id);
    const replica = pipeline.workloads.replicas.get(scope);
    const identity = pipeline.identities.get(scope);
    const ingress =
      replica === undefined
        ? this.#gatewayPorts().map((port) => ({ port, address: `${options.bind}:${port}` }))
        : replica.instance.ports
            .filter(({ containerPort }) => identity?.ingressPorts.includes(containerPort) ?? false)
            .map((port) => ({
              port: port.containerPort,
              address: `${replica.instance.address}:${port.sidecarPort}`,
            }));
    return {
      name: scope,
      workload: replica?.workload ?? scope,
      ingress,
      ...(replica === undefined
        ? {}
        : { egress: `${replica.instance.address}:${replica.instance.egressPort}` }),
      admin: adminAddress(ports, id),
      sync: this.#sync(scope),
      ...(process?.pid === undefined ? {} : { pid: process.pid }),
      restarts: process?.restarts ?? 0,
      ready: process?.phase === "ready",
      ...(identity === undefined ? {} : { meshIdentity: identity.nodeId }),
      ...(process?.failure === undefined ? {} : { failure: process.failure.message }),
    };
  }

  /** The HTTPS port is open only where there is a certificate. */
  #gatewayPorts(): number[] {
    const { pipeline } = this.#parts;
    return pipeline.model.listeners
      .flatMap((table) => [...table.keys()].flatMap((key) => table.get(key) ?? []))
      .flatMap((one) =>
        one.scope === gatewayScope && one.kind === "http" && one.role === "edge" ? [one.port] : [],
      );
  }

  #sync(scope: string): SyncState {
    const { publisher, engine } = this.#parts;
    const proxy = publisher.proxies().find((one) => one.scope === scope);
    if (proxy === undefined) return "disconnected";
    if (!proxy.settled || engine.behind) return "pending";
    return engine.refusedScopes().has(scope) ? "rejected" : "synced";
  }
}

function describeAwaited({ scope, node, what, names }: Awaited): string {
  const some =
    names.length === 0 ? "" : ` of ${names.slice(0, 3).join(", ")}${names.length > 3 ? ", …" : ""}`;
  if (what === "connection") return `${scope} is not connected`;
  if (what === "proof") return `the proof${some}`;
  return `${node ?? scope} has not acknowledged its ${what}${some}`;
}
