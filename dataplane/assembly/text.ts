// Text is bytes, never an AssemblyScript string: those are UTF-16, and converting costs more than most steps.

/** Address of a 32-bit length followed by that many bytes. Programs and credentials hold their texts like this too. */
export type Text = usize;

/** A constant. */
export function text(literal: string): Text {
  const size = String.UTF8.byteLength(literal);
  const at = heap.alloc(4 + size);
  store<u32>(at, <u32>size);
  String.UTF8.encodeUnsafe(changetype<usize>(literal), literal.length, at + 4);
  return at;
}

@inline
export function sizeOfText(value: Text): u32 {
  return load<u32>(value);
}

@inline
export function bytesOf(value: Text): usize {
  return value + 4;
}

/** The text behind this one, in a list of texts that begin at multiples of 4. */
@inline
export function nextText(value: Text): Text {
  return value + 4 + ((load<u32>(value) + 3) & ~3);
}

/** Equal bytes. Reads nothing outside of the two ranges. */
export function equal(a: usize, b: usize, size: u32): bool {
  while (size >= 8) {
    if (load<u64>(a) != load<u64>(b)) return false;
    a += 8;
    b += 8;
    size -= 8;
  }
  if (size >= 4) {
    if (load<u32>(a) != load<u32>(b)) return false;
    a += 4;
    b += 4;
    size -= 4;
  }
  while (size) {
    if (load<u8>(a) != load<u8>(b)) return false;
    a++;
    b++;
    size--;
  }
  return true;
}

/** Copies a short range: V8 leaves the module for `memory.copy`, which costs more than a few words. */
export function copyShort(to: usize, at: usize, size: u32): void {
  while (size >= 8) {
    store<u64>(to, load<u64>(at));
    to += 8;
    at += 8;
    size -= 8;
  }
  while (size) {
    store<u8>(to++, load<u8>(at++));
    size--;
  }
}

/** Equal to a text. */
@inline
export function isText(at: usize, size: u32, value: Text): bool {
  return size == sizeOfText(value) && equal(at, bytesOf(value), size);
}

/** Position of a byte in a range, or `size`. */
export function indexOf(at: usize, size: u32, byte: u8): u32 {
  for (let i: u32 = 0; i < size; i++) if (load<u8>(at + i) == byte) return i;
  return size;
}
