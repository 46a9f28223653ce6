import { equal } from "#incremental/equal.ts";
import type { Graph, InputTable, Table } from "#incremental/graph.ts";
import { type ObjectRef, refKey } from "#problems/object-ref.ts";
import type { Problem } from "#problems/problem.ts";
import type { Candidate } from "./candidate.ts";
import { contentHash } from "./content-hash.ts";
import { deepFreeze } from "./deep-freeze.ts";
import { type Kind, type KubernetesObject, objectKey } from "./kind.ts";
import { findKind, kinds } from "./registry.ts";

/** What translators see of the objects: one table a kind, keyed by `objectKey`. */
export interface Objects {
  table<T extends KubernetesObject>(kind: Kind<T>): Table<T>;
}

/**
 * What is wrong with an object beyond its schema, e.g. with a plugin's configuration. A version with such a fault is not
 * used while an earlier one without any serves; where none does, translation makes of it what it can.
 */
export type ObjectCheck = (object: KubernetesObject) => readonly Problem[];

/** A version that Envoy refused; it is not tried again until its content changes. */
interface Quarantine {
  readonly hash: string;
  readonly problem: Problem;
  /** Hashes of the problem's related objects at that time: the cause may be a change of one of them. */
  readonly related: Readonly<Record<string, string>>;
}

/** What must survive a restart of an object whose newest version is not the one that serves. */
export interface LastGood {
  readonly ref: ObjectRef;
  /** The version that serves; absent when none does. */
  readonly object?: KubernetesObject;
  readonly quarantine?: Quarantine;
  /** The source's place whose broken document holds the object, e.g. a file. */
  readonly heldBy?: string;
}

/** Where the list of `LastGood`s is kept over restarts. */
export interface LastGoodStorage {
  load(): readonly LastGood[];
  save(entries: readonly LastGood[]): void;
}

interface Entry {
  readonly ref: ObjectRef;
  candidate?: Candidate;
  /** What the table shows. */
  visible?: KubernetesObject;
  /** The newest version that all proxies have acknowledged. */
  good?: KubernetesObject;
  quarantine?: Quarantine;
  heldBy?: string;
  /** The store's version since which `visible` is shown. */
  shownAt: number;
}

/**
 * All objects of one instance, each in its newest usable version. A version that is invalid or that Envoy refused is
 * kept out; the last good one stays visible instead, over restarts too.
 */
export class ObjectStore implements Objects {
  readonly #graph: Graph;
  readonly #storage: LastGoodStorage | undefined;
  readonly #check: ObjectCheck;
  readonly #tables = new Map<string, InputTable<KubernetesObject>>();
  readonly #entries = new Map<string, Entry>();
  readonly #unsettled = new Set<Entry>();
  /** Entries whose newest version is not the one that serves. */
  readonly #troubled = new Set<Entry>();
  /** From before the restart, until a source puts the object again. */
  readonly #restored = new Map<string, LastGood>();
  #unsaved = false;
  #version = 0;
  #problemsVersion = 0;

  constructor(graph: Graph, storage?: LastGoodStorage, check: ObjectCheck = () => []) {
    this.#graph = graph;
    this.#storage = storage;
    this.#check = check;
    for (const kind of kinds) this.table(kind);
    for (const entry of storage?.load() ?? []) {
      if (entry.object === undefined || isStillValid(entry.object)) {
        this.#restored.set(refKey(entry.ref), deepFreeze(entry));
      }
    }
  }

  table<T extends KubernetesObject>(kind: Kind<T>): Table<T> {
    let table = this.#tables.get(kind.kind);
    if (table === undefined) {
      table = this.#graph.input<KubernetesObject>(kind.kind);
      this.#tables.set(kind.kind, table);
    }
    return table as Table<KubernetesObject> as Table<T>;
  }

  /** Grows with every change of what the tables show. */
  get version(): number {
    return this.#version;
  }

  /** Grows with every change of `problems`. */
  get problemsVersion(): number {
    return this.#problemsVersion;
  }

