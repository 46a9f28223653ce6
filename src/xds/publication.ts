import type { DeltaCounters } from "./counters.ts";
import { DeltaServer, type ProxyStream } from "./delta-server.ts";
import { DomainLedger } from "./domain-ledger.ts";
import { Prover, proverDelivery } from "./prover.ts";
import { type ProxyNode, proverScope } from "./proxy-node.ts";
import type {
  Awaited,
  ConnectedProxy,
  Publisher,
  PublisherOptions,
  Refusal,
  ResourceChange,
} from "./publisher.ts";
import { readableMessage } from "./refusal-message.ts";
import type { Resource, ResourceType } from "./resource.ts";
import type { ScopeChange } from "./scope.ts";
import { SnapshotLog } from "./snapshot-log.ts";
import { traceRefusal } from "./trace-refusal.ts";

/** Types that are sent as soon as they are published: they change often, and a proof would tell little. */
const unprovenTypes: ReadonlySet<ResourceType> = new Set(["endpoints", "extension"]);

/** The way of a change: proof, the delta server, acknowledgements, the snapshot; see `Publisher`. */
export class Publication implements Publisher {
  readonly #options: PublisherOptions;
  readonly #server: DeltaServer;
  readonly #prover: Prover;
  readonly #log: SnapshotLog | undefined;
  readonly #domains = new DomainLedger();
  /** Changes that wait for their proof, the newest of each resource. */
  #queue = new Map<string, ResourceChange>();
  #proving: ReadonlyMap<string, ResourceChange> = new Map();
  /** Of those that are being proven: what was published anew and went past them. */
  readonly #overtaken = new Set<string>();
  #running = false;
  /** Refused contents that are being traced to objects. */
  readonly #tracing = new Map<string, Resource>();
  /** The newest refused content of a resource, with what is known of it. */
  readonly #refused = new Map<string, { readonly version: string; refusals: readonly Refusal[] }>();
  readonly #expected = new Map<string, { readonly scope: string; readonly node: string }>();
  readonly #unsettled = new Set<ProxyStream>();
  #settled = true;
  #wasSettled = false;
  #waiters: (() => void)[] = [];
  #closed = false;
  /** What the first publish waits for. */
  #proverAwaited: Promise<void> | undefined;

  /** Begins to listen. What the snapshot holds is known to be good; nothing is served before it is published. */
  static async start(options: PublisherOptions): Promise<Publication> {
    const log = options.snapshotPath === undefined ? undefined : await SnapshotLog.open(options.snapshotPath);
    const publication = new Publication(options, log);
    await publication.#server.listen(options.socketPath);
    if (options.tcp !== undefined) await publication.#server.listenOnTcp(options.tcp.host, options.tcp.port);
    return publication;
  }

