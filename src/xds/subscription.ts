import { mentionedNames, messagesByName } from "./refusal-message.ts";
import { type Resource, type ResourceType, routeTableOf } from "./resource.ts";
import type { Scope } from "./scope.ts";

/** A response before it is encoded. */
export interface Push {
  readonly type: ResourceType;
  readonly nonce: string;
  readonly resources: readonly Resource[];
  readonly removed: readonly string[];
}

/** A response that waits for its acknowledgement. */
interface Sent {
  readonly nonce: string;
  /** Name → version; undefined: removed. */
  readonly versions: ReadonlyMap<string, string | undefined>;
  /** Sequence of the oldest change in it. */
  readonly sequence: number;
  /** Milliseconds, on the clock that `next` was given. */
  readonly at: number;
}

/** A resource that this proxy does not take. */
export interface Refused {
  readonly name: string;
  readonly version: string;
  readonly message: string;
}

/** What an answer of the proxy has brought. */
export interface Outcome {
  readonly acknowledged: ReadonlyMap<string, string | undefined>;
  readonly refused: readonly Refused[];
}

const nothing: Outcome = { acknowledged: new Map(), refused: [] };

/** Types whose removal waits until nothing uses them any more; see `Delivery`. */
export const removedLate: ReadonlySet<ResourceType> = new Set(["cluster", "secret", "extension"]);
/** Types that are never taken from a proxy: it gives them up itself with the cluster or listener that used them, and
 * until then that drains with them. */
export const neverRemoved: ReadonlySet<ResourceType> = new Set(["endpoints", "routes"]);

/**
 * One type of resources on one stream: what the proxy asked for, what it has, what is to be sent and what is on its
 * way. A refused response is cut until the refused resources stand alone; all others get through.
 */
export class Subscription {
  readonly type: ResourceType;
  /** The proxy has asked for this type. */
  started = false;
  wildcard = false;
  /** Names asked for; of virtual hosts the route tables that the proxy has. */
  readonly names = new Set<string>();
  /** Name → version that the proxy has. */
  readonly known = new Map<string, string>();
  /** Name → sequence of its oldest change that was not sent; in order of sequence. */
  readonly pending = new Map<string, number>();
  readonly inFlight: Sent[] = [];
  /** Names of a `removedLate` type that may go now. */
  readonly removable = new Set<string>();
  readonly #scope: Scope;
  /** Groups of names to be sent apart, since a response with them together was refused. */
  readonly #retries: { readonly names: readonly string[]; readonly sequence: number }[] = [];
  /** Virtual hosts that were refused alone, with the count of acceptances at that time. */
  readonly #suspects = new Map<string, { readonly refused: Refused; readonly accepted: number }>();
  #accepted = 0;
  /** A proxy that starts waits for its clusters and listeners, even if there are none. */
  #owesFirstAnswer = false;
  /** Envoy waits for these: they are sent even if it has them, and answered even if they do not exist. */
  readonly #asked = new Set<string>();

  constructor(type: ResourceType, scope: Scope) {
    this.type = type;
    this.#scope = scope;
  }