  /** The version of the object that the tables show. */
  get(ref: ObjectRef): KubernetesObject | undefined {
    return this.#entries.get(refKey(ref))?.visible;
  }

  /** Takes a new version. An invalid one changes nothing but the problems. */
  put(given: Candidate): void {
    const candidate = this.#checked(given);
    const entry = this.#entry(candidate.ref);
    const before = entry.candidate;
    entry.candidate = candidate;
    if (entry.heldBy !== undefined) delete entry.heldBy;
    if (!equal(before?.problems ?? [], candidate.problems)) this.#problemsVersion++;
    const { object } = candidate;
    if (before === undefined || !equal(before.object, object)) {
      if (
        entry.quarantine !== undefined &&
        (object === undefined || contentHash(object) !== entry.quarantine.hash)
      ) {
        this.#liftQuarantine(entry);
      }
      this.#retryRelated(candidate.ref);
    }
    if (object !== undefined && entry.quarantine === undefined) this.#show(entry, object);
    this.#note(entry);
  }

  /** Forgets the object with all its versions. */
  remove(ref: ObjectRef): void {
    this.#restored.delete(refKey(ref));
    const entry = this.#entries.get(refKey(ref));
    if (entry === undefined) return;
    this.#entries.delete(refKey(ref));
    if (this.#troubled.delete(entry)) this.#unsaved = true;
    if (entry.quarantine !== undefined || (entry.candidate?.problems.length ?? 0) > 0)
      this.#problemsVersion++;
    this.#show(entry, undefined);
    this.#unsettled.delete(entry);
    this.#retryRelated(ref);
  }

  /** Keeps the present version although its document is broken; `place` finds it again after a restart. */
  hold(ref: ObjectRef, place: string): void {
    const entry = this.#entry(ref);
    if (entry.heldBy === place) return;
    entry.heldBy = place;
    this.#note(entry);
  }

  /** The objects that a place held when the process ended, and that no source has put since. */
  heldBefore(place: string): readonly ObjectRef[] {
    return [...this.#restored.values()].filter(({ heldBy }) => heldBy === place).map(({ ref }) => ref);
  }

  /** Every source has put what it has: what is still not put from the time before the restart is gone. */
  forgetUnclaimed(): void {
    if (this.#restored.size > 0) this.#unsaved = true;
    this.#restored.clear();
    for (const entry of this.#troubled) {
      for (const key of Object.keys(entry.quarantine?.related ?? {})) this.#retryIfChanged(entry, key);
    }
  }

  /**
   * Withdraws the present version, because Envoy refused what was made from it; the last good version is shown again.
   * The problem stays until the content of this object, or of one related to the problem, changes. Nothing happens and
   * the answer is false when the version came after `asOf` (so it is another than the refused one), and when all
   * proxies had acknowledged it before (so it is not at fault), unless `force`.
   */
  quarantine(ref: ObjectRef, problem: Problem, options: { asOf?: number; force?: boolean } = {}): boolean {
    const entry = this.#entries.get(refKey(ref));
    if (entry?.visible === undefined || entry.shownAt > (options.asOf ?? this.#version)) return false;
    if (entry.good !== undefined && equal(entry.visible, entry.good)) {
      if (options.force !== true) return false;
      delete entry.good;
    }
    const related = problem.related.map((other) => [refKey(other), this.#candidateHash(refKey(other))]);
    entry.quarantine = { hash: contentHash(entry.visible), problem, related: Object.fromEntries(related) };
    this.#problemsVersion++;
    this.#show(entry, entry.good);
    this.#note(entry);
    this.save();
    return true;
  }

  /** All proxies have acknowledged everything that was visible at the store's version `asOf`: now it counts as good. */
  settle(asOf = this.#version): void {
    for (const entry of this.#unsettled) {
      if (entry.shownAt > asOf) continue;
      if (entry.visible === undefined) delete entry.good;
      else entry.good = entry.visible;
      this.#unsettled.delete(entry);
    }
  }

  /** The problems of all objects' newest versions, and of the refused ones. */
  problems(): readonly Problem[] {
    const problems: Problem[] = [];
    for (const { candidate, quarantine } of this.#entries.values()) {
      if (candidate !== undefined) problems.push(...candidate.problems);
      if (quarantine !== undefined) problems.push(quarantine.problem);
    }
    return problems;
  }

  /** Writes what a restart needs, if it changed. */
  save(): void {
    if (!this.#unsaved || this.#storage === undefined) return;
    this.#unsaved = false;
    const troubled = [...this.#troubled].map(({ ref, visible, quarantine, heldBy }) => ({
      ref,
      ...(visible === undefined ? {} : { object: visible }),
      ...(quarantine === undefined ? {} : { quarantine }),
      ...(heldBy === undefined ? {} : { heldBy }),
    }));
    this.#storage.save([...this.#restored.values(), ...troubled]);
  }

  #checked(candidate: Candidate): Candidate {
    const found = candidate.object === undefined ? [] : this.#check(candidate.object);
    if (found.length === 0) return candidate;
    const { visible } = this.#entry(candidate.ref);
    if (visible === undefined || this.#check(visible).length > 0) return candidate;
    return { ref: candidate.ref, problems: [...candidate.problems, ...found] };
  }

  /** The object's entry; a new one starts from what was kept over the restart. */
  #entry(ref: ObjectRef): Entry {
    const key = refKey(ref);
    let entry = this.#entries.get(key);
    if (entry !== undefined) return entry;
    entry = { ref, shownAt: this.#version };
    this.#entries.set(key, entry);
    const restored = this.#restored.get(key);
    if (restored === undefined) return entry;
    this.#restored.delete(key);
    this.#unsaved = true;
    if (restored.quarantine !== undefined) {
      entry.quarantine = restored.quarantine;
      this.#problemsVersion++;
    }
    if (restored.object !== undefined) {
      entry.good = restored.object;
      this.#show(entry, restored.object);
    }
    return entry;
  }

  #show(entry: Entry, object: KubernetesObject | undefined): void {
    if (object === entry.visible) return;
    const changes = !equal(entry.visible, object);
    if (object === undefined) delete entry.visible;
    else entry.visible = object;
    if (!changes) return;
    const table = this.#tables.get(entry.ref.kind);
    const key = objectKey(entry.ref.namespace, entry.ref.name);
    if (object === undefined) table?.delete(key);
    else table?.set(key, object);
    entry.shownAt = ++this.#version;
    this.#unsettled.add(entry);
  }

  #liftQuarantine(entry: Entry): void {
    if (entry.quarantine === undefined) return;
    delete entry.quarantine;
    this.#problemsVersion++;
  }

  /** The cause of a refusal may have been another object that took part in it, and that has changed now: try again. */
  #retryRelated(ref: ObjectRef): void {
    for (const entry of this.#troubled) this.#retryIfChanged(entry, refKey(ref));
  }

  #retryIfChanged(entry: Entry, related: string): void {
    const hash = entry.quarantine?.related[related];
    if (hash === undefined || hash === this.#candidateHash(related)) return;
    this.#liftQuarantine(entry);
    if (entry.candidate?.object !== undefined) this.#show(entry, entry.candidate.object);
    this.#note(entry);
  }

  #candidateHash(key: string): string {
    const object = this.#entries.get(key)?.candidate?.object;
    return object === undefined ? "" : contentHash(object);
  }

  #note(entry: Entry): void {
    const invalid = entry.candidate !== undefined && entry.candidate.object === undefined;
    const troubled = invalid || entry.quarantine !== undefined || entry.heldBy !== undefined;
    if (troubled) this.#troubled.add(entry);
    if (troubled || this.#troubled.delete(entry)) this.#unsaved = true;
  }
}

/** False when this version of Diolkos no longer reads the object as it was kept. */
function isStillValid(object: KubernetesObject): boolean {
  return findKind(object.apiVersion, object.kind)?.schema.safeParse(object).success === true;
}
