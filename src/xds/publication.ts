import type { DeltaCounters } from "./counters.ts";
import { DeltaServer, type ProxyStream } from "./delta-server.ts";
import { DomainLedger } from "./domain-ledger.ts";
import { Prover, proverDelivery } from "./prover.ts";
import { type ProxyNode, proverScope } from "./proxy-node.ts";
import type { Awaited, ConnectedProxy, Publisher, PublisherOptions, ResourceChange } from "./publisher.ts";
import { readableMessage } from "./refusal-message.ts";
import { RefusedContents } from "./refused-contents.ts";
import { type Resource, type ResourceType, resourceKey } from "./resource.ts";
import type { ScopeChange } from "./scope.ts";
import { Settlement } from "./settlement.ts";
import { SnapshotLog } from "./snapshot-log.ts";

/** Types that are sent as soon as they are published: they change often, and a proof would tell little. */
const unprovenTypes: ReadonlySet<ResourceType> = new Set(["endpoints", "extension"]);

/** The way of a change: proof, the delta server, acknowledgements, the snapshot; see `Publisher`. */
export class Publication implements Publisher {
  readonly #server: DeltaServer;
  readonly #prover: Prover;
  readonly #log: SnapshotLog | undefined;
  readonly #domains = new DomainLedger();
  readonly #refused: RefusedContents;
  readonly #settlement: Settlement;
  /** Changes that wait for their proof, the newest of each resource. */
  #queue = new Map<string, ResourceChange>();
  #proving: ReadonlyMap<string, ResourceChange> = new Map();
  /** Of those that are being proven: what was published anew and went past them. */
  readonly #overtaken = new Set<string>();
  #running = false;
  #closed = false;
  /** What the first publish waits for. */
  #proverAwaited: Promise<void> | undefined;
  #stopAwaiting: () => void = () => {};

  /** Begins to listen. What the snapshot holds is known to be good; nothing is served before it is published. */
  static async start(options: PublisherOptions): Promise<Publication> {
    const log = options.snapshotPath === undefined ? undefined : await SnapshotLog.open(options.snapshotPath);
    const publication = new Publication(options, log);
    await publication.#server.listen(options.socketPath);
    if (options.tcp !== undefined) await publication.#server.listenOnTcp(options.tcp.host, options.tcp.port);
    return publication;
  }

