import type { Problem, ProblemSink } from "#problems/problem.ts";
import { equal } from "./equal.ts";

/**
 * The incremental core: tables of keyed values, where a derived table's value is a memoised function of what it read.
 * `flush` re-runs what read a changed value and nothing else, table by table in order of creation; a result that is
 * equal to the one before stops there. So the cost of a change is the size of the change.
 */
export interface Table<V> {
  readonly name: string;
  get(key: string): V | undefined;
  keys(): IterableIterator<string>;
  readonly size: number;
}

/** What a computation may use; every use is recorded, so that a change of it runs the computation again. */
export interface Reader {
  get<V>(table: Table<V>, key: string): V | undefined;
  /** All keys, sorted. The computation runs again when a key comes or goes: use `index` for anything narrower. */
  keys<V>(table: Table<V>): readonly string[];
  /** Adds a problem that lives as long as this result. */
  readonly report: ProblemSink;
}

export interface InputTable<V> extends Table<V> {
  set(key: string, value: V): void;
  delete(key: string): void;
}

type Changed = ReadonlyMap<Table<unknown>, ReadonlySet<string>>;

interface Computation {
  readonly table: DerivedTable<unknown, unknown>;
  readonly key: string;
  reads: Array<readonly [BaseTable<unknown>, string | undefined]>;
}

abstract class BaseTable<V> implements Table<V> {
  readonly values = new Map<string, V>();
  readonly changed = new Set<string>();
  readonly readers = new Map<string, Set<Computation>>();
  readonly keyReaders = new Set<Computation>();
  constructor(
    readonly name: string,
    readonly position: number,
  ) {}
  get(key: string): V | undefined {
    return this.values.get(key);
  }
  keys(): IterableIterator<string> {
    return this.values.keys();
  }
  get size(): number {
    return this.values.size;
  }
  /** Brings the table up to date with the tables before it. */
  abstract update(): void;
  /** Tables that are made from this one key by key. */
  readonly followers: Array<(key: string) => void> = [];

  protected put(key: string, value: V | undefined): void {
    const before = this.values.get(key);
    if (value === undefined ? before === undefined : before !== undefined && equal(before, value)) return;
    if (value === undefined) this.values.delete(key);
    else this.values.set(key, value);
    this.changed.add(key);
    for (const follow of this.followers) follow(key);
    for (const computation of this.readers.get(key) ?? []) computation.table.dirty.add(computation.key);
    if ((before === undefined) !== (value === undefined)) {
      for (const computation of this.keyReaders) computation.table.dirty.add(computation.key);
    }
  }
}

class Input<V> extends BaseTable<V> implements InputTable<V> {
  set(key: string, value: V): void {
    this.put(key, value);
  }
  delete(key: string): void {
    this.put(key, undefined);
  }
  update(): void {}
}

class DerivedTable<S, V> extends BaseTable<V> {
  readonly dirty = new Set<string>();
  readonly #computations = new Map<string, Computation>();
  constructor(
    name: string,
    position: number,
    readonly graph: Graph,
    readonly source: BaseTable<S>,
    readonly compute: (key: string, value: S, read: Reader) => V | undefined,
    readonly onDefect: (key: string, error: unknown) => Problem | undefined,
  ) {
    super(name, position);
    for (const key of source.keys()) this.dirty.add(key);
    source.followers.push((key) => this.dirty.add(key));
  }

  update(): void {
    if (this.dirty.size === 0) return;
    const keys = [...this.dirty];
    this.dirty.clear();
    for (const key of keys) this.#run(key);
  }

  #run(key: string): void {
    const computation = this.#computations.get(key) ?? { table: this as never, key, reads: [] };
    this.#forget(computation);
    const value = this.source.get(key);
    if (value === undefined) {
      this.#computations.delete(key);
      this.graph.setProblems(this, key, []);
      this.put(key, undefined);
      return;
    }
    this.#computations.set(key, computation);
    const problems: Problem[] = [];
    const read: Reader = {
      get: (table, readKey) => {
        this.#note(computation, table as never, readKey);
        return table.get(readKey);
      },
      keys: (table) => {
        this.#note(computation, table as never, undefined);
        return [...table.keys()].sort();
      },
      report: (problem) => problems.push(problem),
    };
    try {
      this.put(key, this.compute(key, value, read));
    } catch (error) {
      // A defect of ours in one computation: its last result stays, everything else goes on.
      const problem = this.onDefect(key, error);
      if (problem !== undefined) problems.push(problem);
    }
    this.graph.setProblems(this, key, problems);
  }

  #note(computation: Computation, table: BaseTable<unknown>, key: string | undefined): void {
    if (table.position >= this.position)
      throw new Error(`${this.name} reads ${table.name}, which comes after it`);
    if (key === undefined) {
      table.keyReaders.add(computation);
    } else {
      let set = table.readers.get(key);
      if (set === undefined) {
        set = new Set();
        table.readers.set(key, set);
      }
      if (set.has(computation)) return;
      set.add(computation);
    }
    computation.reads.push([table, key]);
  }

  #forget(computation: Computation): void {
    for (const [table, key] of computation.reads) {
      if (key === undefined) {
        table.keyReaders.delete(computation);
        continue;
      }
      const set = table.readers.get(key);
      set?.delete(computation);
      if (set?.size === 0) table.readers.delete(key);
    }
    computation.reads = [];
  }
}

