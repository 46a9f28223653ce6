import { readFileSync } from "node:fs";
import { encodeProgram, programMetadata } from "#envoy/module/encode-program.ts";
import type { Program } from "#model/program.ts";
import { wasmPath } from "./gateway.ts";

type Header = readonly [string, string];

export interface FakeReply {
  readonly status: number;
  readonly headers: readonly Header[];
  readonly body: string;
}

export interface FakeRequest {
  readonly program?: Program;
  /** Raw metadata in the place of a program. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly method?: string;
  readonly path?: string;
  readonly headers?: readonly Header[];
  readonly address?: string;
}

export interface FakeOutcome {
  /** What the module answered itself; undefined when the request goes on. */
  readonly reply: FakeReply | undefined;
  /** The request's headers as they go on. */
  readonly headers: readonly Header[];
  /** Headers that the module adds to an empty response. */
  readonly responseHeaders: readonly Header[];
}

/** What all workers of one Envoy have together. */
export class SharedData {
  readonly values = new Map<string, { value: Uint8Array; version: number }>();
  /** The number of the next write. */
  next = 1;
}

/** The part of WebAssembly that is needed here; its types come with browsers only. */
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports: Record<string, Record<string, (...values: number[]) => number>>,
  ) => { readonly exports: unknown };
}

const { WebAssembly: wasm } = globalThis as unknown as { WebAssembly: WebAssemblyApi };

let module: object | undefined;

/**
 * One worker of an Envoy that is not there: the module with the functions of proxy-wasm around it, for what is hard to
 * bring about with a real one, like the end of a leap year, millions of callers, or broken programs.
 */
export class FakeWorker {
  /** Milliseconds since 1970. */
  now = Date.UTC(2026, 0, 15);
  /** Called before each read of shared data, as another worker could come in between there. */
  beforeRead: () => void = () => {};
  readonly #shared: SharedData;
  readonly #exports: Exports;
  readonly #living = new Set<number>();
  #nextId = 10;
  #headers: Header[] = [];
  #responseHeaders: Header[] = [];
  #reply: FakeReply | undefined;
  #configuration: Uint8Array = new Uint8Array();
  #properties: Record<string, string> = {};

