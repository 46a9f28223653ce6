import { type FSWatcher, watch } from "node:fs";
import { join } from "node:path";

/** An edit is often several events: they are gathered until this long nothing came, in milliseconds… */
const quiet = 10;
/** …but never longer than this. */
const longest = 60;

/**
 * Says which paths of a set of folders may have changed. It watches each folder by itself (inotify on Linux), which tells
 * of writes, renames and deletions in it at once and by name.
 */
export class FolderWatch {
  readonly #onChange: (paths: ReadonlySet<string>) => void;
  readonly #watchers = new Map<string, FSWatcher>();
  #dirty = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #firstAt = 0;
  #closed = false;

  constructor(onChange: (paths: ReadonlySet<string>) => void) {
    this.#onChange = onChange;
  }

  /** Watches a folder, not what is below it. A folder that cannot be watched is left to `note`. */
  add(folder: string): void {
    if (this.#closed || this.#watchers.has(folder)) return;
    try {
      const watcher = watch(folder, (_, name) => this.note(name === null ? folder : join(folder, name)));
      watcher.on("error", () => this.remove(folder));
      this.#watchers.set(folder, watcher);
    } catch {
      // Gone meanwhile, or the system's number of watches is used up: the regular look at all files finds changes.
    }
  }

  remove(folder: string): void {
    this.#watchers.get(folder)?.close();
    this.#watchers.delete(folder);
  }

  /** Reports a path with the next batch. */
  note(path: string): void {
    if (this.#closed) return;
    const now = performance.now();
    if (this.#dirty.size === 0) this.#firstAt = now;
    this.#dirty.add(path);
    clearTimeout(this.#timer);
    const wait = Math.max(0, Math.min(quiet, this.#firstAt + longest - now));
    this.#timer = setTimeout(() => this.#flush(), wait);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #flush(): void {
    const paths = this.#dirty;
    this.#dirty = new Set();
    this.#onChange(paths);
  }
}
