import type { Dirent, Stats } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { basename, join } from "node:path";

/** What a folder holds for us: the files that may be manifests, and all folders that may get some. */
export interface Listing {
  readonly files: readonly FoundFile[];
  readonly folders: readonly FoundFolder[];
  /** What could not be looked at. */
  readonly errors: ReadonlyArray<{ readonly path: string; readonly error: unknown }>;
}

export interface FoundFile {
  readonly path: string;
  /** Changes whenever the file may have changed. */
  readonly stamp: string;
}

export interface FoundFolder {
  readonly path: string;
  /** Changes when another folder takes its place. */
  readonly identity: string;
}

/** True for names of files that are read. */
export function isManifestName(name: string): boolean {
  return /\.(?:ya?ml|json)$/i.test(name) && !name.startsWith(".");
}

/** True for the names of folders that are left out: hidden ones, and other people's packages. */
export function isLeftOut(name: string): boolean {
  return name.startsWith(".") || name === "node_modules";
}

/**
 * Everything at and below a path, sorted. Symbolic links are followed, unless they lead to a folder around themselves.
 * A path that does not exist has nothing.
 */
export async function listManifests(path: string): Promise<Listing> {
  const files: FoundFile[] = [];
  const folders: FoundFolder[] = [];
  const errors: Array<{ path: string; error: unknown }> = [];
  await visit(path, []);
  const byPath = (a: { path: string }, b: { path: string }) => (a.path < b.path ? -1 : 1);
  return { files: files.sort(byPath), folders: folders.sort(byPath), errors };

  async function visit(at: string, around: readonly string[]): Promise<void> {
    let entries: Dirent[];
    try {
      const found = await stat(at);
      if (!found.isDirectory()) {
        // A device or pipe would block the reader.
        if (found.isFile()) files.push({ path: at, stamp: stampOf(found) });
        return;
      }
      const real = await realpath(at);
      if (around.includes(real)) return;
      around = [...around, real];
      folders.push({ path: at, identity: `${found.dev} ${found.ino}` });
      entries = await readdir(at, { withFileTypes: true });
    } catch (error) {
      if (!isAbsent(error)) errors.push({ path: at, error });
      return;
    }
    await Promise.all(
      entries.map(async (entry) => {
        const child = join(at, entry.name);
        const mayBeFolder = entry.isDirectory() || entry.isSymbolicLink();
        if (isManifestName(entry.name) || (mayBeFolder && !isLeftOut(entry.name))) {
          const wanted = isManifestName(entry.name) || entry.isDirectory() || (await leadsToFolder(child));
          if (wanted) await visit(child, around);
        }
      }),
    );
  }
}

/** Node's code for a path that is not there (or leads through a file). */
export function isAbsent(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  return code === "ENOENT" || code === "ENOTDIR";
}

/** Identity, size and time of a file's content. */
export function stampOf(stats: Stats): string {
  return `${stats.ino} ${stats.size} ${stats.mtimeMs}`;
}

/** False when there is certainly nothing at the path. */
export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    return !isAbsent(error);
  }
}

/** A kustomization says how other files are to be changed; we read them as they are. */
export function isKustomization(path: string): boolean {
  return /^kustomization\.ya?ml$/i.test(basename(path));
}

async function leadsToFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}