  constructor(shared = new SharedData()) {
    this.#shared = shared;
    module ??= new wasm.Module(readFileSync(wasmPath));
    const instance = new wasm.Instance(module, this.#imports());
    this.#exports = instance.exports as Exports;
    this.#exports._initialize();
    if (this.#exports.proxy_on_vm_start(1, 0) !== 1) throw new Error("the machine does not start");
  }

  get memoryBytes(): number {
    return this.#exports.memory.buffer.byteLength;
  }

  /** Gives the module a shard of credentials; false when it refuses it. */
  configure(bytes: Uint8Array): boolean {
    this.#configuration = bytes;
    return this.#exports.proxy_on_configure(2, bytes.length) === 1;
  }

  /** Sends a request, and an empty response for it unless it is abandoned. */
  send(request: FakeRequest, abandon = false): FakeOutcome {
    const id = this.#nextId++;
    this.#living.add(id);
    this.#properties = {
      ...prefixed(request.metadata ?? metadataOf(request.program)),
      "source\0address": request.address ?? "192.0.2.1:1234",
    };
    this.#headers = [
      [":authority", "example.com"],
      [":path", request.path ?? "/"],
      [":method", request.method ?? "GET"],
      [":scheme", "http"],
      ...(request.headers ?? []),
    ];
    this.#reply = undefined;
    const verdict = this.#exports.proxy_on_request_headers(id, this.#headers.length, 1);
    if ((verdict === 0) !== (this.#reply === undefined)) throw new Error("neither answered nor passed");
    this.#responseHeaders = [];
    if (!abandon) this.#exports.proxy_on_response_headers(id, 1, 1);
    this.#living.delete(id);
    return { reply: this.#reply, headers: this.#headers, responseHeaders: this.#responseHeaders };
  }

  #imports() {
    return {
      env: {
        proxy_get_property: (path: number, size: number, at: number, sizeAt: number) => {
          const value = this.#properties[text(this.#read(path, size))];
          return value === undefined ? 1 : this.#answer(latin(value), at, sizeAt);
        },
        proxy_get_header_map_pairs: (map: number, at: number, sizeAt: number) =>
          this.#answer(marshal(map === 0 ? this.#headers : this.#responseHeaders), at, sizeAt),
        proxy_add_header_map_value: (map: number, name: number, size: number, value: number, valueSize: number) => {
          this.#list(map).push([text(this.#read(name, size)), text(this.#read(value, valueSize))]);
          return 0;
        },
        proxy_replace_header_map_value: (map: number, name: number, size: number, at: number, valueSize: number) => {
          const key = text(this.#read(name, size));
          const value = text(this.#read(at, valueSize));
          this.#keep(map, (one) => one !== key);
          this.#list(map).push([key, value]);
          return 0;
        },
        proxy_remove_header_map_value: (map: number, name: number, size: number) => {
          const key = text(this.#read(name, size));
          this.#keep(map, (one) => one !== key);
          return 0;
        },
        proxy_send_local_response: (
          status: number,
          _details: number,
          _detailsSize: number,
          body: number,
          bodySize: number,
          headers: number,
          headersSize: number,
        ) => {
          this.#reply = {
            status,
            body: text(this.#read(body, bodySize)),
            headers: unmarshal(this.#read(headers, headersSize)),
          };
          return 0;
        },
        proxy_get_shared_data: (key: number, size: number, at: number, sizeAt: number, versionAt: number) => {
          this.beforeRead();
          const entry = this.#shared.values.get(text(this.#read(key, size)));
          if (entry === undefined) return 1;
          this.#answer(entry.value, at, sizeAt);
          this.#view().setUint32(versionAt, entry.version, true);
          return 0;
        },
        proxy_set_shared_data: (key: number, size: number, value: number, valueSize: number, version: number) => {
          const name = text(this.#read(key, size));
          const entry = this.#shared.values.get(name);
          if (entry !== undefined && version !== 0 && version >>> 0 !== entry.version) return 8;
          this.#shared.values.set(name, { value: this.#read(value, valueSize), version: this.#shared.next++ });
          return 0;
        },
        proxy_get_current_time_nanoseconds: (at: number) => {
          this.#view().setBigUint64(at, BigInt(this.now) * 1_000_000n, true);
          return 0;
        },
        proxy_get_buffer_bytes: (_buffer: number, start: number, size: number, at: number, sizeAt: number) =>
          this.#answer(this.#configuration.subarray(start, start + size), at, sizeAt),
        proxy_set_effective_context: (id: number) => (this.#living.has(id) ? 0 : 2),
        proxy_continue_stream: () => 0,
        // Nobody is there to be called.
        proxy_http_call: () => 10,
        proxy_set_tick_period_milliseconds: () => 0,
      },
      wasi_snapshot_preview1: {
        random_get: (at: number, size: number) => {
          const bytes = new Uint8Array(this.#exports.memory.buffer, at, size);
          crypto.getRandomValues(bytes);
          return 0;
        },
      },
    };
  }

  #list(map: number): Header[] {
    return map === 0 ? this.#headers : this.#responseHeaders;
  }

  #keep(map: number, holds: (name: string) => boolean): void {
    const list = this.#list(map);
    list.splice(0, list.length, ...list.filter(([name]) => holds(name)));
  }

  #view(): DataView {
    return new DataView(this.#exports.memory.buffer);
  }

  #read(at: number, size: number): Uint8Array {
    return new Uint8Array(this.#exports.memory.buffer, at >>> 0, size).slice();
  }

  #answer(value: Uint8Array, at: number, sizeAt: number): number {
    const to = value.length === 0 ? 0 : this.#exports.malloc(value.length) >>> 0;
    new Uint8Array(this.#exports.memory.buffer).set(value, to);
    this.#view().setUint32(at, to, true);
    this.#view().setUint32(sizeAt, value.length, true);
    return 0;
  }
}

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  _initialize(): void;
  malloc(size: number): number;
  proxy_on_vm_start(root: number, size: number): number;
  proxy_on_configure(root: number, size: number): number;
  proxy_on_request_headers(id: number, count: number, end: number): number;
  proxy_on_response_headers(id: number, count: number, end: number): number;
}

const metadata = new WeakMap<Program, Record<string, string>>();

function metadataOf(program: Program | undefined): Record<string, string> {
  if (program === undefined) return {};
  let known = metadata.get(program);
  if (known === undefined) {
    known = programMetadata(program) as Record<string, string>;
    metadata.set(program, known);
  }
  return known;
}

function prefixed(fields: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      `xds\0route_metadata\0filter_metadata\0diolkos\0${name}`,
      value,
    ]),
  );
}

/** The bytes of an encoded program. */
export function programBytes(program: Program): Buffer {
  return Buffer.from(encodeProgram(program).text, "base64");
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

function latin(value: string): Uint8Array {
  return Buffer.from(value, "latin1");
}

function marshal(headers: readonly Header[]): Uint8Array {
  const sizes = Buffer.alloc(4 + headers.length * 8);
  sizes.writeUInt32LE(headers.length, 0);
  for (const [at, [name, value]] of headers.entries()) {
    sizes.writeUInt32LE(name.length, 4 + at * 8);
    sizes.writeUInt32LE(value.length, 8 + at * 8);
  }
  return Buffer.concat([sizes, ...headers.map(([name, value]) => latin(`${name}\0${value}\0`))]);
}

function unmarshal(bytes: Uint8Array): Header[] {
  const buffer = Buffer.from(bytes);
  const count = buffer.readUInt32LE(0);
  let at = 4 + count * 8;
  return Array.from({ length: count }, (_, i): Header => {
    const nameSize = buffer.readUInt32LE(4 + i * 8);
    const valueSize = buffer.readUInt32LE(8 + i * 8);
    const name = buffer.toString("latin1", at, at + nameSize);
    const value = buffer.toString("latin1", at + nameSize + 1, at + nameSize + 1 + valueSize);
    at += nameSize + valueSize + 2;
    return [name, value];
  });
}