  private constructor(options: PublisherOptions, log: SnapshotLog | undefined) {
    this.#options = options;
    this.#log = log;
    const { graceMs, scopeOf } = options;
    this.#server = new DeltaServer({
      ...(scopeOf === undefined ? {} : { scopeOf: (node) => (isProver(node) ? proverScope : scopeOf(node)) }),
      deliveryOf: (scope) =>
        scope === proverScope ? proverDelivery : graceMs === undefined ? {} : { graceMs },
    });
    this.#prover = new Prover(this.#server, { timeoutMs: options.proverTimeoutMs ?? 3000 });
    for (const { type, version } of log?.resources() ?? []) this.#prover.trust(type, version);
    this.#server.on({
      connected: (stream) => this.#onConnected(stream),
      disconnected: (stream) => this.#onDisconnected(stream),
      acknowledged: (stream, type, versions) => this.#onAcknowledged(stream, type, versions),
      refused: (stream, resource, message) => {
        if (stream.scope !== proverScope) this.#refuse(resource, readableMessage(message, [resource.name]));
      },
      progress: (stream) => this.#onProgress(stream),
    });
    if (options.awaitProverMs !== undefined) this.#proverAwaited = this.#awaitProver(options.awaitProverMs);
  }

  publish(changes: readonly ResourceChange[]): void {
    const direct: ResourceChange[] = [];
    for (const change of changes) {
      const { scope, type, resource } = change;
      if (unprovenTypes.has(type) && resource !== undefined && this.#server.isReady(scope))
        direct.push(change);
      else {
        const key = keyOf(change);
        // At the end, behind what it may depend on.
        this.#queue.delete(key);
        this.#queue.set(key, change);
      }
    }
    this.#apply(direct);
    void this.#run();
  }

  expect(scope: string, node: string): void {
    this.#expected.set(`${scope}\n${node}`, { scope, node });
    this.#check();
  }

  unexpect(scope: string, node: string): void {
    this.#expected.delete(`${scope}\n${node}`);
    this.#check();
  }

  pending(): readonly Awaited[] {
    const awaited: Awaited[] = [];
    const proofs = new Map<string, Set<string>>();
    for (const { scope, name } of [
      ...this.#queue.values(),
      ...this.#proving.values(),
      ...this.#tracing.values(),
    ]) {
      proofs.set(scope, (proofs.get(scope) ?? new Set()).add(name));
    }
    for (const [scope, names] of proofs) {
      awaited.push({ scope, node: undefined, what: "proof", names: [...names].sort() });
    }
    for (const { scope, node } of this.#missing())
      awaited.push({ scope, node, what: "connection", names: [] });
    for (const stream of this.#proxyStreams()) {
      for (const [what, names] of stream.open()) {
        awaited.push({ scope: stream.scope, node: stream.node.id, what, names });
      }
    }
    return awaited;
  }

  whenSettled(): Promise<void> {
    this.#check();
    if (this.#settled) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  proxies(): readonly ConnectedProxy[] {
    return [...this.#proxyStreams()];
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
    this.#prover.close();
    this.#tidyLog();
    await this.#server.close();
    await this.#log?.close();
  }

  /** Drops what no proxy has any more: pods that are gone, secrets that nobody asked for since. */
  #tidyLog(): void {
    // Before the first time everything was in place, what is missing may just not be there yet.
    if (!this.#wasSettled) return;
    for (const { scope, type, name } of [...(this.#log?.resources() ?? [])]) {
      if (this.#server.get(scope, type, name) === undefined) this.#log?.remove(scope, type, name);
    }
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    this.#settled = false;
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
    this.#check();
  }

  /** Proves a batch and applies what is accepted; what is refused keeps its former content. */
  async #prove(): Promise<void> {
    const batch = [...this.#proving.values()];
    const fresh: Resource[] = [];
    const again = new Set<Resource>();
    for (const { type, resource } of batch) {
      if (resource === undefined || unprovenTypes.has(type)) continue;
      if (this.#refused.get(keyOf(resource))?.version === resource.version) again.add(resource);
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
    const bad = (resource: Resource | undefined) =>
      resource !== undefined && (refused.has(resource) || again.has(resource));
    const good = batch.filter((change) => !bad(change.resource) && !this.#overtaken.has(keyOf(change)));
    for (const [resource, message] of this.#claimDomains(good)) refused.set(resource, message);
    const accepted = good.filter((change) => !bad(change.resource));
    // Before anything is removed that their former content may need.
    for (const resource of [...refused.keys(), ...again]) {
      this.#server.setRefused(resource.scope, keyOf(resource), true);
    }
    this.#apply([
      ...accepted,
      ...[...refused.keys(), ...again].flatMap((resource) => this.#lastGood(resource)),
    ]);
    this.#forgetRefusals(accepted);
    for (const [resource, message] of refused) this.#refuse(resource, message);
    for (const resource of again) this.#report(this.#refused.get(keyOf(resource))?.refusals ?? []);
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
    for (const change of changes) {
      const { scope, type, name, resource } = change;
      const list = scopes.get(scope) ?? [];
      list.push({ type, name, resource });
      scopes.set(scope, list);
      if (resource === undefined && this.#server.streamsOf(scope).size === 0)
        this.#log?.remove(scope, type, name);
    }
    for (const [scope, list] of scopes) this.#server.apply(scope, list);
  }

  /** These resources have a content again that Envoy takes, or are gone. */
  #forgetRefusals(changes: readonly ResourceChange[]): void {
    for (const change of changes) {
      const key = keyOf(change);
      if (this.#refused.delete(key)) this.#server.setRefused(change.scope, key, false);
    }
  }

  /** Envoy does not take this content: finds out whose it is. */
  #refuse(resource: Resource, message: string): void {
    const key = keyOf(resource);
    const entry: { readonly version: string; refusals: readonly Refusal[] } = {
      version: resource.version,
      refusals: [],
    };
    this.#refused.set(key, entry);
    this.#server.setRefused(resource.scope, key, true);
    this.#tracing.set(key, resource);
    void traceRefusal(resource, message, this.#prover).then((blames) => {
      if (this.#tracing.get(key) === resource) this.#tracing.delete(key);
      entry.refusals = blames.map(({ origins, message: text }) => ({ resource, origins, message: text }));
      if (!this.#closed && this.#refused.get(key) === entry) this.#report(entry.refusals);
      this.#check();
    });
  }

  #report(refusals: readonly Refusal[]): void {
    for (const refusal of refusals) this.#options.onRefused(refusal);
  }

  #onConnected(stream: ProxyStream): void {
    if (stream.scope === proverScope) return;
    this.#unsettled.add(stream);
    this.#settled = false;
    this.#options.onConnected?.(stream);
  }

  #onDisconnected(stream: ProxyStream): void {
    if (stream.scope === proverScope) return;
    this.#unsettled.delete(stream);
    this.#options.onDisconnected?.(stream);
    this.#check();
  }

  #onProgress(stream: ProxyStream): void {
    if (stream.scope === proverScope) return;
    if (stream.settled) this.#unsettled.delete(stream);
    else {
      this.#unsettled.add(stream);
      this.#settled = false;
    }
    this.#check();
  }

  #onAcknowledged(
    stream: ProxyStream,
    type: ResourceType,
    versions: ReadonlyMap<string, string | undefined>,
  ): void {
    if (stream.scope === proverScope || this.#log === undefined) return;
    for (const [name, version] of versions) {
      if (version === undefined) this.#log.remove(stream.scope, type, name);
      else {
        const resource = this.#server.get(stream.scope, type, name);
        if (resource?.version === version) this.#log.put(resource);
      }
    }
  }

  /** Tells those who wait when nothing is awaited any more. */
  #check(): void {
    if (
      this.#queue.size > 0 ||
      this.#running ||
      this.#tracing.size > 0 ||
      this.#unsettled.size > 0 ||
      this.#missing().length > 0
    ) {
      this.#settled = false;
      return;
    }
    if (this.#settled) return;
    this.#settled = true;
    this.#wasSettled = true;
    for (const resolve of this.#waiters.splice(0)) resolve();
    this.#options.onSettled?.();
  }

  #missing(): { readonly scope: string; readonly node: string }[] {
    return [...this.#expected.values()].filter(({ scope, node }) => {
      for (const stream of this.#server.streamsOf(scope)) if (stream.node.id === node) return false;
      return true;
    });
  }

  *#proxyStreams(): Generator<ProxyStream> {
    for (const stream of this.#server.streams()) if (stream.scope !== proverScope) yield stream;
  }

  #current(of: {
    readonly scope: string;
    readonly type: ResourceType;
    readonly name: string;
  }): Resource | undefined {
    return this.#server.get(of.scope, of.type, of.name);
  }

  async #awaitProver(withinMs: number): Promise<void> {
    if (!this.#prover.down) return;
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
    });
    this.#proverAwaited = undefined;
  }
}

function isProver(node: ProxyNode): boolean {
  return node.metadata.scope === proverScope;
}

function keyOf(of: { readonly scope: string; readonly type: ResourceType; readonly name: string }): string {
  return `${of.scope}\n${of.type}\n${of.name}`;
}
