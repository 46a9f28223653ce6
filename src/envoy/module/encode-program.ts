import { createHash } from "node:crypto";
import type { JsonObject } from "@bufbuild/protobuf";
import type {
  CorsStep,
  IpStep,
  KeyAuthStep,
  NamedValue,
  NameOperations,
  Program,
  RateLimitStep,
  RateLimitUnit,
  ReplyStep,
  Step,
} from "#model/program.ts";
import { parseAddressRange } from "./address-range.ts";
import { ByteWriter } from "./byte-writer.ts";
import { PatternFault } from "./pattern-syntax.ts";
import { buildPatternTable } from "./pattern-table.ts";

/** A program as it travels in a route's metadata. */
export interface EncodedProgram {
  /** Hash of the content: the module keeps a parsed program under it. */
  readonly id: string;
  /** Base64 of what `dataplane/assembly/program.ts` describes. */
  readonly text: string;
}

/** Encodes a program for the module; equal programs give equal texts. */
export function encodeProgram(program: Program): EncodedProgram {
  const writer = new ByteWriter().u32(magic).u32(flagsOf(program)).u32(program.steps.length);
  writer.text(program.mark ?? "");
  for (const step of program.steps) writeStep(writer, step);
  const bytes = writer.finish();
  return {
    id: createHash("sha256").update(bytes).digest("base64url").slice(0, 22),
    text: Buffer.from(bytes).toString("base64"),
  };
}

/** The `diolkos` namespace of the metadata of a route with this program. */
export function programMetadata(program: Program): JsonObject {
  const { id, text } = encodeProgram(program);
  // To find an entry is cheaper for the module than to read one: the empty one confirms a guess.
  return { id, program: text, [id]: "" };
}

// The numbers of dataplane/assembly/program.ts.
const magic = 0x31504b44;
const authenticates = 1;
const responds = 2;

const kinds: Readonly<Record<Step["step"], number>> = {
  "correlation-id": 1,
  cors: 2,
  "key-auth": 3,
  "basic-auth": 4,
  ip: 5,
  acl: 6,
  "rate-limit": 7,
  "transform-request": 8,
  "transform-response": 9,
  reply: 10,
};

function flagsOf({ steps }: Program): number {
  const authentication = steps.some(({ step }) => step === "key-auth" || step === "basic-auth");
  const response = steps.some(
    (step) =>
      step.step === "cors" ||
      step.step === "transform-response" ||
      (step.step === "correlation-id" && step.echo),
  );
  return bits([authentication, authenticates], [response, responds]);
}

function bits(...flags: readonly (readonly [boolean, number])[]): number {
  return flags.reduce((sum, [on, bit]) => (on ? sum | bit : sum), 0);
}

function writeStep(writer: ByteWriter, step: Step): void {
  const start = writer.size;
  writer.u32(kinds[step.step]).u32(0);
  writeFields(writer, step);
  writer.patchU32(start + 4, writer.size - start);
}

function writeFields(writer: ByteWriter, step: Step): void {
  switch (step.step) {
    case "correlation-id":
      writer.u32(["uuid", "uuid#counter", "tracker"].indexOf(step.generator));
      writer.u32(step.echo ? 1 : 0).text(step.header.toLowerCase());
      return;
    case "cors":
      writeCors(writer, step);
      return;
    case "key-auth":
      writeKeyAuth(writer, step);
      return;
    case "basic-auth":
      writer.u32(bits([step.hideCredentials, 1])).text(`Basic realm="${step.realm}"`);
      return;
    case "ip":
      writeIp(writer, step);
      return;
    case "acl": {
      const deny = step.deny.length > 0;
      writer.u32(bits([deny, 1], [step.hideGroupsHeader, 2])).texts(deny ? step.deny : step.allow);
      return;
    }
    case "rate-limit":
      writeRateLimit(writer, step);
      return;
    case "transform-request":
      writer.text(step.method ?? "").text(step.uri ?? "");
      writeOperations(writer, requestHeaderOperations(step.headers));
      writeOperations(writer, step.query);
      return;
    case "transform-response":
      writeOperations(
        writer,
        mapNames(step.headers, (name) => name.toLowerCase()),
      );
      return;
    case "reply":
      writeReply(writer, step);
      return;
  }
}

function writeCors(writer: ByteWriter, step: CorsStep): void {
  const [first, ...others] = step.origins;
  const any = (first === undefined && step.originPatterns.length === 0) || step.origins.includes("*");
  const only = others.length === 0 && step.originPatterns.length === 0 && !any ? first : undefined;
  writer.u32(
    bits(
      [any, 1],
      [step.credentials, 2],
      [step.privateNetwork, 4],
      [step.preflightContinue, 8],
      [step.allowOriginAbsent, 16],
    ),
  );
  writer.text(only ?? "").texts(step.origins.map(normalizeOrigin));
  writer.text(step.methods.join(",")).text(step.headers.join(",")).text(step.exposedHeaders.join(","));
  writer.text(step.maxAge === undefined ? "" : String(step.maxAge));
  const tables = step.originPatterns.flatMap(tableOf);
  writer.u32(tables.length);
  for (const table of tables) writer.bytes(table);
}

