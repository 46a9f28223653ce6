// IP addresses as 16 bytes; IPv4 is written as IPv6 does it (::ffff:1.2.3.4), so that all ranges are compared alike.
import { getProperty, OK } from "./host";
import { answer, answerAt, answerSize } from "./memory";
import { bytesOf, sizeOfText, text } from "./text";

const SOURCE = text("source\0address");

/** The client's address as Envoy determined it, without the port: the text. */
export let clientAt: usize = 0;
export let clientSize: u32 = 0;

let known = false;

export function forgetClient(): void {
  known = false;
}

/** Finds out the client's address; it is empty for a client on a unix socket. */
export function findClient(): void {
  if (known) return;
  known = true;
  clientSize = 0;
  if (getProperty(bytesOf(SOURCE), sizeOfText(SOURCE), answer, answer + 4) != OK) return;
  clientAt = answerAt();
  let size = answerSize();
  if (size > 0 && load<u8>(clientAt) == 0x5b) {
    clientAt++;
    let end: u32 = 0;
    while (end + 1 < size && load<u8>(clientAt + end) != 0x5d) end++;
    clientSize = end;
    return;
  }
  while (size > 0 && load<u8>(clientAt + size - 1) != 0x3a) size--;
  clientSize = size > 0 ? size - 1 : 0;
}

function put4(at: usize, size: u32, to: usize): bool {
  let part: u32 = 0;
  let digits: u32 = 0;
  let parts = 0;
  for (let i: u32 = 0; i <= size; i++) {
    const byte: u8 = i < size ? load<u8>(at + i) : 0x2e;
    if (byte == 0x2e) {
      if (digits == 0 || part > 255 || parts == 4) return false;
      store<u8>(to + parts++, <u8>part);
      part = 0;
      digits = 0;
    } else {
      if (byte < 0x30 || byte > 0x39 || digits++ == 3) return false;
      part = part * 10 + byte - 0x30;
    }
  }
  return parts == 4;
}

function hexValue(byte: u8): u32 {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : 16;
}

/** Writes an address as 16 bytes; false when it is none. */
export function parseAddress(at: usize, size: u32, to: usize): bool {
  memory.fill(to, 0, 16);
  let colon = false;
  for (let i: u32 = 0; i < size; i++) if (load<u8>(at + i) == 0x3a) colon = true;
  if (!colon) {
    store<u16>(to, 0xffff, 10);
    return put4(at, size, to + 12);
  }
  let filled: u32 = 0;
  let gap: i32 = -1;
  let i: u32 = 0;
  while (i < size && load<u8>(at + i) != 0x25) {
    if (load<u8>(at + i) == 0x3a) {
      if (i + 1 < size && load<u8>(at + i + 1) == 0x3a && gap < 0) {
        gap = filled;
        i += 2;
        continue;
      }
      if (filled == 0) return false;
      i++;
    }
    let value: u32 = 0;
    let digits: u32 = 0;
    const start = i;
    while (i < size && hexValue(load<u8>(at + i)) < 16) {
      value = (value << 4) | hexValue(load<u8>(at + i));
      if (++digits > 4) return false;
      i++;
    }
    if (i < size && load<u8>(at + i) == 0x2e) {
      let end = i;
      while (end < size && load<u8>(at + end) != 0x25) end++;
      if (filled > 12 || !put4(at + start, end - start, to + filled)) return false;
      filled += 4;
      i = end;
      break;
    }
    if (digits == 0 || filled > 14) return false;
    store<u8>(to + filled, <u8>(value >> 8));
    store<u8>(to + filled, <u8>value, 1);
    filled += 2;
  }
  if (gap < 0) return filled == 16;
  if (filled == 16) return false;
  const behind = filled - <u32>gap;
  memory.copy(to + 16 - behind, to + gap, behind);
  memory.fill(to + gap, 0, 16 - filled);
  return true;
}

/** True when an address lies in one of the ranges: count, then each the length of the prefix (of 128) and 16 bytes. */
export function isInRanges(address: usize, ranges: usize): bool {
  let range = ranges + 4;
  for (let i = load<u32>(ranges); i > 0; i--) {
    if (hasPrefix(address, range + 4, load<u32>(range))) return true;
    range += 20;
  }
  return false;
}

function hasPrefix(address: usize, prefix: usize, bits: u32): bool {
  for (; bits >= 8; bits -= 8) if (load<u8>(address++) != load<u8>(prefix++)) return false;
  return bits == 0 || ((load<u8>(address) ^ load<u8>(prefix)) >> (8 - bits)) == 0;
}
