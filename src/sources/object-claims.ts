import { type FieldPath, type ObjectRef, refKey } from "#problems/object-ref.ts";
import type { Candidate } from "#resources/candidate.ts";
import type { ObjectStore } from "#resources/object-store.ts";

/** One object in one document of one file. */
export interface Claim {
  readonly file: string;
  /** Position among the objects of the file. */
  readonly order: number;
  readonly candidate: Candidate;
  /** Text of its document. */
  readonly text: string;
  /** Lines of the file before the document. */
  readonly line: number;
  /** Where in the document it stands. */
  readonly path: FieldPath;
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
    const affected = new Map<string, ObjectRef>();
    const present = new Set(claims.map(({ candidate }) => refKey(candidate.ref)));
    const held = new Map<string, { ref: ObjectRef; last?: Claim }>();
    if (broken) {
      for (const ref of this.#store.heldBefore(file)) held.set(refKey(ref), { ref });
      for (const [key, entry] of this.#held.get(file) ?? []) held.set(key, entry);
      for (const last of this.#byFile.get(file) ?? []) {
        if (this.#stored.get(refKey(last.candidate.ref)) === last) {
          held.set(refKey(last.candidate.ref), { ref: last.candidate.ref, last });
        }
      }
      for (const key of present) held.delete(key);
    }
    for (const [key, { ref }] of [...(this.#held.get(file) ?? []), ...held]) affected.set(key, ref);
    if (held.size > 0) this.#held.set(file, held);
    else this.#held.delete(file);

    for (const { candidate } of this.#byFile.get(file) ?? []) {
      const key = refKey(candidate.ref);
      affected.set(key, candidate.ref);
      const others = (this.#claims.get(key) ?? []).filter((claim) => claim.file !== file);
      if (others.length > 0) this.#claims.set(key, others);
      else this.#claims.delete(key);
    }
    for (const claim of claims) {
      const key = refKey(claim.candidate.ref);
      affected.set(key, claim.candidate.ref);
      const all = this.#claims.get(key);
      if (all === undefined) this.#claims.set(key, [claim]);
      else all.push(claim);
    }
    if (claims.length > 0) this.#byFile.set(file, claims);
    else this.#byFile.delete(file);
    for (const [key, ref] of affected) this.#decide(key, ref);
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
