import { WireType } from "@bufbuild/protobuf/wire";
import { Cluster_DiscoveryType as DiscoveryType } from "@diolkos/envoy-api/envoy/config/cluster/v3/cluster_pb.js";
import { type DeltaRequest, forEachField } from "./delta-wire.ts";
import { type Resource, type ResourceType, resourceTypes, routeTableOf, typeUrls } from "./resource.ts";
import type { ResourceKey, Scope } from "./scope.ts";
import { neverRemoved, type Outcome, type Push, removedLate, Subscription } from "./subscription.ts";

export interface DeliveryOptions {
  /** Milliseconds between the acknowledgement of new routes and the removal of what they used before. */
  readonly graceMs: number;
  /** Milliseconds after which a response that is not answered no longer keeps the next one of its type waiting. */
  readonly patienceMs: number;
  /** Milliseconds after which it no longer keeps routes waiting that need it: a cluster whose DNS does not answer. */
  readonly overdueMs: number;
}

export const deliveryDefaults: DeliveryOptions = { graceMs: 10_000, patienceMs: 1000, overdueMs: 5000 };

/** Changes that were made together and that a proxy no longer needs once it has acknowledged what came with them. */
interface LateRemovals {
  sequence: number;
  readonly keys: readonly ResourceKey[];
  /** When they go; undefined while a proxy may still use them. */
  due: number | undefined;
}

/** Bounds the search for cluster names in routes: a flood of both is simply sent one after the other. */
const searchLimit = 20_000_000;
const users: readonly ResourceType[] = ["listener", "routes", "virtualHost"];

/**
 * The order in which one proxy gets its resources, so that no request meets a route to nowhere: clusters, endpoints,
 * secrets and extensions first; when the proxy has acknowledged them (a cluster is acknowledged when it is warm) the
 * listeners and routes that need them; when those are acknowledged and a grace time has passed, the removals of what
 * they used before. What does not depend on each other does not wait for each other.
 *
 * It does no input or output: requests and the time go in, responses come out.
 */
export class Delivery {
  readonly #scope: Scope;
  readonly #options: DeliveryOptions;
  readonly #subscriptions = new Map<ResourceType, Subscription>();
  #late: LateRemovals[] = [];
  #nonce = 0;
  /** Virtual hosts of one table that changed together go together (a domain may move from one to the other):
   * sequence → the older sequence it was merged with. */
  readonly #merged = new Map<number, number>();

  constructor(scope: Scope, options: DeliveryOptions) {
    this.#scope = scope;
    this.#options = options;
    for (const type of resourceTypes) this.#subscriptions.set(type, new Subscription(type, scope));
  }

  /** Takes a request of the proxy. */
  receive(request: DeltaRequest): { readonly type: ResourceType; readonly outcome: Outcome } | undefined {
    const type = typeOf.get(request.typeUrl);
    if (type === undefined) return undefined;
    const subscription = this.#of(type);
    const outcome = subscription.answer(request.nonce, request.error);
    if (type === "routes") this.#claimTables(outcome.acknowledged.keys());
    if (request.unsubscribe.length > 0) {
      subscription.unsubscribe(request.unsubscribe);
      if (type === "routes") this.#of("virtualHost").unsubscribe(request.unsubscribe);
    }
    if (!subscription.started || request.subscribe.length > 0) {
      const first = !subscription.started;
      subscription.subscribe(request.subscribe, request.initialVersions);
      if (type === "routes") this.#claimTables(subscription.known.keys());
      if (first && removedLate.has(type))
        this.#removeLate([...subscription.known.keys()].map((name) => ({ type, name })));
    }
    return { type, outcome };
  }

