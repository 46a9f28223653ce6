import { type FieldPath, type ObjectRef, refKey } from "#problems/object-ref.ts";
import type { Candidate } from "#resources/candidate.ts";
import type { ObjectStore } from "#resources/object-store.ts";

/** One object in one document of one file. */
export interface Claim {
  readonly file: string;
  /** `refKey` of the object. */
  readonly key: string;
  readonly candidate: Candidate;
  /** Text of its document. */
  readonly text: string;
  /** Where in the document it stands. */
  readonly path: FieldPath;
  /** Position among the objects of the file; it moves with the documents around it, as `line` does. */
  order: number;
  /** Lines of the file before the document. */
  line: number;
}

/**
 * Which files define which object. The first one by order of files counts; the store sees only that one. What a broken
 * file no longer says stays as it was.
 */
export class ObjectClaims {
  readonly #store: ObjectStore;
  readonly #compareFiles: (a: string, b: string) => number;
  readonly #claims = new Map<string, Claim[]>();
  readonly #byFile = new Map<string, readonly Claim[]>();
  /** Objects that a broken file keeps, with the claim that they had. */
  readonly #held = new Map<string, Map<string, { ref: ObjectRef; last?: Claim }>>();
  readonly #stored = new Map<string, Claim>();
  readonly #contested = new Set<string>();

  constructor(store: ObjectStore, compareFiles: (a: string, b: string) => number) {
    this.#store = store;
    this.#compareFiles = compareFiles;
  }

  /** Replaces what a file says. A `broken` file loses none of the objects that it had. */
  set(file: string, claims: readonly Claim[], broken: boolean): void {
    const before = this.#byFile.get(file) ?? [];
    const stays = new Set(claims);
    const came = new Set(claims);
    for (const claim of before) came.delete(claim);
    const gone = before.filter((claim) => !stays.has(claim));
    const affected = new Map<string, ObjectRef>();
    for (const { key, candidate } of [...gone, ...came]) affected.set(key, candidate.ref);
    for (const [key, { ref }] of this.#held.get(file) ?? []) affected.set(key, ref);
    this.#hold(file, broken ? gone : undefined, claims, affected);

    for (const { key } of gone) {
      const others = (this.#claims.get(key) ?? []).filter((claim) => claim.file !== file || stays.has(claim));
      if (others.length > 0) this.#claims.set(key, others);
      else this.#claims.delete(key);
    }
    for (const claim of came) {
      const all = this.#claims.get(claim.key);
      if (all === undefined) this.#claims.set(claim.key, [claim]);
      else all.push(claim);
    }
    if (claims.length > 0) this.#byFile.set(file, claims);
    else this.#byFile.delete(file);
    // Documents that changed places may change which one is the first.
    for (const key of this.#contested) {
      const [first] = this.#claims.get(key) ?? [];
      if (first?.file === file) affected.set(key, first.candidate.ref);
    }
    for (const [key, ref] of affected) this.#decide(key, ref);
  }

  /** Notes which objects the file keeps although it no longer says them; `gone` is undefined when it is not broken. */
  #hold(
    file: string,
    gone: readonly Claim[] | undefined,
    claims: readonly Claim[],
    affected: Map<string, ObjectRef>,
  ): void {
    if (gone === undefined) {
      this.#held.delete(file);
      return;
    }
    const held = new Map(this.#held.get(file));
    for (const ref of this.#store.heldBefore(file)) held.set(refKey(ref), { ref });
    for (const last of gone) {
      if (this.#stored.get(last.key) === last) held.set(last.key, { ref: last.candidate.ref, last });
    }
    if (held.size > 0) for (const { key } of claims) held.delete(key);
    for (const [key, { ref }] of held) affected.set(key, ref);
    if (held.size > 0) this.#held.set(file, held);
    else this.#held.delete(file);
  }

  /** The claim that counts for an object; of an object that is only kept, the last one. */
  find(ref: ObjectRef): Claim | undefined {
    const key = refKey(ref);
    const [first] = this.#claims.get(key) ?? [];
    if (first !== undefined) return first;
    for (const held of this.#held.values()) {
      const last = held.get(key)?.last;
      if (last !== undefined) return last;
    }
    return undefined;
  }

  /** The objects that are defined more than once, each with all its claims, the one that counts first. */
  *duplicates(): Generator<readonly Claim[]> {
    for (const key of this.#contested) yield this.#claims.get(key) ?? [];
  }

  #decide(key: string, ref: ObjectRef): void {
    const claims = this.#claims.get(key);
    if (claims === undefined) {
      this.#contested.delete(key);
      this.#stored.delete(key);
      const [holder] = [...this.#held].filter(([, held]) => held.has(key)).map(([file]) => file);
      if (holder === undefined) this.#store.remove(ref);
      else this.#store.hold(ref, holder);
      return;
    }
    if (claims.length > 1) {
      claims.sort((a, b) => this.#compareFiles(a.file, b.file) || a.order - b.order);
      this.#contested.add(key);
    } else {
      this.#contested.delete(key);
    }
    const [first] = claims;
    if (first === undefined) return;
    if (this.#stored.get(key)?.candidate !== first.candidate) this.#store.put(first.candidate);
    this.#stored.set(key, first);
  }
}
