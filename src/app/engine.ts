import type { Table } from "#incremental/graph.ts";
import { formatRef, refKey } from "#problems/object-ref.ts";
import { type Problem, problem } from "#problems/problem.ts";
import type { Log } from "#telemetry/log.ts";
import type { Metrics } from "#telemetry/metrics.ts";
import type { Publisher, Refusal } from "#xds/publisher.ts";
import { type Resource, resourceKey } from "#xds/resource.ts";
import type { Pipeline } from "./pipeline.ts";
import { ResourceChanges } from "./resource-changes.ts";

export interface EngineOptions {
  readonly pipeline: Pipeline;
  readonly publisher: Publisher;
  readonly metrics: Metrics;
  readonly log: Log;
  /** After each translation, with the tables that have changed, and whether the list of problems has. */
  readonly onTranslated: (
    changed: ReadonlyMap<Table<unknown>, ReadonlySet<string>>,
    problemsChanged: boolean,
  ) => void;
}

/** Keeps proxies at what the objects say: translates changes, publishes them, withdraws what Envoy refuses. */
export class Engine {
  readonly #options: EngineOptions;
  readonly #changes: ResourceChanges;
  /** Refusals that no object could be blamed for, by resource. */
  readonly #unblamed = new Map<string, Problem>();
  #scheduled = false;
  #publishedVersion = 0;
  #revision = 0;
  #problemsVersion = -1;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#changes = new ResourceChanges(options.pipeline);
  }

  /** True while a change of the objects is not translated yet. */
  get behind(): boolean {
    return this.#scheduled;
  }

  /** Grows with every translation and every refusal. */
  get revision(): number {
    return this.#revision;
  }

  /** Refusals that stand beside the objects' own problems. */
  problems(): readonly Problem[] {
    return [...this.#unblamed.values()];
  }

  /** Scopes with a refused resource that no object could be blamed for. */
  refusedScopes(): ReadonlySet<string> {
    return new Set([...this.#unblamed.keys()].map((key) => key.slice(0, key.indexOf("\n"))));
  }

  /** Translates soon; many calls in one turn of the event loop are one translation. */
  schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.translate());
  }

  /** Brings everything up to date with the objects and hands the difference to the publisher. */
  translate(): void {
    this.#scheduled = false;
    this.#revision++;
    const { pipeline, publisher, metrics, onTranslated } = this.#options;
    const end = metrics.flushSeconds.startTimer();
    const { changed, problemsChanged } = pipeline.graph.flush();
    const changes = this.#changes.collect(changed);
    end();
    this.#publishedVersion = pipeline.store.version;
    for (const change of changes) this.#unblamed.delete(resourceKey(change));
    if (changes.length > 0) publisher.publish(changes);
    const { problemsVersion } = pipeline.store;
    onTranslated(changed, problemsChanged || problemsVersion !== this.#problemsVersion);
    this.#problemsVersion = problemsVersion;
    if (publisher.pending().length === 0) this.settled();
  }

  /** Every proxy has acknowledged what was published last: it counts as good from now on. */
  settled(): void {
    if (this.#scheduled) return;
    this.#options.pipeline.store.settle(this.#publishedVersion);
    this.#options.pipeline.store.save();
  }

  /** What was refused is accepted now, e.g. because a port has become free. */
  healed(resource: Resource): void {
    this.#revision++;
    this.#unblamed.delete(resourceKey(resource));
  }

  /** Withdraws the newest of the objects that made a refused resource; an object that served well before is not to blame. */
  refused({ resource, origins, message }: Refusal): void {
    const { pipeline, log } = this.#options;
    this.#revision++;
    log.warn("Envoy refused a resource", {
      scope: resource.scope,
      type: resource.type,
      name: resource.name,
      message,
    });
    const candidates = new Map(origins.map((origin) => [refKey(origin.object), origin]));
    // One object may have made several resources (a route stands in many hosts): it is blamed once.
    const known = pipeline.store.problems().filter(({ code }) => code === "rejected-by-envoy");
    if (known.some(({ object }) => candidates.has(refKey(object)))) return;
    for (const [key, { object, field }] of candidates) {
      const related = [...candidates].filter(([other]) => other !== key).map(([, origin]) => origin.object);
      const found = problem("rejected-by-envoy", object, field, message, {
        related,
        fix: "Correct it; until then the last good version keeps serving.",
      });
      if (pipeline.store.quarantine(object, found, { asOf: this.#publishedVersion })) {
        log.warn(`${formatRef(object)} is withdrawn until it changes`);
        this.schedule();
        return;
      }
    }
    const first = origins[0] ?? { object: { kind: "Proxy", namespace: "", name: resource.scope }, field: [] };
    this.#unblamed.set(
      resourceKey(resource),
      problem(
        "rejected-by-envoy",
        first.object,
        first.field,
        `${resource.type} ${resource.name}: ${message}`,
      ),
    );
  }
}
