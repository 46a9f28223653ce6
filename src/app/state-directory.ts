import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Makes the state directory for this user alone: it holds secrets. */
export function makeStateDirectory(state: string): void {
  mkdirSync(join(state, "envoy"), { recursive: true, mode: 0o700 });
  chmodSync(state, 0o700);
}

/** Replaces a file at once, readable by this user alone; unchanged content is left as it is. */
export function replaceFile(path: string, content: string): void {
  if (readIfPresent(path) === content) return;
  const temporary = `${path}.${process.pid}.new`;
  writeFileSync(temporary, content, { mode: 0o600 });
  renameSync(temporary, path);
}

function readIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