  /** Takes what changed in the scope. */
  change(keys: readonly ResourceKey[]): void {
    const sequence = this.#scope.sequence;
    const late: ResourceKey[] = [];
    for (const key of keys) {
      const { type, name } = key;
      const subscription = this.#of(type);
      if (removedLate.has(type) && this.#scope.get(type, name) === undefined) late.push(key);
      else {
        if (type === "virtualHost") this.#merge(subscription.pending.get(name), sequence);
        subscription.change(name, sequence);
      }
    }
    this.#removeLate(late);
    if (this.#scope.refused.size === 0) return;
    // A refused route goes on in its former version. Only what comes in its place may end the need for what was removed.
    for (const removals of this.#late) {
      removals.sequence = sequence;
      removals.due = undefined;
    }
  }

  /** The next response; undefined when there is nothing to send now. */
  next(now: number): Push | undefined {
    this.#releaseRemovals(now);
    for (const type of resourceTypes) {
      const subscription = this.#of(type);
      if (!subscription.started || subscription.settled || this.#mustWait(subscription, now)) continue;
      const push = subscription.next(String(this.#nonce + 1), now, this.#gate(type, now));
      if (push === undefined) continue;
      this.#nonce += 1;
      if (type === "cluster") this.#repeatEndpoints(push);
      return push;
    }
    return undefined;
  }

  /** When `next` is to be asked again though nothing has happened. */
  wakeAt(now: number): number | undefined {
    const times: number[] = [];
    if (this.#scope.refused.size === 0)
      for (const { due } of this.#late) if (due !== undefined) times.push(due);
    const usersWait = users.some((type) => this.#of(type).pending.size > 0);
    for (const { inFlight, pending } of this.#subscriptions.values()) {
      const latest = inFlight.at(-1);
      if (latest === undefined) continue;
      if (pending.size > 0) times.push(latest.at + this.#options.patienceMs);
      if (usersWait) for (const { at } of inFlight) times.push(at + this.#options.overdueMs + 1);
    }
    const next = times
      .filter((time) => time > now)
      .reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
    return next === Number.POSITIVE_INFINITY ? undefined : next;
  }

  /** What the proxy has not acknowledged; removals of what nothing uses any more do not count. */
  open(): ReadonlyMap<ResourceType, readonly string[]> {
    const open = new Map<ResourceType, readonly string[]>();
    for (const [type, subscription] of this.#subscriptions) {
      const names = subscription.settled ? [] : this.#openNames(type);
      if (names.length > 0) open.set(type, names.sort());
    }
    for (const type of ["cluster", "listener"] as const) {
      if (!this.#of(type).started) open.set(type, [...this.#scope.names(type)].sort());
    }
    const unclaimed = this.#unclaimedTables();
    if (unclaimed.length > 0 && !open.has("virtualHost")) open.set("virtualHost", unclaimed);
    return open;
  }

  get settled(): boolean {
    for (const { type, started, settled } of this.#subscriptions.values()) {
      if (!started && (type === "cluster" || type === "listener")) return false;
      if (!settled && this.#openNames(type).length > 0) return false;
    }
    return this.#unclaimedTables().length === 0;
  }

  /** Version of a resource that the proxy has acknowledged. */
  acknowledged(type: ResourceType, name: string): string | undefined {
    return this.#of(type).known.get(name);
  }

  #openNames(type: ResourceType): string[] {
    const names = [...this.#of(type).openNames()];
    return removedLate.has(type) || neverRemoved.has(type)
      ? names.filter((name) => this.#scope.get(type, name) !== undefined)
      : names;
  }

  /** Route tables that a listener needs and that the proxy does not have yet. */
  #unclaimedTables(): string[] {
    const asked = this.#of("virtualHost").names;
    const unclaimed = [...this.#scope.routeTables()].filter((table) => !asked.has(table));
    if (unclaimed.length === 0) return [];
    const bodies = [...this.#scope.names("listener")].map((name) => bytesOf(this.#scope, "listener", name));
    return unclaimed.filter((table) => bodies.some((body) => body.includes(table))).sort();
  }

  /** A changed cluster waits for its endpoints, but Envoy does not ask for them again while the former cluster lives. */
  #repeatEndpoints(push: Push): void {
    for (const resource of push.resources) {
      const name = endpointsNameOf(resource);
      if (name !== undefined) this.#of("endpoints").again(name);
    }
  }

  #claimTables(tables: Iterable<string>): void {
    for (const table of tables) this.#of("virtualHost").claim(table);
  }

  #removeLate(keys: readonly ResourceKey[]): void {
    const absent = keys.filter(
      ({ type, name }) =>
        this.#scope.get(type, name) === undefined && this.#of(type).expected(name) !== undefined,
    );
    if (absent.length > 0) this.#late.push({ sequence: this.#scope.sequence, keys: absent, due: undefined });
  }

  /** Lets removals go whose grace time has passed since the proxy acknowledged the routes that came with them. */
  #releaseRemovals(now: number): void {
    if (this.#late.length === 0 || !this.#usersAreKnown) return;
    let open = Number.POSITIVE_INFINITY;
    for (const type of users) open = Math.min(open, this.#of(type).oldestOpen(0) ?? open);
    for (const removals of this.#late) {
      if (removals.due === undefined && removals.sequence < open) removals.due = now + this.#options.graceMs;
    }
    if (this.#scope.refused.size > 0) return;
    this.#late = this.#late.filter(({ keys, due, sequence }) => {
      if (due === undefined || due > now) return true;
      for (const { type, name } of keys) {
        if (this.#scope.get(type, name) !== undefined) continue;
        const subscription = this.#of(type);
        subscription.removable.add(name);
        subscription.change(name, sequence);
      }
      return false;
    });
  }

  /** A proxy that comes back tells one type after the other what it has; before all, we cannot see what it still uses. */
  get #usersAreKnown(): boolean {
    const hosts = this.#of("virtualHost");
    if (!this.#of("listener").started || (hosts.names.size > 0 && !hosts.started)) return false;
    return this.#unclaimedTables().length === 0;
  }

  #mustWait(subscription: Subscription, now: number): boolean {
    const { inFlight } = subscription;
    const latest = inFlight.at(-1);
    if (latest === undefined) return false;
    return now - latest.at < this.#options.patienceMs;
  }

  /** Which pending names of a type may go now. */
  #gate(type: ResourceType, now: number): (name: string) => boolean {
    if (!users.includes(type)) return () => true;
    const subscription = this.#of(type);
    const held = this.#heldNames(type, now);
    if (type !== "virtualHost") return (name) => !held.has(name);
    const groups = new Set<string>();
    const groupOf = (name: string) =>
      `${this.#root(subscription.pending.get(name) ?? 0)} ${routeTableOf(name)}`;
    for (const name of held) groups.add(groupOf(name));
    return (name) => !groups.has(groupOf(name));
  }

  /** Pending names that need something which the proxy does not have yet. */
  #heldNames(type: ResourceType, now: number): ReadonlySet<string> {
    const { pending } = this.#of(type);
    const ignoreBefore = now - this.#options.overdueMs;
    let open = Number.POSITIVE_INFINITY;
    for (const below of ["endpoints", "secret", "extension"] as const) {
      open = Math.min(open, this.#of(below).oldestOpen(ignoreBefore) ?? open);
    }
    const held = new Set<string>();
    for (const [name, sequence] of pending) if (sequence >= open) held.add(name);
    const clusters = this.#newClusters(ignoreBefore);
    if (clusters.length === 0) return held;
    const bodies = [...pending.keys()].map((name) => ({ name, body: bytesOf(this.#scope, type, name) }));
    const size = bodies.reduce((sum, { body }) => sum + body.length, 0);
    for (const { name, body } of bodies) {
      // Names stand in the bytes as they are. A name found by accident only makes a route wait.
      if (size * clusters.length > searchLimit || clusters.some((cluster) => body.includes(cluster)))
        held.add(name);
    }
    return held;
  }

  /** Clusters on their way that the proxy does not have in any version. */
  #newClusters(ignoreBefore: number): readonly string[] {
    const subscription = this.#of("cluster");
    if (subscription.settled) return [];
    return [...subscription.openNames(ignoreBefore)].filter(
      (name) => !subscription.known.has(name) && this.#scope.get("cluster", name) !== undefined,
    );
  }

  #merge(older: number | undefined, sequence: number): void {
    if (this.#of("virtualHost").pending.size === 0) this.#merged.clear();
    if (older === undefined) return;
    const root = this.#root(older);
    const other = this.#root(sequence);
    if (root !== other) this.#merged.set(Math.max(root, other), Math.min(root, other));
  }

  #root(sequence: number): number {
    let root = sequence;
    for (let next = this.#merged.get(root); next !== undefined; next = this.#merged.get(root)) root = next;
    return root;
  }

  #of(type: ResourceType): Subscription {
    const subscription = this.#subscriptions.get(type);
    if (subscription === undefined) throw new Error(`No such type of resources: ${type}`);
    return subscription;
  }
}

const typeOf = new Map<string, ResourceType>(resourceTypes.map((type) => [typeUrls[type], type]));

/** Under which name an EDS cluster gets its endpoints; undefined for other clusters, and for bytes that are none. */
function endpointsNameOf(cluster: Resource): string | undefined {
  let isEds = false;
  let serviceName = "";
  try {
    forEachField(cluster.body, (field, wire, reader) => {
      if (field === 2 && wire === WireType.Varint) isEds = reader.int32() === DiscoveryType.EDS;
      else if (field === 3 && wire === WireType.LengthDelimited) {
        forEachField(reader.bytes(), (inner, innerWire, innerReader) => {
          if (inner === 2) serviceName = innerReader.string();
          else innerReader.skip(innerWire, inner);
        });
      } else reader.skip(wire, field);
    });
  } catch {
    // Envoy will say what is wrong with it.
    return undefined;
  }
  if (!isEds) return undefined;
  return serviceName === "" ? cluster.name : serviceName;
}

function bytesOf(scope: Scope, type: ResourceType, name: string): Buffer {
  const body = scope.get(type, name)?.body;
  return body === undefined ? Buffer.alloc(0) : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
}
