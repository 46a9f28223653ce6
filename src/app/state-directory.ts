import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

/** Makes the state directory for this user alone: it holds secrets. Throws with a remedy when it cannot be used. */
export function makeStateDirectory(state: string): void {
  try {
    makeFolder(join(state, "envoy"));
    chmodSync(state, 0o700);
    accessSync(state, constants.W_OK);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`the state directory ${state} cannot be used (${reason}); name another one with --state`);
  }
}

/** One level after the other: Node's own recursive way never ends where a file system refuses new folders (/proc). */
function makeFolder(path: string): void {
  if (existsSync(path) && statSync(path).isDirectory()) return;
  if (dirname(path) !== path) makeFolder(dirname(path));
  mkdirSync(path, { mode: 0o700 });
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
