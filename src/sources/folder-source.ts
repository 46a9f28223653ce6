import { readFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { equal } from "#incremental/equal.ts";
import { type FieldPath, formatRef, type ObjectRef } from "#problems/object-ref.ts";
import type { PlacedProblem } from "#problems/placed-problem.ts";
import { type Problem, problem } from "#problems/problem.ts";
import type { ObjectStore } from "#resources/object-store.ts";
import { FolderWatch } from "./folder-watch.ts";
import {
  exists,
  type FoundFile,
  isAbsent,
  isManifestName,
  type Listing,
  listManifests,
} from "./manifest-files.ts";
import { type ReadManifest, readManifest } from "./manifest-text.ts";
import { type Claim, ObjectClaims } from "./object-claims.ts";
import { fileRef, lineOfObjectField } from "./parse-document.ts";

export interface FolderSourceOptions {
  /** Folders (or single files) as the user named them, relative to the working directory. */
  readonly directories: readonly string[];
  readonly store: ObjectStore;
  /** After each batch of changes that the store has taken, the first full read included. */
  readonly onApplied?: () => void;
  /** When the list of `problems()` has changed. */
  readonly onProblems?: (problems: readonly PlacedProblem[]) => void;
  readonly patience?: Patience;
}

/** For how many milliseconds a file must look the same until it counts, when that would remove objects. */
export interface Patience {
  /** A file that has become shorter at its end may be in the middle of a rewrite. */
  readonly shortened: number;
  /** So may an empty one. */
  readonly emptied: number;
  /** Some editors delete a file and make it anew. */
  readonly gone: number;
}

export interface Place {
  /** As the user named the folder, then the path in it. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
}

interface KnownFile {
  readonly path: string;
  stamp: string;
  content?: Buffer;
  read?: ReadManifest;
  error?: string;
  /** The file looks as if somebody were just rewriting it: since when, and with which length (undefined: gone). */
  doubt?: { readonly since: number; readonly length: number | undefined };
}

const usualPatience: Patience = { shortened: 60, emptied: 150, gone: 20 };
/** Even where no change is told (network file systems, links to elsewhere), all files are looked at this often. */
const shortestRoundMs = 2000;
const roundFactor = 50;

/** Reads manifests from folders into the object store, and follows every change of them. */
export class FolderSource {
  readonly #options: FolderSourceOptions;
  readonly #patience: Patience;
  readonly #roots: readonly { readonly path: string; readonly shown: string }[];
  readonly #watch: FolderWatch;
  readonly #claims: ObjectClaims;
  readonly #files = new Map<string, KnownFile>();
  /** Identity by path. */
  readonly #folders = new Map<string, string>();
  readonly #rootErrors = new Map<string, string>();
  readonly #withProblems = new Set<KnownFile>();
  readonly #defects: PlacedProblem[] = [];
  #problems: readonly PlacedProblem[] = [];
  #work: Promise<void> = Promise.resolve();
  #round: NodeJS.Timeout | undefined;
  #revision = 0;
  #closed = false;

  constructor(options: FolderSourceOptions) {
    this.#options = options;
    this.#patience = options.patience ?? usualPatience;
    this.#roots = options.directories.map((shown) => ({ path: resolve(shown), shown }));
    this.#watch = new FolderWatch((paths) => this.#enqueue(paths));
    this.#claims = new ObjectClaims(options.store, (a, b) => this.#compare(a, b));
  }

  /** Reads everything once, then follows changes. */
  async start(): Promise<void> {
    const began = performance.now();
    this.#enqueue(new Set(this.#roots.map(({ path }) => path)), () => this.#options.store.forgetUnclaimed());
    await this.#work;
    this.#planRound(performance.now() - began);
  }

  /** Reads what the files say at this moment, told of by the system or not. Resolves with the files that look as if
   * somebody were just rewriting them; they are read a moment later. */
  async catchUp(): Promise<readonly string[]> {
    this.#enqueue(new Set(this.#roots.map(({ path }) => path)));
    await this.#work;
    return [...this.#files.values()]
      .filter(({ doubt }) => doubt !== undefined)
      .map(({ path }) => this.#shown(path));
  }

  /** Ends watching; what was read stays in the store. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#round);
    this.#watch.close();
    await this.#work;
  }

  /** What is wrong with files and documents that are no objects, and with objects that are defined twice. */
  problems(): readonly PlacedProblem[] {
    return this.#problems;
  }

  /** Grows whenever places may have moved. */
  get revision(): number {
    return this.#revision;
  }

  /** Where an object, or a field of it, stands. Fields that the text lacks are placed at what is around them. */
  locate(ref: ObjectRef, field: FieldPath = []): Place | undefined {
    const claim = this.#claims.find(ref);
    return claim && this.#placeOf(claim, field);
  }

  /** The problem with the place of its object and field. */
  place(found: Problem): PlacedProblem {
    return { ...found, ...this.locate(found.object, found.field) };
  }

  #placeOf(claim: Claim, field: FieldPath): Place {
    const line = claim.line + (lineOfObjectField(claim.text, claim.path, field) ?? 0) + 1;
    return { file: this.#shown(claim.file), line };
  }

  #enqueue(paths: ReadonlySet<string>, first?: () => void): void {
    this.#work = this.#work.then(async () => {
      if (this.#closed) return;
      const { store } = this.#options;
      const before = [store.version, store.problemsVersion];
      try {
        for (const path of [...paths].sort()) await this.#look(path);
      } catch (error) {
        // A defect of ours: what was read stays, and the next change or round tries again.
        this.#defects.push(problem("internal", fileRef([...paths].join(", ")), [], reasonOf(error)));
      }
      first?.();
      store.save();
      this.#publishProblems();
      const changed = !equal(before, [store.version, store.problemsVersion]);
      if (changed || first !== undefined) this.#options.onApplied?.();
    });
  }

  /** Brings what is known at and below a path up to date. */
  async #look(path: string): Promise<void> {
    if (this.#isLeftOut(path)) {
      // A mounted ConfigMap changes by a rename of its hidden folder, to which all its files link.
      const folder = dirname(path);
      if (basename(path).startsWith("..") && this.#folders.has(folder)) await this.#look(folder);
      return;
    }
    let listing = await this.#list(path);
    // What comes into a new folder before it is watched must not be missed: look again.
    while (listing !== undefined && this.#follow(listing)) listing = await this.#list(path);
    if (listing === undefined) return;
    for (const { path: at, error } of listing.errors) this.#fail(at, error);
    const failed = (at: string) => listing.errors.some((one) => isWithin(at, one.path));
    const files = new Set(listing.files.map((file) => file.path));
    const folders = new Set(listing.folders.map((folder) => folder.path));
    const known = this.#folders.has(path)
      ? [...this.#files.keys()].filter((at) => isWithin(at, path))
      : [path];
    const gone = known.filter((at) => !files.has(at) && !failed(at));
    if (gone.length > 0 && !(await this.#hasRoot(path))) return;
    for (const at of gone) this.#gone(at);
    for (const at of this.#folders.keys()) {
      if (isWithin(at, path) && !folders.has(at) && !failed(at)) this.#leave(at);
    }
    const changed = listing.files.filter((file) => this.#needsReading(file));
    for (let at = 0; at < changed.length; at += 64) {
      const batch = changed.slice(at, at + 64);
      const contents = await Promise.all(batch.map((file) => readContent(file.path)));
      for (const [position, file] of batch.entries()) this.#take(file, contents[position]);
    }
  }

  /** What is at a path; undefined when that cannot be told, so that everything stays as it is. */
  async #list(path: string): Promise<Listing | undefined> {
    const listing = await listManifests(path);
    if (!this.#roots.some((root) => root.path === path)) {
      return { ...listing, files: listing.files.filter((file) => isManifestName(basename(file.path))) };
    }
    if (listing.files.length === 0 && listing.folders.length === 0) {
      const [error] = listing.errors;
      this.#rootErrors.set(path, error === undefined ? "It does not exist." : reasonOf(error.error));
      for (const folder of [...this.#folders.keys()]) if (isWithin(folder, path)) this.#leave(folder);
      return undefined;
    }
    this.#rootErrors.delete(path);
    // A single file is watched by its folder.
    if (listing.folders.length === 0) this.#watch.add(dirname(path));
    return listing;
  }

  /** A whole folder seldom goes on purpose, and a mount that is missing for a while must not stop everything. */
  async #hasRoot(path: string): Promise<boolean> {
    const root = this.#rootOf(path);
    return root === undefined || root.path === path || (await exists(root.path));
  }

  /** Watches the folders that are new; says whether there are any. */
  #follow({ folders }: Listing): boolean {
    let any = false;
    for (const { path, identity } of folders) {
      if (this.#folders.get(path) === identity) continue;
      this.#leave(path);
      this.#folders.set(path, identity);
      this.#watch.add(path);
      any = true;
    }
    return any;
  }

  #leave(folder: string): void {
    if (this.#folders.delete(folder)) this.#watch.remove(folder);
  }

  #needsReading({ path, stamp }: FoundFile): boolean {
    const known = this.#files.get(path);
    return known?.stamp !== stamp || known.error !== undefined || known.doubt !== undefined;
  }

  #take({ path, stamp }: FoundFile, content: Buffer | { readonly error: unknown } | undefined): void {
    if (content === undefined) {
      this.#gone(path);
      return;
    }
    if ("error" in content) {
      this.#fail(path, content.error);
      return;
    }
    const known = this.#known(path);
    if (this.#isDoubtful(known, content)) return;
    known.stamp = stamp;
    delete known.doubt;
    delete known.error;
    if (known.content === undefined || !known.content.equals(content)) {
      known.content = content;
      this.#revision++;
      known.read = readManifest(path, this.#shown(path), content, known.read);
      this.#claims.set(path, known.read.claims, known.read.broken);
    }
    this.#noteProblems(known);
  }

  /** True while a file looks as if its writer had only begun; it is looked at again soon. */
  #isDoubtful(known: KnownFile, content: Buffer): boolean {
    const before = known.content;
    if (before === undefined || content.length >= before.length) return false;
    if (!before.subarray(0, content.length).equals(content)) return false;
    const { emptied, shortened } = this.#patience;
    return !this.#hasStayed(known, content.length, content.length === 0 ? emptied : shortened);
  }

  /** True when a file has looked like this for long enough; otherwise it is looked at again then. */
  #hasStayed(known: KnownFile, length: number | undefined, patience: number): boolean {
    const now = performance.now();
    if (known.doubt === undefined || known.doubt.length !== length) known.doubt = { since: now, length };
    if (now - known.doubt.since >= patience) return true;
    setTimeout(() => this.#watch.note(known.path), patience).unref();
    return false;
  }

  /** A file's removal counts when it has been gone for a moment. */
  #gone(path: string): void {
    const known = this.#files.get(path);
    if (known === undefined || !this.#hasStayed(known, undefined, this.#patience.gone)) return;
    this.#files.delete(path);
    this.#withProblems.delete(known);
    this.#claims.set(path, [], false);
  }

  #fail(path: string, error: unknown): void {
    const known = this.#known(path);
    known.error = reasonOf(error);
    this.#noteProblems(known);
  }

  #known(path: string): KnownFile {
    let known = this.#files.get(path);
    if (known === undefined) {
      known = { path, stamp: "" };
      this.#files.set(path, known);
    }
    return known;
  }

  #noteProblems(known: KnownFile): void {
    if (known.error !== undefined || (known.read?.problems.length ?? 0) > 0) this.#withProblems.add(known);
    else this.#withProblems.delete(known);
  }

  #publishProblems(): void {
    const problems = [...this.#collectProblems()];
    this.#defects.length = 0;
    if (equal(problems, this.#problems)) return;
    this.#problems = problems;
    this.#options.onProblems?.(problems);
  }

  *#collectProblems(): Generator<PlacedProblem> {
    yield* this.#defects;
    for (const [path, reason] of this.#rootErrors) {
      const file = this.#shown(path);
      yield { ...problem("file-unreadable", fileRef(file), [], `Cannot be read. ${reason}`), file };
    }
    const files = [...this.#withProblems].sort((a, b) => this.#compare(a.path, b.path));
    for (const { path, read, error } of files) {
      const file = this.#shown(path);
      if (error !== undefined) {
        yield { ...problem("file-unreadable", fileRef(file), [], `Cannot be read. ${error}`), file };
        continue;
      }
      for (const { problem: found, line } of read?.problems ?? []) yield { ...found, file, line: line + 1 };
    }
    for (const [first, ...others] of this.#claims.duplicates()) {
      if (first === undefined) continue;
      const { file, line } = this.#placeOf(first, []);
      for (const other of others) {
        const { ref } = other.candidate;
        const message = `${formatRef(ref)} is already defined in ${file}:${line}; this one has no effect.`;
        const fix = "Remove or rename one of the two.";
        yield { ...problem("duplicate-object", ref, [], message, { fix }), ...this.#placeOf(other, []) };
      }
    }
  }

  #planRound(tookMs: number): void {
    if (this.#closed) return;
    const wait = Math.max(shortestRoundMs, tookMs * roundFactor);
    this.#round = setTimeout(() => {
      const began = performance.now();
      this.#enqueue(new Set(this.#roots.map(({ path }) => path)));
      void this.#work.then(() => this.#planRound(performance.now() - began));
    }, wait);
    this.#round.unref();
  }

  /** Paths that are left out wherever they stand below a root. */
  #isLeftOut(path: string): boolean {
    const root = this.#rootOf(path);
    if (root === undefined || root.path === path) return root === undefined;
    return relative(root.path, path)
      .split(sep)
      .some((part) => part.startsWith(".") || part === "node_modules");
  }

  #rootOf(path: string) {
    return this.#roots.find((root) => isWithin(path, root.path));
  }

  /** Folders in the order in which the user named them, then by path. */
  #compare(a: string, b: string): number {
    const order = (path: string) => this.#roots.findIndex((root) => isWithin(path, root.path));
    return order(a) - order(b) || (a < b ? -1 : a > b ? 1 : 0);
  }

  #shown(path: string): string {
    const root = this.#rootOf(path);
    return root === undefined ? path : join(root.shown, relative(root.path, path));
  }
}

/** A file's content; undefined when it is not there. */
async function readContent(path: string): Promise<Buffer | { readonly error: unknown } | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    return isAbsent(error) ? undefined : { error };
  }
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

function reasonOf(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "EACCES" || code === "EPERM") return "Permission is denied.";
  return error instanceof Error ? `${error.message}.` : String(error);
}