/** A pattern that cannot be held lets no origin in; plugins refuse it before, by `patternProblem`. */
function tableOf(pattern: string): Uint8Array[] {
  try {
    return [buildPatternTable(pattern)];
  } catch (error) {
    if (error instanceof PatternFault) return [];
    throw error;
  }
}

/** Scheme, host and a port that is not the scheme's own; anything else stays as it is, as in Kong. */
function normalizeOrigin(origin: string): string {
  const [, scheme, host, port] = /^([^:]+):\/\/(\[[^\]]*\]|[^:/?#]+)(?::(\d+))?/.exec(origin) ?? [];
  if (scheme === undefined || host === undefined) return origin;
  const own = (scheme === "http" && port === "80") || (scheme === "https" && port === "443");
  return `${scheme}://${host}${port === undefined || own ? "" : `:${port}`}`;
}

function writeKeyAuth(writer: ByteWriter, step: KeyAuthStep): void {
  writer.u32(
    bits([step.inHeader, 1], [step.inQuery, 2], [step.hideCredentials, 4], [step.runOnPreflight, 8]),
  );
  writer.text(step.realm === "" ? "Key" : `Key realm="${step.realm}"`);
  writer.pairs(step.names.map((name) => [name.toLowerCase(), name]));
}

function writeIp(writer: ByteWriter, step: IpStep): void {
  writer.u32(step.status).text(step.message ?? "");
  for (const list of [step.allow, step.deny]) {
    writer.u32(list.length);
    for (const text of list) {
      const range = parseAddressRange(text);
      if (range === undefined) throw new Error(`${text} is no address range`);
      writer.u32(range.bits).bytes(range.address);
    }
  }
}

const units: readonly RateLimitUnit[] = ["second", "minute", "hour", "day", "month", "year"];
const identifiers: readonly RateLimitStep["by"]["kind"][] = [
  ...(["consumer", "credential", "ip", "service", "header", "path"] as const),
];
const largest = 0xffff_ffff;

function writeRateLimit(writer: ByteWriter, step: RateLimitStep): void {
  const { by, shared } = step;
  const seed = createHash("sha256").update(step.counter).digest();
  writer.u32(bits([step.hideHeaders, 1], [step.faultTolerant, 2], [shared !== undefined, 4]));
  writer.u32(identifiers.indexOf(by.kind));
  writer.u32(seed.readUInt32LE(0)).u32(seed.readUInt32LE(4)).u32(step.status);
  writer.text(by.kind === "header" ? by.name.toLowerCase() : by.kind === "path" ? by.path : "");
  writer.text(errorBody(step.message)).text(step.counter);
  const syncMs = shared === undefined || shared.syncRate < 0 ? 0 : Math.max(10, shared.syncRate * 1000);
  writer
    .u32(Math.round(syncMs))
    .u32(shared?.timeoutMs ?? 0)
    .text(shared?.store ?? "");
  const windows = [...step.windows].sort((a, b) => units.indexOf(a.unit) - units.indexOf(b.unit));
  writer.u32(windows.length);
  for (const { unit, limit } of windows) writer.u32(units.indexOf(unit)).u32(Math.min(limit, largest));
}

/** Kong's layout of an error. */
function errorBody(message: string): string {
  return `{\n  "message":${JSON.stringify(message)}\n}`;
}

function writeOperations(writer: ByteWriter, lists: NameOperations): void {
  writer.texts(lists.remove).pairs(lists.rename.map(({ from, to }) => [from, to]));
  for (const list of [lists.replace, lists.add, lists.append]) {
    writer.pairs(list.map(({ name, value }) => [name, value]));
  }
}

function mapNames(lists: NameOperations, map: (name: string) => string): NameOperations {
  const named = ({ name, value }: NamedValue) => ({ name: map(name), value });
  return {
    remove: lists.remove.map(map),
    rename: lists.rename.map(({ from, to }) => ({ from: map(from), to: map(to) })),
    replace: lists.replace.map(named),
    add: lists.add.map(named),
    append: lists.append.map(named),
  };
}

/** Envoy's name of the Host header. */
const authority = ":authority";

/** In lower case; Host can be replaced, or be given another header's value, but never go or become two. */
function requestHeaderOperations(lists: NameOperations): NameOperations {
  const mapped = mapNames(lists, (name) => (name.toLowerCase() === "host" ? authority : name.toLowerCase()));
  const isOther = ({ name }: NamedValue) => name !== authority;
  return {
    remove: mapped.remove.filter((name) => name !== authority),
    rename: mapped.rename.filter(({ from }) => from !== authority),
    replace: mapped.replace,
    add: mapped.add.filter(isOther),
    append: mapped.append.filter(isOther),
  };
}

function writeReply(writer: ByteWriter, step: ReplyStep): void {
  const body = step.body ?? (step.message === undefined ? "" : `{"message":${JSON.stringify(step.message)}}`);
  const contentType = step.body === undefined && body !== "" ? jsonType : (step.contentType ?? "");
  const trigger = step.trigger ?? "";
  writer.u32(step.status).u32(bits([step.echo === true, 1], [trigger !== "", 2]));
  writer
    .text(contentType)
    .text(body)
    .text(trigger.toLowerCase())
    .text(trigger)
    .text(step.message ?? "");
}

const jsonType = "application/json; charset=utf-8";
