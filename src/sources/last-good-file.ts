import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { LastGood, LastGoodStorage } from "#resources/object-store.ts";

/** The layout of the file; another one is not read. */
const layout = 1;

/**
 * Keeps the last good versions of broken and refused objects in one file of the state directory, readable by the owner
 * alone, since Secrets may be among them. What cannot be read or written is reported and does no further harm.
 */
export class LastGoodFile implements LastGoodStorage {
  readonly #path: string;
  readonly #onError: (error: unknown) => void;

  constructor(path: string, onError: (error: unknown) => void) {
    this.#path = path;
    this.#onError = onError;
  }

  load(): readonly LastGood[] {
    try {
      const content: unknown = JSON.parse(readFileSync(this.#path, "utf8"));
      return isContent(content) ? content.objects : [];
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") this.#onError(error);
      return [];
    }
  }

  save(objects: readonly LastGood[]): void {
    try {
      mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
      const next = `${this.#path}.${process.pid}.tmp`;
      writeFileSync(next, JSON.stringify({ layout, objects }), { mode: 0o600 });
      renameSync(next, this.#path);
    } catch (error) {
      this.#onError(error);
    }
  }
}

function isContent(content: unknown): content is { objects: readonly LastGood[] } {
  if (typeof content !== "object" || content === null) return false;
  const { layout: found, objects } = content as Record<string, unknown>;
  return (
    found === layout &&
    Array.isArray(objects) &&
    objects.every((entry) => typeof entry?.ref?.kind === "string")
  );
}
