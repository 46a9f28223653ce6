import type { Origin } from "#problems/object-ref.ts";

/** A typed key into a route's policies. A plugin owns its slot, so that no shared file knows the plugin's type. */
export interface Slot<T> {
  readonly name: string;
  /** Only carries the type. */
  readonly type?: T;
}

/** One plugin instance on one route: what `parse` made of its configuration, and where that came from. */
export interface Policy<T = unknown> {
  readonly slot: Slot<T>;
  readonly value: T;
  /** The plugin instance, e.g. its KongPlugin; what it names is shared by all routes that use it (counters). */
  readonly instance: string;
  readonly origin: Origin;
}

export function slot<T>(name: string): Slot<T> {
  return { name };
}

/** The value in a slot, typed. */
export function policyOf<T>(policies: readonly Policy[], wanted: Slot<T>): Policy<T> | undefined {
  return policies.find((policy) => policy.slot.name === wanted.name) as Policy<T> | undefined;
}
