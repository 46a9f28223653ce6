// How a program lies in memory, as src/envoy/module/encode-program.ts writes it. All numbers are little-endian 32-bit
// words, texts begin at multiples of 4, and steps run directly from these bytes. `isSound` looks at every length once,
// when a program arrives, so that no step can be led out of it.
//
//   magic, flags, count of steps, mark; then each step: kind, size in bytes (with these two words), fields
import { nextText, Text } from "./text";

const MAGIC: u32 = 0x31504b44; // "DKP1"

/** The caller is authenticated here, so that what the client itself says of this is not believed. */
export const AUTHENTICATES: u32 = 1;
/** A step changes the response. */
export const RESPONDS: u32 = 2;

export const CORRELATION_ID: u32 = 1;
export const CORS: u32 = 2;
export const KEY_AUTH: u32 = 3;
export const BASIC_AUTH: u32 = 4;
export const IP: u32 = 5;
export const ACL: u32 = 6;
export const RATE_LIMIT: u32 = 7;
export const TRANSFORM_REQUEST: u32 = 8;
export const TRANSFORM_RESPONSE: u32 = 9;
export const REPLY: u32 = 10;

@inline
export function flagsOf(program: usize): u32 {
  return load<u32>(program, 4);
}

/** What the request is marked with when the steps are done; mostly empty. */
@inline
export function markOf(program: usize): Text {
  return program + 12;
}

@inline
export function firstStep(program: usize): usize {
  return nextText(markOf(program));
}

@inline
export function kindOf(step: usize): u32 {
  return load<u32>(step);
}

@inline
export function nextStep(step: usize): usize {
  return step + load<u32>(step, 4);
}

/** The fields of a step. */
@inline
export function fieldsOf(step: usize): usize {
  return step + 8;
}

/** Behind a list of texts, which begins with their count. */
export function behindTexts(list: usize): usize {
  let at: Text = list + 4;
  for (let i = load<u32>(list); i > 0; i--) at = nextText(at);
  return at;
}

/** Fields: u word, t text, T texts, P pairs of texts, R address ranges, W windows, D tables of patterns. */
function shapeOf(kind: u32): string {
  switch (kind) {
    case CORRELATION_ID:
      return "uut";
    case CORS:
      return "utTttttD";
    case KEY_AUTH:
      return "utP";
    case BASIC_AUTH:
      return "ut";
    case IP:
      return "utRR";
    case ACL:
      return "uT";
    case RATE_LIMIT:
      return "uuuuutttuutW";
    case TRANSFORM_REQUEST:
      return "ttTPPPPTPPPP";
    case TRANSFORM_RESPONSE:
      return "TPPPP";
    case REPLY:
      return "uuttttt";
    default:
      return "?";
  }
}

let at: usize = 0;
let end: usize = 0;
let sound = false;

function skip(size: u64): void {
  if (size > <u64>(end - at)) sound = false;
  else at += <usize>size;
}

function word(): u32 {
  const from = at;
  skip(4);
  return sound ? load<u32>(from) : 0;
}

function skipText(): void {
  skip((<u64>word() + 3) & ~3);
}

function skipTexts(each: u64): void {
  const count = <u64>word() * each;
  for (let i: u64 = 0; i < count && sound; i++) skipText();
}

function skipPatterns(): void {
  for (let count = word(); count > 0 && sound; count--) {
    const states = word();
    const classes = word();
    const start = word();
    if (states > 0xffff || classes > 256 || start >= states) sound = false;
    const table = at;
    const cells = <u64>states * classes;
    skip(256 + ((<u64>states + 3) & ~3) + ((cells * 2 + 3) & ~3));
    if (!sound) return;
    for (let i: u32 = 0; i < 256; i++) if (load<u8>(table + i) >= classes) sound = false;
    const next = table + 256 + ((states + 3) & ~3);
    for (let i: u64 = 0; i < cells; i++) if (load<u16>(next + (<usize>i << 1)) >= states) sound = false;
  }
}

function skipField(shape: i32): void {
  if (shape == 0x75) word();
  else if (shape == 0x74) skipText();
  else if (shape == 0x54) skipTexts(1);
  else if (shape == 0x50) skipTexts(2);
  else if (shape == 0x52) skip(<u64>word() * 20);
  else if (shape == 0x57) skipWindows();
  else if (shape == 0x44) skipPatterns();
  else sound = false;
}

function skipWindows(): void {
  const count = word();
  if (count == 0 || count > 6) sound = false;
  for (let i: u32 = 0; i < count && sound; i++) {
    if (word() > 5) sound = false;
    word();
  }
}

/** True when every length in the program stays inside of it. */
export function isSound(program: usize, size: u32): bool {
  at = program;
  end = program + size;
  sound = true;
  if (word() != MAGIC) return false;
  word();
  const count = word();
  skipText();
  for (let i: u32 = 0; i < count && sound; i++) {
    const step = at;
    const kind = word();
    const length = word();
    if (length < 8 || (length & 3) != 0 || <u64>length > <u64>(end - step)) return false;
    const whole = end;
    end = step + length;
    const shape = shapeOf(kind);
    for (let f = 0; f < shape.length && sound; f++) skipField(shape.charCodeAt(f));
    if (at != end) return false;
    end = whole;
  }
  return sound && at == end;
}
