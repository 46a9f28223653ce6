// BLAKE2s-256 (RFC 7693), of which the first 16 bytes name a credential. It is a full cryptographic hash at half the
// price of SHA-256: keys up to 63 bytes are one compression, about 900 instructions.

import { copyShort } from "./text";

const H0: v128 = i32x4(0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a);
const H1: v128 = i32x4(0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19);

/** Message words of each round, as byte offsets: 4 + 4 of the columns, 4 + 4 of the diagonals. */
const SIGMA: usize = memory.data<u8>([
  0, 8, 16, 24, 4, 12, 20, 28, 32, 40, 48, 56, 36, 44, 52, 60,
  56, 16, 36, 52, 40, 32, 60, 24, 4, 0, 44, 20, 48, 8, 28, 12,
  44, 48, 20, 60, 32, 0, 8, 52, 40, 12, 28, 36, 56, 24, 4, 16,
  28, 12, 52, 44, 36, 4, 48, 56, 8, 20, 16, 60, 24, 40, 0, 32,
  36, 20, 8, 40, 0, 28, 16, 60, 56, 44, 24, 12, 4, 48, 32, 52,
  8, 24, 0, 32, 48, 40, 44, 12, 16, 28, 60, 4, 52, 20, 56, 36,
  48, 4, 56, 16, 20, 60, 52, 40, 0, 24, 36, 32, 28, 12, 8, 44,
  52, 28, 48, 12, 44, 56, 4, 36, 20, 60, 32, 8, 0, 16, 24, 40,
  24, 56, 44, 0, 60, 36, 12, 32, 48, 52, 4, 40, 8, 28, 16, 20,
  40, 32, 28, 4, 8, 16, 24, 20, 60, 36, 12, 52, 44, 56, 48, 0,
]);

const block: usize = memory.data(64, 16);
const state: usize = memory.data(32, 16);

// @ts-ignore: decorator
@inline
function words(sigma: usize): v128 {
  return v128.load32_lane(
    block + load<u8>(sigma, 3),
    v128.load32_lane(
      block + load<u8>(sigma, 2),
      v128.load32_lane(
        block + load<u8>(sigma, 1),
        v128.load32_zero(block + load<u8>(sigma)),
        1,
      ),
      2,
    ),
    3,
  );
}

// @ts-ignore: decorator
@inline
function rotate16(x: v128): v128 {
  return i8x16.shuffle(x, x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
}

// @ts-ignore: decorator
@inline
function rotate8(x: v128): v128 {
  return i8x16.shuffle(x, x, 1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12);
}

// @ts-ignore: decorator
@inline
function rotate(x: v128, bits: i32): v128 {
  return v128.or(i32x4.shr_u(x, bits), i32x4.shl(x, 32 - bits));
}

function compress(total: u64, last: bool): void {
  const h0 = v128.load(state);
  const h1 = v128.load(state, 16);
  let a = h0;
  let b = h1;
  let c = H0;
  let d = v128.xor(H1, i32x4.replace_lane(
    i32x4.replace_lane(
      i32x4.replace_lane(i32x4.splat(0), 0, <i32>total),
      1, <i32>(total >> 32),
    ),
    2, last ? -1 : 0,
  ));
  for (let sigma = SIGMA; sigma < SIGMA + 160; sigma += 16) {
    a = i32x4.add(i32x4.add(a, b), words(sigma));
    d = rotate16(v128.xor(d, a));
    c = i32x4.add(c, d);
    b = rotate(v128.xor(b, c), 12);
    a = i32x4.add(i32x4.add(a, b), words(sigma + 4));
    d = rotate8(v128.xor(d, a));
    c = i32x4.add(c, d);
    b = rotate(v128.xor(b, c), 7);
    b = i32x4.shuffle(b, b, 1, 2, 3, 0);
    c = i32x4.shuffle(c, c, 2, 3, 0, 1);
    d = i32x4.shuffle(d, d, 3, 0, 1, 2);
    a = i32x4.add(i32x4.add(a, b), words(sigma + 8));
    d = rotate16(v128.xor(d, a));
    c = i32x4.add(c, d);
    b = rotate(v128.xor(b, c), 12);
    a = i32x4.add(i32x4.add(a, b), words(sigma + 12));
    d = rotate8(v128.xor(d, a));
    c = i32x4.add(c, d);
    b = rotate(v128.xor(b, c), 7);
    b = i32x4.shuffle(b, b, 3, 0, 1, 2);
    c = i32x4.shuffle(c, c, 2, 3, 0, 1);
    d = i32x4.shuffle(d, d, 1, 2, 3, 0);
  }
  v128.store(state, v128.xor(h0, v128.xor(a, c)));
  v128.store(state, v128.xor(h1, v128.xor(b, d)), 16);
}

function clearBlock(): void {
  const zero = i64x2.splat(0);
  v128.store(block, zero);
  v128.store(block, zero, 16);
  v128.store(block, zero, 32);
  v128.store(block, zero, 48);
}

/**
 * Hashes `kind` (one byte, so that a key and a name with a password never mean the same) and the bytes. The 32 bytes at
 * the returned address hold until the next hash.
 */
export function hash(kind: u8, at: usize, size: u32): usize {
  // Parameter block: 32 bytes of digest, no key, one leaf.
  v128.store(state, v128.xor(H0, i32x4(0x01010020, 0, 0, 0)));
  v128.store(state, H1, 16);
  clearBlock();
  store<u8>(block, kind);
  let filled: u32 = 1;
  const total: u64 = <u64>size + 1;
  let done: u64 = 0;
  while (true) {
    const part = min<u32>(size, 64 - filled);
    copyShort(block + filled, at, part);
    at += part;
    size -= part;
    if (size == 0) break;
    done += 64;
    compress(done, false);
    clearBlock();
    filled = 0;
  }
  compress(total, true);
  return state;
}
