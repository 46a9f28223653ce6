import { type Resource, type ResourceType, resourceTypes, routeTableOf } from "./resource.ts";
import { sentinelName, standIn } from "./stand-in.ts";

export interface ResourceKey {
  readonly type: ResourceType;
  readonly name: string;
}

/** One change of what a scope's proxies are to have; `resource` undefined removes. */
export interface ScopeChange extends ResourceKey {
  readonly resource: Resource | undefined;
}

interface Entry {
  resource: Resource;
  /** The newest content that a proxy has acknowledged. */
  good: Resource | undefined;
}

/** What the proxies of one scope are to have now. It knows nothing of streams. */
export class Scope {
  readonly name: string;
  /** False until the first content is there: before that, a proxy's question stays unanswered, since "there is
   * nothing" would make it drop what it has. */
  ready = false;
  /** Counts the batches of changes. */
  sequence = 0;
  /** While a resource's newest content is refused, its former one serves and may need what that batch removed. */
  readonly refused = new Set<string>();
  readonly #entries = new Map<ResourceType, Map<string, Entry>>(
    resourceTypes.map((type) => [type, new Map<string, Entry>()]),
  );
  readonly #hosts = new Map<string, Set<string>>();

  constructor(name: string) {
    this.name = name;
  }

  get(type: ResourceType, name: string): Resource | undefined {
    return this.#table(type).get(name)?.resource;
  }

  /** What a proxy that asked for this name is to have: the resource or what stands in for it. */
  answer(type: ResourceType, name: string): Resource | undefined {
    return this.get(type, name) ?? standIn(this.name, type, name);
  }

  names(type: ResourceType): IterableIterator<string> {
    return this.#table(type).keys();
  }

  size(type: ResourceType): number {
    return this.#table(type).size;
  }

  /** Names of the virtual hosts of a route table, the sentinel included. */
  hosts(routeTable: string): readonly string[] {
    const names = [...(this.#hosts.get(routeTable) ?? [])];
    const sentinel = sentinelName(routeTable);
    return names.includes(sentinel) ? names : [sentinel, ...names];
  }

  routeTables(): IterableIterator<string> {
    return this.#hosts.keys();
  }

  get empty(): boolean {
    return resourceTypes.every((type) => this.size(type) === 0);
  }

  /** Takes a batch and returns what is different now. */
  apply(changes: readonly ScopeChange[]): readonly ResourceKey[] {
    this.ready = true;
    const changed: ResourceKey[] = [];
    for (const { type, name, resource } of changes) {
      const before = this.#table(type).get(name);
      if (before?.resource.version === resource?.version) {
        // Equal bytes may still have other origins.
        if (before !== undefined && resource !== undefined) {
          if (before.good === before.resource) before.good = resource;
          before.resource = resource;
        }
        continue;
      }
      this.#set(type, name, resource === undefined ? undefined : { resource, good: before?.good });
      changed.push({ type, name });
    }
    if (changed.length > 0) this.sequence += 1;
    return changed;
  }

  /** A proxy has this version. */
  acknowledge(type: ResourceType, name: string, version: string): void {
    const entry = this.#table(type).get(name);
    if (entry?.resource.version === version) entry.good = entry.resource;
  }

  /** A proxy does not take this version: goes back to the one before. Undefined when it is no longer current. */
  revert(type: ResourceType, name: string, version: string): Resource | undefined {
    const entry = this.#table(type).get(name);
    if (entry?.resource.version !== version) return undefined;
    const refused = entry.resource;
    const good = entry.good;
    if (good?.version !== version) {
      this.#set(type, name, good === undefined ? undefined : { resource: good, good });
      this.sequence += 1;
    }
    return refused;
  }

  #set(type: ResourceType, name: string, entry: Entry | undefined): void {
    const table = this.#table(type);
    if (entry === undefined) table.delete(name);
    else table.set(name, entry);
    if (type !== "virtualHost") return;
    const routeTable = routeTableOf(name);
    const hosts = this.#hosts.get(routeTable) ?? new Set();
    if (entry === undefined) hosts.delete(name);
    else hosts.add(name);
    if (hosts.size === 0) this.#hosts.delete(routeTable);
    else this.#hosts.set(routeTable, hosts);
  }

  #table(type: ResourceType): Map<string, Entry> {
    const table = this.#entries.get(type);
    if (table === undefined) throw new Error(`No such type of resources: ${type}`);
    return table;
  }
}
