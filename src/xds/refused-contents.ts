import type { DeltaServer } from "./delta-server.ts";
import type { Prover } from "./prover.ts";
import type { Refusal } from "./publisher.ts";
import { type Resource, resourceKey } from "./resource.ts";
import { type Blame, traceRefusal } from "./trace-refusal.ts";

interface Entry {
  readonly resource: Resource;
  readonly message: string;
  refusals: readonly Refusal[];
  /** Of a refusal that no object is to blame for: when it is tried again. */
  retry: { readonly timer: NodeJS.Timeout; readonly delayMs: number } | undefined;
}

export interface RefusedContentsOptions {
  readonly server: DeltaServer;
  readonly prover: Prover;
  readonly onRefused: (refusal: Refusal) => void;
  readonly onHealed: (resource: Resource) => void;
  /** A trace has ended. */
  readonly onTraced: () => void;
}

/** What the machine refuses, not Envoy: a port that is taken, or that needs rights. It may be otherwise in a moment. */
const ofTheMachine = /cannot bind|address already in use|permission denied|cannot assign requested address/i;
const firstRetryMs = 500;
const longestRetryMs = 10_000;

/** The newest content of each resource that Envoy did not take, with the objects that are to blame for it. */
export class RefusedContents {
  readonly #options: RefusedContentsOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #tracing = new Map<string, Resource>();

  constructor(options: RefusedContentsOptions) {
    this.#options = options;
  }

  /** Those whose objects are being looked for. */
  tracing(): IterableIterator<Resource> {
    return this.#tracing.values();
  }

  get busy(): boolean {
    return this.#tracing.size > 0;
  }

  /** Whether exactly this content was refused before. */
  has(resource: Resource): boolean {
    return this.#entries.get(resourceKey(resource))?.resource.version === resource.version;
  }

  /** Reports once more what is known of a content that is published again. */
  repeat(resource: Resource): void {
    for (const refusal of this.#entries.get(resourceKey(resource))?.refusals ?? [])
      this.#options.onRefused(refusal);
  }

  /** From now on nothing is removed that the former content of this resource may need. */
  hold(of: Pick<Resource, "scope" | "type" | "name">): void {
    this.#options.server.setRefused(of.scope, resourceKey(of), true);
  }

  /** Finds out whose content it is and reports it. */
  add(resource: Resource, message: string): void {
    const key = resourceKey(resource);
    const before = this.#entries.get(key);
    if (this.#options.server.get(resource.scope, resource.type, resource.name) !== undefined)
      this.hold(resource);
    if (resource.type === "listener" && ofTheMachine.test(message)) {
      const same = before?.resource.version === resource.version ? before : undefined;
      const entry: Entry = {
        resource,
        message,
        refusals: [{ resource, origins: [], message }],
        retry: undefined,
      };
      this.#replace(key, entry);
      this.#retryLater(key, entry, Math.min(longestRetryMs, 2 * (same?.retry?.delayMs ?? firstRetryMs / 2)));
      if (same?.message !== message) this.repeat(resource);
      return;
    }
    const entry: Entry = { resource, message, refusals: [], retry: undefined };
    this.#replace(key, entry);
    this.#tracing.set(key, resource);
    void traceRefusal(resource, message, this.#options.prover).then((blames) =>
      this.#traced(key, entry, blames),
    );
  }

  /** A proxy has taken a content: it may be one that was refused before. */
  accepted(resource: Resource): void {
    if (!this.has(resource)) return;
    this.forget(resource);
    this.#options.onHealed(resource);
  }

  /** The resource has a content again that Envoy takes, or is gone. */
  forget(of: Pick<Resource, "scope" | "type" | "name">): void {
    const key = resourceKey(of);
    if (!this.#entries.has(key)) return;
    this.#replace(key, undefined);
    this.#options.server.setRefused(of.scope, key, false);
  }

  close(): void {
    for (const key of [...this.#entries.keys()]) this.#replace(key, undefined);
  }

  #traced(key: string, entry: Entry, blames: readonly Blame[]): void {
    const { resource } = entry;
    if (this.#tracing.get(key) === resource) this.#tracing.delete(key);
    entry.refusals = blames.map(({ origins, message }) => ({ resource, origins, message }));
    if (this.#entries.get(key) === entry) this.repeat(resource);
    this.#options.onTraced();
  }

  #retryLater(key: string, entry: Entry, delayMs: number): void {
    const { resource } = entry;
    const timer = setTimeout(() => {
      if (this.#entries.get(key) !== entry) return;
      this.#options.server.apply(resource.scope, [{ type: resource.type, name: resource.name, resource }]);
    }, delayMs);
    entry.retry = { timer, delayMs };
  }

  #replace(key: string, entry: Entry | undefined): void {
    clearTimeout(this.#entries.get(key)?.retry?.timer);
    if (entry === undefined) this.#entries.delete(key);
    else this.#entries.set(key, entry);
  }
}