  private constructor(options: PublisherOptions, log: SnapshotLog | undefined) {
    this.#log = log;
    const { graceMs, scopeOf, onConnected, onDisconnected } = options;
    this.#server = new DeltaServer({
      ...(scopeOf === undefined ? {} : { scopeOf: (node) => (isProver(node) ? proverScope : scopeOf(node)) }),
      deliveryOf: (scope) =>
        scope === proverScope ? proverDelivery : graceMs === undefined ? {} : { graceMs },
    });
    this.#prover = new Prover(this.#server, { timeoutMs: options.proverTimeoutMs ?? 3000 });
    for (const { type, version } of log?.resources() ?? []) this.#prover.trust(type, version);
    this.#refused = new RefusedContents({
      server: this.#server,
      prover: this.#prover,
      onRefused: (refusal) => {
        if (!this.#closed) options.onRefused(refusal);
      },
      onHealed: (resource) => options.onHealed?.(resource),
      onTraced: () => this.#settlement.check(),
    });
    this.#server.on({
      connected: (stream) => stream.scope !== proverScope && onConnected?.(stream),
      disconnected: (stream) => stream.scope !== proverScope && onDisconnected?.(stream),
      acknowledged: (stream, type, versions) => this.#onAcknowledged(stream, type, versions),
      refused: (stream, resource, message) => {
        if (stream.scope === proverScope) return;
        this.#refused.add(resource, readableMessage(message, [resource.name]));
      },
    });
    // After the others: what it says is settled, they have seen.
    this.#settlement = new Settlement({
      server: this.#server,
      isBusy: () => this.#queue.size > 0 || this.#running || this.#refused.busy,
      onSettled: () => options.onSettled?.(),
    });
    if (options.awaitProverMs !== undefined) this.#proverAwaited = this.#awaitProver(options.awaitProverMs);
  }

  publish(changes: readonly ResourceChange[]): void {
    const direct: ResourceChange[] = [];
    for (const change of changes) {
      const { scope, type, resource } = change;
      const key = resourceKey(change);
      this.#queue.delete(key);
      if (unprovenTypes.has(type) && resource !== undefined && this.#server.isReady(scope)) {
        if (this.#proving.has(key)) this.#overtaken.add(key);
        direct.push(change);
      } else this.#queue.set(key, change);
    }
    this.#apply(direct);
    void this.#run();
  }

  expect(scope: string, nodeId: string): void {
    this.#settlement.expect(scope, nodeId);
  }

  unexpect(scope: string, nodeId: string): void {
    this.#settlement.unexpect(scope, nodeId);
  }

  pending(): readonly Awaited[] {
    const proofs = new Map<string, Set<string>>();
    for (const { scope, name } of [
      ...this.#queue.values(),
      ...this.#proving.values(),
      ...this.#refused.tracing(),
    ]) {
      proofs.set(scope, (proofs.get(scope) ?? new Set()).add(name));
    }
    return [
      ...[...proofs].map(([scope, names]): Awaited => {
        return { scope, node: undefined, what: "proof", names: [...names].sort() };
      }),
      ...this.#settlement.awaited(),
    ];
  }

  whenSettled(): Promise<void> {
    return this.#settlement.whenSettled();
  }

  proxies(): readonly ConnectedProxy[] {
    return [...this.#server.streams()].filter(({ scope }) => scope !== proverScope);
  }

  get proverDown(): boolean {
    return this.#prover.down;
  }

  get counters(): Readonly<DeltaCounters> {
    return this.#server.counters;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopAwaiting();
    this.#refused.close();
    this.#prover.close();
    this.#tidyLog();
    await this.#server.close();
    await this.#log?.close();
  }

  /** Drops what no proxy has any more: pods that are gone, secrets that nobody asked for since. */
  #tidyLog(): void {
    // Before the first time everything was in place, what is missing may just not be there yet.
    if (!this.#settlement.everSettled) return;
    for (const { scope, type, name } of [...(this.#log?.resources() ?? [])]) {
      if (this.#server.get(scope, type, name) === undefined) this.#log?.remove(scope, type, name);
    }
  }

  async #run(): Promise<void> {
    if (this.#running || this.#queue.size === 0) return;
    this.#running = true;
    this.#settlement.check();
    await this.#proverAwaited;
    try {
      while (this.#queue.size > 0 && !this.#closed) {
        this.#proving = this.#queue;
        this.#queue = new Map();
        await this.#prove();
        this.#proving = new Map();
        this.#overtaken.clear();
      }
    } finally {
      this.#running = false;
    }
    this.#settlement.check();
  }

  /** Proves a batch and applies what is accepted; what is refused keeps its former content. */
  async #prove(): Promise<void> {
    const batch = [...this.#proving.values()];
    const fresh: Resource[] = [];
    const again = new Set<Resource>();
    for (const { type, resource } of batch) {
      if (resource === undefined || unprovenTypes.has(type)) continue;
      if (this.#refused.has(resource)) again.add(resource);
      else if (this.#current(resource)?.version !== resource.version) fresh.push(resource);
    }
    const verdicts = await this.#prover.prove(fresh);
    if (this.#closed) return;
    const refused = new Map<Resource, string>();
    for (const [at, resource] of fresh.entries()) {
      const verdict = verdicts[at];
      if (verdict?.kind === "refused") refused.set(resource, verdict.message);
      if (verdict?.kind === "unproven") this.#server.counters.unproven += 1;
    }
    const isGood = ({ resource }: ResourceChange) =>
      resource === undefined || !(refused.has(resource) || again.has(resource));
    const good = batch.filter((change) => isGood(change) && !this.#overtaken.has(resourceKey(change)));
    for (const [resource, message] of this.#claimDomains(good)) refused.set(resource, message);
    const accepted = good.filter(isGood);
    const bad = [...refused.keys(), ...again];
    // Before anything is removed that their former content may need.
    const lastGood = bad.flatMap((resource) => this.#lastGood(resource));
    for (const resource of [...bad.filter((one) => this.#current(one) !== undefined), ...lastGood]) {
      this.#refused.hold(resource);
    }
    this.#apply([...accepted, ...lastGood]);
    for (const change of accepted) this.#refused.forget(change);
    for (const [resource, message] of refused) this.#refused.add(resource, message);
    for (const resource of again) this.#refused.repeat(resource);
  }

  /** The former content of a refused resource, if this control plane has not served it yet. */
  #lastGood(refused: Resource): ResourceChange[] {
    const { scope, type, name } = refused;
    const resource = this.#log?.get(scope, type, name);
    if (this.#current(refused) !== undefined || resource === undefined) return [];
    return [{ scope, type, name, resource }];
  }

  #claimDomains(changes: readonly ResourceChange[]): ReadonlyMap<Resource, string> {
    const hosts = changes.filter(({ type }) => type === "virtualHost");
    for (const { scope, name } of hosts) this.#domains.release(scope, name);
    const refused = new Map<Resource, string>();
    for (const { resource } of hosts) {
      const message = resource && this.#domains.claim(resource);
      if (resource === undefined || message === undefined) continue;
      refused.set(resource, message);
      const former = this.#current(resource);
      if (former !== undefined) this.#domains.claim(former);
    }
    return refused;
  }

  #apply(changes: readonly ResourceChange[]): void {
    const scopes = new Map<string, ScopeChange[]>();
    for (const { scope, type, name, resource } of changes) {
      const list = scopes.get(scope) ?? [];
      list.push({ type, name, resource });
      scopes.set(scope, list);
      const nobody = this.#server.streamsOf(scope).size === 0;
      if (resource === undefined && nobody) this.#log?.remove(scope, type, name);
    }
    for (const [scope, list] of scopes) this.#server.apply(scope, list);
  }

  #onAcknowledged(
    stream: ProxyStream,
    type: ResourceType,
    versions: ReadonlyMap<string, string | undefined>,
  ): void {
    const { scope } = stream;
    if (scope === proverScope) return;
    for (const [name, version] of versions) {
      const resource = this.#server.get(scope, type, name);
      if (version === undefined) this.#log?.remove(scope, type, name);
      else if (resource?.version === version) {
        this.#refused.accepted(resource);
        this.#log?.put(resource);
      }
    }
  }

  #current(of: Pick<Resource, "scope" | "type" | "name">): Resource | undefined {
    return this.#server.get(of.scope, of.type, of.name);
  }

  async #awaitProver(withinMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(done, withinMs);
      const stop = this.#server.on({
        progress: (stream) => stream.scope === proverScope && stream.settled && done(),
      });
      function done() {
        clearTimeout(timer);
        stop();
        resolve();
      }
      this.#stopAwaiting = done;
    });
    this.#proverAwaited = undefined;
  }
}

function isProver(node: ProxyNode): boolean {
  return node.metadata.scope === proverScope;
}
