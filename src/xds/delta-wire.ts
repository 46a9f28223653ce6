import { fromBinary } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { StructSchema } from "@bufbuild/protobuf/wkt";
import type { ProxyNode } from "./proxy-node.ts";
import { type Resource, typeUrls } from "./resource.ts";

/** What we read of a DeltaDiscoveryRequest. The rest (the list of Envoy's extensions above all) is skipped unread. */
export interface DeltaRequest {
  /** Only in a stream's first request. */
  readonly node: ProxyNode | undefined;
  readonly typeUrl: string;
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  readonly initialVersions: ReadonlyMap<string, string>;
  /** "" unless it answers a response. */
  readonly nonce: string;
  /** Undefined in an acknowledgement. */
  readonly error: string | undefined;
}

/** Reads envoy.service.discovery.v3.DeltaDiscoveryRequest; throws when the bytes are none. */
export function decodeRequest(bytes: Uint8Array): DeltaRequest {
  let node: ProxyNode | undefined;
  let typeUrl = "";
  let nonce = "";
  let error: string | undefined;
  const subscribe: string[] = [];
  const unsubscribe: string[] = [];
  const initialVersions = new Map<string, string>();
  forEachField(bytes, (field, wire, reader) => {
    if (field === 1) node = decodeNode(reader.bytes());
    else if (field === 2) typeUrl = reader.string();
    else if (field === 3) subscribe.push(reader.string());
    else if (field === 4) unsubscribe.push(reader.string());
    else if (field === 5) initialVersions.set(...decodeMapEntry(reader.bytes()));
    else if (field === 6) nonce = reader.string();
    else if (field === 7) error = decodeStatus(reader.bytes());
    else reader.skip(wire, field);
  });
  return { node, typeUrl, subscribe, unsubscribe, initialVersions, nonce, error };
}

/** Writes envoy.service.discovery.v3.DeltaDiscoveryResponse. */
export function encodeResponse(
  typeUrl: string,
  nonce: string,
  resources: readonly Resource[],
  removed: readonly string[],
): Buffer {
  const parts: Uint8Array[] = resources.map(frameOf);
  for (const name of removed) parts.push(lengthDelimited(6, Buffer.from(name)));
  parts.push(lengthDelimited(4, Buffer.from(typeUrl)), lengthDelimited(5, Buffer.from(nonce)));
  return Buffer.concat(parts);
}

const frames = new WeakMap<Resource, Uint8Array>();

/** Field 2 of the response, kept: the same bytes go to every proxy that receives the resource. */
function frameOf(resource: Resource): Uint8Array {
  const kept = frames.get(resource);
  if (kept !== undefined) return kept;
  const any = Buffer.concat([
    lengthDelimited(1, Buffer.from(typeUrls[resource.type])),
    lengthDelimited(2, resource.body),
  ]);
  const frame = lengthDelimited(
    2,
    Buffer.concat([
      lengthDelimited(1, Buffer.from(resource.version)),
      lengthDelimited(2, any),
      lengthDelimited(3, Buffer.from(resource.name)),
    ]),
  );
  frames.set(resource, frame);
  return frame;
}

/** One length-delimited protobuf field with its tag. */
export function lengthDelimited(field: number, value: Uint8Array): Buffer {
  return Buffer.concat([varint((field << 3) | WireType.LengthDelimited), varint(value.length), value]);
}

/** Walks over the top level of a message; `visit` must consume the field's value. */
export function forEachField(
  bytes: Uint8Array,
  visit: (field: number, wire: WireType, reader: BinaryReader) => void,
): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    visit(field, wire, reader);
  }
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}

function decodeNode(bytes: Uint8Array): ProxyNode {
  let id = "";
  let cluster = "";
  const metadata: Record<string, string> = {};
  forEachField(bytes, (field, wire, reader) => {
    if (field === 1) id = reader.string();
    else if (field === 2) cluster = reader.string();
    else if (field === 3) {
      for (const [key, value] of Object.entries(fromBinary(StructSchema, reader.bytes()).fields)) {
        if (value.kind.case === "stringValue") metadata[key] = value.kind.value;
      }
    } else reader.skip(wire, field);
  });
  return { id, cluster, metadata };
}

function decodeMapEntry(bytes: Uint8Array): [string, string] {
  let key = "";
  let value = "";
  forEachField(bytes, (field, wire, reader) => {
    if (field === 1) key = reader.string();
    else if (field === 2) value = reader.string();
    else reader.skip(wire, field);
  });
  return [key, value];
}

/** The message of a google.rpc.Status. */
function decodeStatus(bytes: Uint8Array): string {
  let message = "";
  forEachField(bytes, (field, wire, reader) => {
    if (field === 2) message = reader.string(false);
    else reader.skip(wire, field);
  });
  return message;
}