  /** Takes what a request adds to the subscription. */
  subscribe(names: readonly string[], initialVersions: ReadonlyMap<string, string>): void {
    const first = !this.started;
    this.started = true;
    if (first) for (const [name, version] of initialVersions) this.known.set(name, version);
    // A first request for clusters or listeners that names nothing wants all of them.
    const all =
      names.includes("*") ||
      (first && names.length === 0 && (this.type === "listener" || this.type === "cluster"));
    if (all && !this.wildcard) {
      this.wildcard = true;
      this.#owesFirstAnswer = initialVersions.size === 0;
      for (const name of this.#scope.names(this.type)) this.#await(name);
    }
    for (const name of names) {
      if (name === "*") continue;
      this.names.add(name);
      if (this.type === "virtualHost") continue;
      // A name that is asked for again on the same stream is one that the proxy has lost.
      if (!first) this.#forget(name);
      if (!this.known.has(name)) this.#asked.add(name);
      this.#await(name);
    }
    if (!first) return;
    if (this.type === "virtualHost") for (const table of this.names) this.#awaitTable(table);
    else {
      for (const name of this.known.keys()) {
        if (this.wants(name)) this.#await(name);
        else this.known.delete(name);
      }
    }
  }

  /** Sends a resource once more, or when the proxy asks for it though it says that it has it. */
  again(name: string): void {
    this.#asked.add(name);
    if (this.names.has(name)) this.#await(name);
  }

  unsubscribe(names: readonly string[]): void {
    for (const name of names) {
      if (name === "*") this.wildcard = false;
      this.names.delete(name);
      this.#forget(name);
    }
  }

  /** Of virtual hosts: the proxy has this route table now and takes its hosts. Envoy asks for virtual hosts without
   * saying which, and drops those whose table it does not have. */
  claim(table: string): void {
    if (this.names.has(table)) return;
    this.names.add(table);
    if (this.started) this.#awaitTable(table);
  }

  wants(name: string): boolean {
    return this.wildcard || this.names.has(this.type === "virtualHost" ? routeTableOf(name) : name);
  }

  /** Notes that a resource is different now. */
  change(name: string, sequence: number): void {
    if (!this.started || !this.wants(name)) return;
    if (this.#scope.get(this.type, name) !== undefined) this.removable.delete(name);
    if (!this.pending.has(name)) this.pending.set(name, sequence);
  }

  /** The version that the proxy has, or will have after what is on its way. */
  expected(name: string): string | undefined {
    for (let at = this.inFlight.length - 1; at >= 0; at -= 1) {
      const versions = this.inFlight[at]?.versions;
      if (versions?.has(name)) return versions.get(name);
    }
    return this.known.get(name);
  }

  /** Sequence of the oldest change that the proxy has not acknowledged; what was sent before `ignoreBefore` is left out. */
  oldestOpen(ignoreBefore: number): number | undefined {
    let oldest = Number.POSITIVE_INFINITY;
    for (const sent of this.inFlight) if (sent.at >= ignoreBefore) oldest = Math.min(oldest, sent.sequence);
    for (const retry of this.#retries) oldest = Math.min(oldest, retry.sequence);
    for (const sequence of this.pending.values()) {
      oldest = Math.min(oldest, sequence);
      break;
    }
    return oldest === Number.POSITIVE_INFINITY ? undefined : oldest;
  }

  /** All names that are not acknowledged; what was sent before `ignoreBefore` is left out. */
  openNames(ignoreBefore = 0): ReadonlySet<string> {
    const names = new Set(this.pending.keys());
    for (const sent of this.inFlight) {
      if (sent.at >= ignoreBefore) for (const name of sent.versions.keys()) names.add(name);
    }
    for (const retry of this.#retries) for (const name of retry.names) names.add(name);
    return names;
  }

  get settled(): boolean {
    return (
      this.pending.size === 0 &&
      this.inFlight.length === 0 &&
      this.#retries.length === 0 &&
      !this.#owesFirstAnswer
    );
  }

  /**
   * The next response, if there is something to send. `mayGo` holds back pending names. While a refused response is
   * being cut, its groups go one by one.
   */
  next(nonce: string, now: number, mayGo: (name: string) => boolean): Push | undefined {
    while (this.#retries.length > 0) {
      if (this.inFlight.length > 0) return undefined;
      const group = this.#retries.shift();
      const push = group && this.#send(nonce, now, group.names, group.sequence);
      if (push !== undefined) return push;
      // Its content has become what the proxy has.
      for (const name of group?.names ?? []) this.#suspects.delete(name);
    }
    const names: string[] = [];
    let oldest = Number.POSITIVE_INFINITY;
    for (const [name, sequence] of this.pending) {
      if (!mayGo(name)) continue;
      names.push(name);
      oldest = Math.min(oldest, sequence);
    }
    for (const name of names) this.pending.delete(name);
    const push = this.#send(nonce, now, names, oldest);
    if (push !== undefined || !this.#owesFirstAnswer || this.pending.size > 0) return push;
    this.#owesFirstAnswer = false;
    this.inFlight.push({ nonce, versions: new Map(), sequence: this.#scope.sequence, at: now });
    return { type: this.type, nonce, resources: [], removed: [] };
  }

  /** Takes the answer to a response; without `error` it is an acknowledgement. An unknown nonce is ignored. */
  answer(nonce: string, error: string | undefined): Outcome {
    const at = this.inFlight.findIndex((sent) => sent.nonce === nonce);
    const [sent] = at < 0 ? [] : this.inFlight.splice(at, 1);
    if (sent === undefined) return nothing;
    return error === undefined ? this.#accept(sent) : this.#refuse(sent, error);
  }

  #accept(sent: Sent): Outcome {
    for (const [name, version] of sent.versions) {
      this.#suspects.delete(name);
      if (version === undefined) this.removable.delete(name);
      if (!this.wants(name)) continue;
      if (version === undefined) this.known.delete(name);
      else this.known.set(name, version);
    }
    this.#accepted += 1;
    return { acknowledged: sent.versions, refused: this.#resolveSuspects() };
  }

  #refuse(sent: Sent, error: string): Outcome {
    const names = [...sent.versions.keys()];
    const refused = (name: string, message: string): readonly Refused[] => {
      const version = sent.versions.get(name);
      return version === undefined ? [] : [{ name, version, message }];
    };
    const [only] = names;
    if (names.length === 1 && only !== undefined) {
      const suspected = refused(only, error).flatMap((one) => this.#suspect(one));
      return { acknowledged: new Map(), refused: [...suspected, ...this.#resolveSuspects()] };
    }
    const retry = (group: readonly string[]) => {
      if (group.length > 0) this.#retries.push({ names: group, sequence: sent.sequence });
    };
    const messages =
      this.type === "cluster" || this.type === "listener" ? messagesByName(names, error) : new Map();
    if (messages.size > 0) {
      // Envoy names all bad ones of these types and applies the others. Those go again, since we cannot see that it did.
      retry(names.filter((name) => !messages.has(name)));
      return {
        acknowledged: new Map(),
        refused: [...messages].flatMap(([name, message]) => refused(name, message)),
      };
    }
    const named = new Set(mentionedNames(names, error));
    if (named.size > 0 && named.size < names.length) {
      retry(names.filter((name) => !named.has(name)));
      retry([...named]);
    } else {
      const middle = Math.ceil(names.length / 2);
      retry(names.slice(0, middle));
      retry(names.slice(middle));
    }
    return nothing;
  }

  /** Of two virtual hosts with one domain, which one is refused depends on the order; so a virtual host that was
   * refused alone is tried once more when something else was accepted since. */
  #suspect(refused: Refused): readonly Refused[] {
    if (this.type !== "virtualHost" || this.#suspects.delete(refused.name)) return [refused];
    this.#suspects.set(refused.name, { refused, accepted: this.#accepted });
    return [];
  }

  #resolveSuspects(): readonly Refused[] {
    if (this.#retries.length > 0) return [];
    const final: Refused[] = [];
    for (const [name, { refused, accepted }] of this.#suspects) {
      if (accepted < this.#accepted) this.#retries.push({ names: [name], sequence: this.#scope.sequence });
      else final.push(refused);
    }
    for (const { name } of final) this.#suspects.delete(name);
    return final;
  }

  #send(nonce: string, now: number, names: readonly string[], sequence: number): Push | undefined {
    const resources: Resource[] = [];
    const removed: string[] = [];
    const versions = new Map<string, string | undefined>();
    for (const name of names) {
      if (!this.wants(name)) continue;
      const asked = this.#asked.delete(name);
      const expected = this.expected(name);
      const stood = asked || this.type === "virtualHost";
      const resource = stood ? this.#scope.answer(this.type, name) : this.#scope.get(this.type, name);
      if (!asked && (resource?.version === expected || this.#stays(name, expected))) continue;
      versions.set(name, resource?.version);
      if (resource === undefined) removed.push(name);
      else resources.push(resource);
    }
    if (versions.size === 0) return undefined;
    this.#owesFirstAnswer = false;
    this.inFlight.push({ nonce, versions, sequence, at: now });
    return { type: this.type, nonce, resources, removed };
  }

  /** There is no such resource any more, but the proxy keeps it for now. */
  #stays(name: string, expected: string | undefined): boolean {
    if (expected === undefined || this.#scope.get(this.type, name) !== undefined) return false;
    return neverRemoved.has(this.type) || (removedLate.has(this.type) && !this.removable.has(name));
  }

  #await(name: string): void {
    if (!this.pending.has(name)) this.pending.set(name, this.#scope.sequence);
  }

  #awaitTable(table: string): void {
    for (const host of this.#scope.hosts(table)) this.#await(host);
    for (const host of this.known.keys()) if (routeTableOf(host) === table) this.#await(host);
  }

  #forget(name: string): void {
    if (this.type !== "virtualHost") {
      this.known.delete(name);
      this.pending.delete(name);
      this.#asked.delete(name);
      return;
    }
    for (const table of [this.known, this.pending]) {
      for (const host of table.keys()) if (routeTableOf(host) === name) table.delete(host);
    }
  }
}
