import type { Server } from "node:http";
import { dirname, join, resolve } from "node:path";
import { serveAdmin } from "#admin/server.ts";
import type { Table } from "#incremental/graph.ts";
import type { ObjectRef } from "#problems/object-ref.ts";
import { problem } from "#problems/problem.ts";
import { kinds } from "#resources/registry.ts";
import { FolderSource } from "#sources/folder-source.ts";
import { LastGoodFile } from "#sources/last-good-file.ts";
import { checkFixedPort, openPorts, type Ports } from "#standalone/ports.ts";
import { socketPath } from "#standalone/socket-path.ts";
import { connectSupervisor, type SupervisorClient } from "#standalone/supervisor-client.ts";
import { noteProcesses } from "#standalone/workload-processes.ts";
import { createLog, type Log } from "#telemetry/log.ts";
import { createMetrics, type Metrics } from "#telemetry/metrics.ts";
import { type Publisher, startPublisher } from "#xds/publisher.ts";
import { adminRoutes } from "./admin-routes.ts";
import { Engine } from "./engine.ts";
import { findEnvoy, modulePath } from "./files.ts";
import { InstanceView } from "./instance-view.ts";
import { adminHost, type UpOptions } from "./options.ts";
import { buildPipeline, type Pipeline } from "./pipeline.ts";
import { gatewayProxy, proverProxy, proxyProcess, sidecarProxy } from "./proxies.ts";
import { observePublisher } from "./publisher-metrics.ts";
import { servicesProcess, servicesSocket } from "./services-process.ts";
import { makeStateDirectory } from "./state-directory.ts";

/** Says to people what happens; the control plane itself prints nothing. */
export interface Progress {
  /** The manifests are read, and processes are being started. */
  reading(files: string, objects: number): void;
  /** Every proxy serves; called once. */
  ready(view: InstanceView): void;
  /** The problems have changed. */
  problems(view: InstanceView): void;
  event(line: string): void;
}

/** How a control plane ended: told to stop everything, or another one is in charge now. */
export type Ending = "stopped" | "superseded";

export interface ControlPlane {
  readonly ended: Promise<Ending>;
  /** Drains and ends everything that was started; a second call hurries. */
  stop(): Promise<void>;
}

/** Milliseconds that clients get to leave before a proxy ends. */
const drainMs = 3000;

/** Starts an instance: reads the manifests, starts the proxies and workloads through the supervisor, and follows changes. */
export async function startControlPlane(options: UpOptions, progress: Progress): Promise<ControlPlane> {
  const state = resolve(options.state);
  makeStateDirectory(state);
  const log = createLog(options.logLevel);
  const metrics = createMetrics();
  const envoyPath = findEnvoy();
  const fixed = [options.gatewayPort, options.gatewayTlsPort, options.adminPort];
  const ports = await openPorts({ state, reserved: fixed });
  const running = new RunningControlPlane({ options, progress, state, log, metrics, ports, envoyPath });
  await running.start();
  return running;
}

interface Parts {
  readonly options: UpOptions;
  readonly progress: Progress;
  readonly state: string;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly ports: Ports;
  readonly envoyPath: string;
}

