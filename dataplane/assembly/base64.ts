// Base64 as nginx reads it: both alphabets, padding optional, everything behind the first "=" ignored.

const BAD: u8 = 255;
const values: usize = memory.data(256);

function fill(): void {
  memory.fill(values, BAD, 256);
  for (let i = 0; i < 26; i++) {
    store<u8>(values + 0x41 + i, <u8>i);
    store<u8>(values + 0x61 + i, <u8>(26 + i));
  }
  for (let i = 0; i < 10; i++) store<u8>(values + 0x30 + i, <u8>(52 + i));
  store<u8>(values + 0x2b, 62);
  store<u8>(values + 0x2d, 62);
  store<u8>(values + 0x2f, 63);
  store<u8>(values + 0x5f, 63);
}
fill();

/** Size of what `decodeBase64` wrote last. */
export let decodedSize: u32 = 0;

/** Decodes into `to`, which has room for 3/4 of `size` and 3 bytes more; false when it is not base64. */
export function decodeBase64(at: usize, size: u32, to: usize): bool {
  const start = to;
  let bits: u32 = 0;
  let count = 0;
  let digits: u32 = 0;
  for (const end = at + size; at < end; at++) {
    const byte = load<u8>(at);
    if (byte == 0x3d) break;
    const value = load<u8>(values + byte);
    if (value == BAD) return false;
    bits = (bits << 6) | value;
    count += 6;
    digits++;
    if (count >= 8) {
      count -= 8;
      store<u8>(to++, <u8>(bits >> count));
    }
  }
  decodedSize = <u32>(to - start);
  return (digits & 3) != 1;
}
