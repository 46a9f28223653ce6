// Builds bytes whose size is not known before: bodies, queries, header lists. One writer at a time.
import { take } from "./memory";
import { bytesOf, copyShort, sizeOfText, Text } from "./text";

let start: usize = 0;
let end: usize = 0;
let room: usize = 0;

/** Begins new bytes; what was written before stays where it is. */
export function beginWriting(expected: u32): void {
  start = take(expected);
  end = start;
  room = start + expected;
}

function ensure(size: u32): void {
  if (end + size <= room) return;
  const length = <u32>(end - start);
  const capacity = (length + size) * 2;
  const grown = take(capacity);
  memory.copy(grown, start, length);
  start = grown;
  end = grown + length;
  room = grown + capacity;
}

export function writeByte(byte: u8): void {
  ensure(1);
  store<u8>(end, byte);
  end++;
}

export function writeBytes(at: usize, size: u32): void {
  ensure(size);
  memory.copy(end, at, size);
  end += size;
}

export function writeText(value: Text): void {
  writeBytes(bytesOf(value), sizeOfText(value));
}

export function writeDecimal(value: u64): void {
  ensure(20);
  const behind = digits + 20;
  let at = behind;
  for (; value > u32.MAX_VALUE; value /= 10) store<u8>(--at, <u8>(0x30 + (value % 10)));
  let rest = <u32>value;
  do {
    store<u8>(--at, <u8>(0x30 + (rest % 10)));
    rest /= 10;
  } while (rest > 0);
  copyShort(end, at, <u32>(behind - at));
  end += behind - at;
}

const digits: usize = memory.data(20);

const HEX: usize = memory.data<u8>([
  0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66,
]);

export function writeHexByte(byte: u8): void {
  writeByte(load<u8>(HEX + (byte >> 4)));
  writeByte(load<u8>(HEX + (byte & 15)));
}

/** A JSON string. Bytes above ASCII are taken for Latin-1, as HTTP does, so that any header gives valid JSON. */
export function writeJson(at: usize, size: u32): void {
  writeByte(0x22);
  for (let i: u32 = 0; i < size; i++) {
    const byte = load<u8>(at + i);
    if (byte == 0x22 || byte == 0x5c) {
      writeByte(0x5c);
      writeByte(byte);
    } else if (byte < 0x20 || byte >= 0x7f) {
      writeByte(0x5c);
      writeByte(0x75);
      writeByte(0x30);
      writeByte(0x30);
      writeHexByte(byte);
    } else {
      writeByte(byte);
    }
  }
  writeByte(0x22);
}

@inline
export function written(): usize {
  return start;
}

@inline
export function writtenSize(): u32 {
  return <u32>(end - start);
}
