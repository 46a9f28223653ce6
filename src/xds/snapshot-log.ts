import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { forEachField, lengthDelimited } from "./delta-wire.ts";
import { type Resource, type ResourceType, resourceKey, resourceTypes } from "./resource.ts";

/** First bytes of the file; another format has another number. */
const magic = Buffer.from("diolkos-xds-1\n");
/** Milliseconds for which records are gathered before they are written. */
const gatherMs = 20;
/** A file smaller than this is never rewritten while it is in use. */
const compactAboveBytes = 1_000_000;

interface Live {
  readonly resource: Resource;
  readonly size: number;
}

/**
 * The last-good snapshot: what proxies have acknowledged, so that somebody can serve it while the control plane is
 * down. A file of records that are appended; a later one of the same name replaces an earlier one. It holds private
 * keys, so only its owner can read it.
 */
export class SnapshotLog {
  readonly #path: string;
  readonly #live: Map<string, Live>;
  #liveBytes = 0;
  #fileBytes = 0;
  #file: FileHandle;
  #unwritten: Buffer[] = [];
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string, file: FileHandle, live: Map<string, Live>) {
    this.#path = path;
    this.#file = file;
    this.#live = live;
    for (const { size } of live.values()) this.#liveBytes += size;
    this.#fileBytes = this.#liveBytes;
  }

  /** Opens or makes the file, and rewrites it without what is superseded or damaged. */
  static async open(path: string): Promise<SnapshotLog> {
    const live = new Map(
      readSnapshot(path).map((resource) => [
        resourceKey(resource),
        { resource, size: encodeRecord(resource).length },
      ]),
    );
    rewrite(path, live.values());
    return new SnapshotLog(path, await open(path, "a", 0o600), live);
  }

  /** What it holds now. */
  *resources(): Generator<Resource> {
    for (const { resource } of this.#live.values()) yield resource;
  }

  get(scope: string, type: ResourceType, name: string): Resource | undefined {
    return this.#live.get(resourceKey({ scope, type, name }))?.resource;
  }

  /** Notes that a proxy has this content. */
  put(resource: Resource): void {
    const key = resourceKey(resource);
    const before = this.#live.get(key);
    if (before?.resource.version === resource.version) return;
    const record = encodeRecord(resource);
    this.#live.set(key, { resource, size: record.length });
    this.#liveBytes += record.length - (before?.size ?? 0);
    this.#append(record);
  }

  /** Notes that it is gone. */
  remove(scope: string, type: ResourceType, name: string): void {
    const key = resourceKey({ scope, type, name });
    const before = this.#live.get(key);
    if (before === undefined) return;
    this.#live.delete(key);
    this.#liveBytes -= before.size;
    this.#append(encodeRemoval(scope, type, name));
  }

  /** Resolves when everything noted so far is in the file. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const records = this.#unwritten.splice(0);
    if (records.length > 0) this.#writing = this.#writing.then(() => this.#write(Buffer.concat(records)));
    await this.#writing;
  }

  async close(): Promise<void> {
    await this.flush();
    await this.#file.sync();
    await this.#file.close();
  }

  #append(record: Buffer): void {
    this.#unwritten.push(record);
    this.#timer ??= setTimeout(() => void this.flush(), gatherMs);
  }

  async #write(bytes: Buffer): Promise<void> {
    await this.#file.appendFile(bytes);
    this.#fileBytes += bytes.length;
    if (this.#fileBytes < compactAboveBytes || this.#fileBytes < 2 * this.#liveBytes) return;
    await this.#file.close();
    // Records that are still unwritten will be in it twice, which does no harm.
    rewrite(this.#path, this.#live.values());
    this.#file = await open(this.#path, "a", 0o600);
    this.#fileBytes = this.#liveBytes;
  }
}

/** What the file holds; nothing when there is no file. A record that was cut or damaged ends the reading. */
export function readSnapshot(path: string): readonly Resource[] {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  const live = new Map<string, Resource>();
  if (!bytes.subarray(0, magic.length).equals(magic)) return [];
  for (let at = magic.length; at + 8 <= bytes.length; ) {
    const end = at + 8 + bytes.readUInt32LE(at);
    const payload = bytes.subarray(at + 8, end);
    if (end > bytes.length || crc32(payload) !== bytes.readUInt32LE(at + 4)) break;
    at = end;
    const record = decodeRecord(payload);
    if (record === undefined) continue;
    // A later record takes its place at the end.
    live.delete(resourceKey(record));
    if (record.body !== undefined)
      live.set(resourceKey(record), { ...record, body: record.body, origins: [] });
  }
  return [...live.values()];
}

function rewrite(path: string, live: Iterable<Live>): void {
  const fresh = `${path}.new`;
  const file = openSync(fresh, "w", 0o600);
  try {
    writeSync(file, Buffer.concat([magic, ...[...live].map(({ resource }) => encodeRecord(resource))]));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(fresh, path);
}

function encodeRecord(resource: Resource): Buffer {
  const { scope, type, name, version, body } = resource;
  return frame([...keyFields(scope, type, name), text(4, version), lengthDelimited(5, body)]);
}

function encodeRemoval(scope: string, type: ResourceType, name: string): Buffer {
  return frame(keyFields(scope, type, name));
}

function keyFields(scope: string, type: ResourceType, name: string): Buffer[] {
  return [text(1, scope), text(2, type), text(3, name)];
}

function text(field: number, value: string): Buffer {
  return lengthDelimited(field, Buffer.from(value));
}

function frame(fields: readonly Buffer[]): Buffer {
  const payload = Buffer.concat(fields);
  const head = Buffer.alloc(8);
  head.writeUInt32LE(payload.length, 0);
  head.writeUInt32LE(crc32(payload), 4);
  return Buffer.concat([head, payload]);
}

interface Record {
  readonly scope: string;
  readonly type: ResourceType;
  readonly name: string;
  readonly version: string;
  readonly body: Uint8Array | undefined;
}

function decodeRecord(payload: Buffer): Record | undefined {
  const texts: string[] = [];
  let body: Uint8Array | undefined;
  forEachField(payload, (field, wire, reader) => {
    if (field <= 4) texts[field] = reader.string();
    else if (field === 5) body = reader.bytes();
    else reader.skip(wire, field);
  });
  const type = resourceTypes.find((known) => known === texts[2]);
  if (type === undefined) return undefined;
  return { scope: texts[1] ?? "", type, name: texts[3] ?? "", version: texts[4] ?? "", body };
}