class IndexTable<S, T> extends BaseTable<readonly T[]> {
  readonly #dirty = new Set<string>();
  readonly #placed = new Map<string, string[]>();
  readonly #groups = new Map<string, Map<string, T[]>>();
  constructor(
    name: string,
    position: number,
    readonly source: BaseTable<S>,
    readonly place: (key: string, value: S) => Iterable<readonly [string, T]>,
  ) {
    super(name, position);
    for (const key of source.keys()) this.#dirty.add(key);
    source.followers.push((key) => this.#dirty.add(key));
  }

  update(): void {
    if (this.#dirty.size === 0) return;
    const groups = new Set<string>();
    for (const key of this.#dirty) {
      for (const group of this.#placed.get(key) ?? []) {
        groups.add(group);
        this.#groups.get(group)?.delete(key);
      }
      this.#placed.delete(key);
      const value = this.source.get(key);
      if (value === undefined) continue;
      for (const [group, item] of this.place(key, value)) {
        groups.add(group);
        let members = this.#groups.get(group);
        if (members === undefined) {
          members = new Map();
          this.#groups.set(group, members);
        }
        const items = members.get(key);
        if (items !== undefined) items.push(item);
        else {
          members.set(key, [item]);
          this.#placed.set(key, [...(this.#placed.get(key) ?? []), group]);
        }
      }
    }
    this.#dirty.clear();
    for (const group of groups) {
      const members = this.#groups.get(group);
      if (members === undefined || members.size === 0) {
        this.#groups.delete(group);
        this.put(group, undefined);
        continue;
      }
      this.put(
        group,
        [...members.keys()].sort().flatMap((key) => members.get(key) ?? []),
      );
    }
  }
}

class UnionTable<V> extends BaseTable<V> {
  readonly #dirty = new Set<string>();
  constructor(
    name: string,
    position: number,
    readonly sources: readonly BaseTable<V>[],
  ) {
    super(name, position);
    for (const source of sources) {
      for (const key of source.keys()) this.#dirty.add(key);
      source.followers.push((key) => this.#dirty.add(key));
    }
  }

  update(): void {
    for (const key of this.#dirty) {
      this.put(key, this.sources.find((source) => source.get(key) !== undefined)?.get(key));
    }
    this.#dirty.clear();
  }
}

export interface GraphOptions {
  /** Turns a thrown error (a defect of ours) into a problem for the users' list, and may log it. */
  onDefect?: (table: string, key: string, error: unknown) => Problem | undefined;
}

/** Holds all tables in their order. One graph is one instance's whole computation. */
export class Graph {
  readonly #tables: BaseTable<unknown>[] = [];
  readonly #problems = new Map<string, readonly Problem[]>();
  readonly #onDefect: NonNullable<GraphOptions["onDefect"]>;
  #problemsChanged = false;

  constructor(options: GraphOptions = {}) {
    this.#onDefect = options.onDefect ?? (() => undefined);
  }

  /** A table that is written from outside. */
  input<V>(name: string): InputTable<V> {
    return this.#add(new Input<V>(name, this.#tables.length));
  }

  /** One result for each key of `source`; no entry where `compute` returns undefined. */
  derive<S, V>(
    name: string,
    source: Table<S>,
    compute: (key: string, value: S, read: Reader) => V | undefined,
  ): Table<V> {
    const onDefect = (key: string, error: unknown) => this.#onDefect(name, key, error);
    return this.#add(
      new DerivedTable<S, V>(name, this.#tables.length, this, source as BaseTable<S>, compute, onDefect),
    );
  }

  /** Groups what `place` says of each source entry; a group's items are in order of their source keys. */
  index<S, T>(
    name: string,
    source: Table<S>,
    place: (key: string, value: S) => Iterable<readonly [string, T]>,
  ): Table<readonly T[]> {
    return this.#add(new IndexTable<S, T>(name, this.#tables.length, source as BaseTable<S>, place));
  }

  /** The entries of all sources; where several have a key, the first one's counts. */
  union<V>(name: string, sources: readonly Table<V>[]): Table<V> {
    return this.#add(new UnionTable<V>(name, this.#tables.length, sources as readonly BaseTable<V>[]));
  }

  /** Brings everything up to date and says which keys of which tables have changed since the last flush. */
  flush(): { changed: Changed; problemsChanged: boolean } {
    for (const table of this.#tables) table.update();
    const changed = new Map<Table<unknown>, ReadonlySet<string>>();
    for (const table of this.#tables) {
      if (table.changed.size === 0) continue;
      changed.set(table, new Set(table.changed));
      table.changed.clear();
    }
    const problemsChanged = this.#problemsChanged;
    this.#problemsChanged = false;
    return { changed, problemsChanged };
  }

  /** Every problem that a present result reported. */
  problems(): readonly Problem[] {
    return [...this.#problems.values()].flat();
  }

  /** @internal */
  setProblems(table: Table<unknown>, key: string, problems: readonly Problem[]): void {
    const id = `${table.name}\n${key}`;
    const before = this.#problems.get(id) ?? [];
    if (equal(before, problems)) return;
    this.#problemsChanged = true;
    if (problems.length === 0) this.#problems.delete(id);
    else this.#problems.set(id, problems);
  }

  #add<T extends { update(): void }>(table: T): T {
    this.#tables.push(table as unknown as BaseTable<unknown>);
    return table;
  }
}
