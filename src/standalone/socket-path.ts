import { createHash } from "node:crypto";
import { lstatSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

/** The kernel's limit for the path of a unix socket is 104 bytes on some systems, 108 on others. */
const longestPath = 100;

/** Path of a socket that belongs to a state directory: inside it, or, where that path would be too long for a
 * socket, inside a directory of its own under the system's directory for temporary files. */
export function socketPath(state: string, name: string): string {
  const inside = join(resolve(state), name);
  if (Buffer.byteLength(inside) <= longestPath) return inside;
  const hash = createHash("sha256").update(resolve(state)).digest("hex").slice(0, 16);
  return join(tmpdir(), `diolkos-${hash}`, name);
}

/** Makes the directory of a socket, for this user alone. Throws when somebody else owns it, who could read along. */
export function makeSocketDirectory(path: string): void {
  const directory = dirname(path);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const status = lstatSync(directory);
  const user = process.getuid?.();
  if (!status.isDirectory() || (user !== undefined && status.uid !== user && status.uid !== 0)) {
    throw new Error(`${directory} belongs to another user: choose another --state directory`);
  }
}
