import {
  closeSync,
  copyFileSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  statSync,
  truncateSync,
} from "node:fs";
import { dirname, join, resolve, sep } from "node:path";

/** `<state>/logs/<id>.log`: what a process prints. */
export function logPath(state: string, id: string): string {
  const folder = resolve(state, "logs");
  const path = resolve(folder, `${id}.log`);
  if (!path.startsWith(folder + sep)) throw new Error(`${id} is no process id`);
  return path;
}

/** Opens a process's log for the process itself: it keeps writing there when the supervisor is gone. */
export function openLog(state: string, id: string): number {
  const path = logPath(state, id);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  return openSync(path, "a", 0o600);
}

/** Bounds every log: one larger than `limitBytes` becomes `<id>.log.1`, and writing goes on in an empty file. The
 * processes hold the file open, so it is copied and cut; what is printed in between is lost. */
export function rotateLogs(state: string, limitBytes: number): void {
  for (const path of logFiles(join(resolve(state), "logs"))) {
    try {
      if (statSync(path).size <= limitBytes) continue;
      copyFileSync(path, `${path}.1.new`);
      truncateSync(path, 0);
      renameSync(`${path}.1.new`, `${path}.1`);
    } catch {
      // The disk is full, or the log went away: the next turn tries again.
    }
  }
}

function logFiles(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".log"))
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}

/** The last lines of a process's log, read from its end; from before the last rotation, too. */
export function lastLogLines(state: string, id: string, count: number): readonly string[] {
  const path = logPath(state, id);
  const lines = readEnd(path);
  return (lines.length < count ? [...readEnd(`${path}.1`), ...lines] : lines).slice(-count);
}

const mostBytes = 256 * 1024;

function readEnd(path: string): readonly string[] {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return [];
  }
  try {
    const { size } = fstatSync(file);
    const buffer = Buffer.alloc(Math.min(size, mostBytes));
    const read = readSync(file, buffer, 0, buffer.length, size - buffer.length);
    const lines = buffer.toString("utf8", 0, read).split("\n");
    if (lines.at(-1) === "") lines.pop();
    return lines;
  } finally {
    closeSync(file);
  }
}
