// Arguments of a query. Names and values are compared decoded; what a step does not touch stays as the client wrote it.
import { take } from "./memory";
import { findPath, queryAt, querySize } from "./request";
import { equal, sizeOfText, bytesOf, Text, indexOf } from "./text";
import { writeByte, writeHexByte } from "./writer";

/** The value that `findArgument` found, decoded. */
export let argumentAt: usize = 0;
export let argumentSize: u32 = 0;
/** It had a value (`name=`), however empty. */
export let argumentHasValue = false;

/** Value of a hexadecimal digit, or 255. */
function hexValue(byte: u8): u32 {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : 255;
}

let decodedLength: u32 = 0;

/** Decodes a name or a value; the original where nothing is encoded. Its size is in `decodedLength`. */
function decode(at: usize, size: u32): usize {
  let plain: u32 = 0;
  while (plain < size && load<u8>(at + plain) != 0x25 && load<u8>(at + plain) != 0x2b) plain++;
  decodedLength = size;
  if (plain == size) return at;
  const to = take(size);
  let end = to;
  for (let i: u32 = 0; i < size; i++) {
    const byte = load<u8>(at + i);
    if (byte == 0x2b) {
      store<u8>(end++, 0x20);
    } else if (byte == 0x25 && i + 2 < size && hexValue(load<u8>(at + i + 1)) < 16 && hexValue(load<u8>(at + i + 2)) < 16) {
      store<u8>(end++, <u8>((hexValue(load<u8>(at + i + 1)) << 4) | hexValue(load<u8>(at + i + 2))));
      i += 2;
    } else {
      store<u8>(end++, byte);
    }
  }
  decodedLength = <u32>(end - to);
  return to;
}

/** One argument while going through a query. */
export let partAt: usize = 0;
export let partSize: u32 = 0;
let nextAt: usize = 0;
let endAt: usize = 0;

/** Begins at the first argument of a query. */
export function beginArguments(at: usize, size: u32): void {
  nextAt = at;
  endAt = at + size;
}

/** Steps to the next argument (`name=value`, as written); false behind the last one. Empty ones are left out. */
export function nextArgument(): bool {
  while (nextAt < endAt) {
    const size = indexOf(nextAt, <u32>(endAt - nextAt), 0x26);
    partAt = nextAt;
    partSize = size;
    nextAt += size + 1;
    if (size > 0) return true;
  }
  return false;
}

/** True when the current argument has this name. */
export function argumentIs(name: Text): bool {
  const at = decode(partAt, indexOf(partAt, partSize, 0x3d));
  return decodedLength == sizeOfText(name) && equal(at, bytesOf(name), decodedLength);
}

/** Size of the current argument's name, as written. */
export function argumentNameSize(): u32 {
  return indexOf(partAt, partSize, 0x3d);
}

/** How often an argument occurs in the request's query; its first value is in `argumentAt`, `argumentSize`. */
export function findArgument(name: Text): u32 {
  findPath();
  beginArguments(queryAt, querySize);
  let times: u32 = 0;
  while (nextArgument()) {
    if (!argumentIs(name) || times++ > 0) continue;
    const nameSize = argumentNameSize();
    argumentHasValue = nameSize < partSize;
    const skipped = min(nameSize + 1, partSize);
    argumentAt = decode(partAt + skipped, partSize - skipped);
    argumentSize = decodedLength;
  }
  return times;
}

/** Writes a name or a value encoded. */
export function writeEncoded(at: usize, size: u32): void {
  for (let i: u32 = 0; i < size; i++) {
    const byte = load<u8>(at + i);
    const letter = byte | 0x20;
    const plain =
      (letter >= 0x61 && letter <= 0x7a) ||
      (byte >= 0x30 && byte <= 0x39) ||
      byte == 0x2d ||
      byte == 0x2e ||
      byte == 0x5f ||
      byte == 0x7e;
    if (plain) {
      writeByte(byte);
    } else {
      writeByte(0x25);
      writeHexByte(byte);
    }
  }
}

/** Makes an argument the current one. */
export function setPart(at: usize, size: u32): void {
  partAt = at;
  partSize = size;
}