class RunningControlPlane implements ControlPlane {
  readonly ended: Promise<Ending>;
  readonly #parts: Parts;
  readonly #pipeline: Pipeline;
  readonly #source: FolderSource;
  readonly #xdsSocket: string;
  #publisher!: Publisher;
  #engine!: Engine;
  #supervisor!: SupervisorClient;
  #view!: InstanceView;
  #admin: Server | undefined;
  #expected = new Set<string>();
  #wasReady = false;
  #sourceProblems = false;
  #end: (ending: Ending) => void = () => {};
  #stopping: Promise<void> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.ended = new Promise((done) => {
      this.#end = done;
    });
    const { options, state, log, ports } = parts;
    this.#xdsSocket = socketPath(state, "xds.sock");
    this.#pipeline = buildPipeline({
      gateway: {
        address: options.bind,
        port: options.gatewayPort,
        tlsPort: options.gatewayTlsPort,
        ingressClass: options.ingressClass,
      },
      gatewayLabels: options.gatewayLabels,
      modulePath: modulePath(),
      servicesSocket: servicesSocket(state),
      lastGood: new LastGoodFile(join(state, "last-good.json"), (error) =>
        log.error("the last good versions of objects cannot be kept", { error: String(error) }),
      ),
      portFor: (key) => ports.portFor(key),
      folderOf: (object) => this.#folderOf(object),
      onDefect: (table, key, error) => this.#defect(table, key, error),
    });
    this.#source = new FolderSource({
      directories: options.directories,
      store: this.#pipeline.store,
      onApplied: () => {
        parts.metrics.applied.inc();
        this.#engine?.schedule();
      },
      // Printed after the translation, so that all problems are of one moment.
      onProblems: () => {
        this.#sourceProblems = true;
        this.#engine?.schedule();
      },
    });
  }

  /** Brings everything up in order: files, supervisor (then the xDS socket is ours), xDS, processes, admin API. */
  async start(): Promise<void> {
    const { options, progress, state, log, metrics, ports } = this.#parts;
    await this.#checkPort(options.bind, options.gatewayPort, "gateway", "--gateway-port");
    await this.#source.start();
    progress.reading(options.directories.join(", "), this.#countObjects());
    this.#supervisor = await this.#connectSupervisor(state);
    await this.#checkPort(adminHost, options.adminPort, "admin API", "--admin-port");
    this.#publisher = await startPublisher({
      socketPath: this.#xdsSocket,
      snapshotPath: join(state, "last-good.xds"),
      awaitProverMs: 5000,
      onRefused: (refusal) => {
        this.#engine.refused(refusal);
        progress.problems(this.#view);
      },
      onHealed: (resource) => {
        this.#engine.healed(resource);
        progress.problems(this.#view);
      },
      onSettled: () => {
        this.#engine.settled();
        this.#checkReady();
      },
    });
    observePublisher(metrics, this.#publisher);
    this.#engine = new Engine({
      pipeline: this.#pipeline,
      publisher: this.#publisher,
      metrics,
      log,
      onTranslated: (changed, problemsChanged) => {
        this.#translated(changed);
        if (problemsChanged || this.#sourceProblems) progress.problems(this.#view);
        this.#sourceProblems = false;
      },
    });
    this.#view = new InstanceView({
      options,
      state,
      ports,
      pipeline: this.#pipeline,
      source: this.#source,
      publisher: this.#publisher,
      engine: this.#engine,
      supervisor: this.#supervisor,
      metrics,
    });
    // What still runs from before is ready, and must not lose its endpoints for a moment.
    this.#noteProcesses();
    this.#engine.translate();
    this.#noteProcesses();
    this.#admin = await serveAdmin({
      address: adminHost,
      port: options.adminPort,
      routes: adminRoutes(this.#view),
      onDefect: (path, error) => log.error("the admin API failed", { path, error: String(error) }),
    });
  }

  stop(): Promise<void> {
    if (this.#stopping !== undefined) {
      void this.#supervisor.stop(0);
      return this.#stopping;
    }
    this.#stopping = (async () => {
      await this.#supervisor.stop(drainMs);
      await this.#close();
      this.#end("stopped");
    })();
    return this.#stopping;
  }

  async #checkPort(address: string, port: number, purpose: string, option: string): Promise<void> {
    const conflict = await checkFixedPort({ state: this.#parts.state, address, port, purpose, option });
    if (conflict !== undefined) throw new Error(`${conflict.message} ${conflict.fix}`);
  }

  async #connectSupervisor(state: string): Promise<SupervisorClient> {
    const { progress, log, options } = this.#parts;
    const [program = ""] = process.argv.slice(1);
    const client = await connectSupervisor({
      state,
      takeOver: true,
      spawnCommand: {
        command: process.execPath,
        args: [...process.execArgv, program, "supervise", "--state", state, "--log-level", options.logLevel],
      },
      onEvent: (event, { id, failure }) => {
        log.debug("process", { id, event });
        if (event === "exited" || event === "failed-to-start") {
          progress.event(`${id} ${failure?.message ?? event}; it is started again`);
        }
        this.#noteProcesses();
      },
      onEnd: (why) => {
        void this.#close().then(() => this.#end(why === "superseded" ? "superseded" : "stopped"));
      },
      log: (message) => log.info(message),
    });
    if ("busy" in client) throw new Error(`process ${client.busy} is in charge of ${state}`);
    return client;
  }

  /** After a translation: the processes that shall run, and the proxies that must have acknowledged it. */
  #translated(changed: ReadonlyMap<Table<unknown>, ReadonlySet<string>>): void {
    const { identities, workloads, workloadProcesses, stores } = this.#pipeline;
    const first = this.#expected.size === 0;
    if (
      first ||
      [identities, workloads.replicas, workloadProcesses, stores].some((table) => changed.has(table))
    ) {
      this.#applyProcesses();
    }
    this.#checkReady();
  }

  #applyProcesses(): void {
    const { state, options, ports, envoyPath } = this.#parts;
    const { identities, workloads, workloadProcesses, stores } = this.#pipeline;
    const sidecars = [...workloads.replicas.keys()].flatMap((scope) => {
      const identity = identities.get(scope);
      return identity === undefined ? [] : [sidecarProxy(scope, identity.nodeId)];
    });
    const proxies = [gatewayProxy(options.concurrency), proverProxy, ...sidecars];
    const how = { state, envoyPath, xdsSocket: this.#xdsSocket, logLevel: options.logLevel, ports };
    const services = servicesProcess(state, stores, options.logLevel);
    const specs = [
      ...proxies.map((proxy) => proxyProcess(proxy, how)),
      ...[...workloadProcesses.keys()].flatMap((key) => workloadProcesses.get(key) ?? []),
      ...(services === undefined ? [] : [services]),
    ];
    this.#supervisor.apply(specs, {
      command: process.execPath,
      args: [...process.execArgv, ...process.argv.slice(1)],
      cwd: process.cwd(),
      env: Object.fromEntries(
        Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
      ),
    });
    const expected = new Set(
      proxies.filter(({ role }) => role !== "prover").map(({ scope, nodeId }) => `${scope}\n${nodeId}`),
    );
    for (const one of this.#expected) {
      const [scope = "", nodeId = ""] = one.split("\n");
      if (!expected.has(one)) this.#publisher.unexpect(scope, nodeId);
    }
    for (const one of expected) {
      const [scope = "", nodeId = ""] = one.split("\n");
      if (!this.#expected.has(one)) this.#publisher.expect(scope, nodeId);
    }
    this.#expected = expected;
  }

  #noteProcesses(): void {
    const { workloads, failures } = this.#pipeline;
    if (this.#supervisor === undefined || this.#engine === undefined) return;
    noteProcesses(this.#supervisor.processes, workloads.replicas, {
      readiness: workloads.readiness,
      failures,
    });
    this.#engine.schedule();
  }

  #checkReady(): void {
    if (this.#wasReady || this.#view === undefined || this.#view.awaitedNow().length > 0) return;
    this.#wasReady = true;
    this.#parts.progress.ready(this.#view);
  }

  async #close(): Promise<void> {
    this.#admin?.close();
    this.#admin?.closeAllConnections();
    await this.#source.close();
    await this.#publisher.close();
    this.#supervisor.close();
    this.#parts.metrics.close();
  }

  #countObjects(): number {
    return kinds.reduce((sum, kind) => sum + this.#pipeline.store.table(kind).size, 0);
  }

  #folderOf(object: ObjectRef): string {
    const place = this.#source.locate(object);
    return place === undefined ? process.cwd() : dirname(resolve(place.file));
  }

  #defect(table: string, key: string, error: unknown) {
    const { log } = this.#parts;
    log.error("a translation failed", {
      table,
      key,
      error: error instanceof Error ? error.stack : String(error),
    });
    const message = `the table "${table}" could not be computed for ${key.replaceAll("\n", " ")}; its last good result serves`;
    return problem("internal", { kind: "Translation", namespace: "", name: table }, [], message);
  }
}
