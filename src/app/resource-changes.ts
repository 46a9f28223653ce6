import type { Table } from "#incremental/graph.ts";
import type { ResourceChange } from "#xds/publisher.ts";
import { type Resource, resourceKey } from "#xds/resource.ts";
import type { Pipeline } from "./pipeline.ts";

/** Remembers what was published under each key, so that a removal can be named. */
export class ResourceChanges {
  readonly #pipeline: Pick<Pipeline, "resources" | "parts">;
  readonly #published = new Map<string, Resource>();
  /** How many keys yield each resource: the endpoints of a Service may be used by clusters of several tables. */
  readonly #uses = new Map<string, number>();

  constructor(pipeline: Pick<Pipeline, "resources" | "parts">) {
    this.#pipeline = pipeline;
  }

  /** What has become of the tables' changed keys, in the form that the publisher takes. */
  collect(changed: ReadonlyMap<Table<unknown>, ReadonlySet<string>>): readonly ResourceChange[] {
    const gone = new Map<string, Resource>();
    const come: Resource[] = [];
    for (const [at, table] of this.#pipeline.resources.entries()) {
      for (const key of changed.get(table) ?? []) {
        const id = `${at}\n${key}`;
        const before = this.#published.get(id);
        const now = table.get(key);
        if (before !== undefined && (now === undefined || resourceKey(before) !== resourceKey(now))) {
          gone.set(resourceKey(before), before);
        }
        if (before !== undefined) this.#use(before, -1);
        if (now === undefined) this.#published.delete(id);
        else {
          this.#use(now, 1);
          this.#published.set(id, now);
          come.push(now);
        }
      }
    }
    // A name that another key yields, or that has moved to another key, is no removal.
    for (const id of gone.keys()) if (this.#uses.has(id)) gone.delete(id);
    return [
      ...come.map((resource) => ({
        ...named(resource),
        resource: { ...resource, parts: () => this.#pipeline.parts(resource) },
      })),
      ...[...gone.values()].map((resource) => ({ ...named(resource), resource: undefined })),
    ];
  }

  #use(resource: Resource, by: 1 | -1): void {
    const id = resourceKey(resource);
    const uses = (this.#uses.get(id) ?? 0) + by;
    if (uses === 0) this.#uses.delete(id);
    else this.#uses.set(id, uses);
  }
}

function named({ scope, type, name }: Resource) {
  return { scope, type, name };
}
