// SipHash-1-3 with 128 bits of result: spreads rate-limit identifiers over the counters. Callers choose identifiers
// (a header, an address), so it is keyed; the key is random and lives as long as the Envoy process.
import { CAS_MISMATCH, getRandom, getShared, NOT_FOUND, OK, setShared } from "./host";
import { answer, answerAt, answerSize } from "./memory";
import { bytesOf, sizeOfText, text } from "./text";

const KEY_NAME = text("hash-key");
/** No value ever has this version, so that a set with it only creates. */
export const ONLY_NEW: u32 = 0xffffffff;

const key: usize = memory.data(16);
const cas: usize = memory.data(4);
let ready = false;

export let low: u64 = 0;
export let high: u64 = 0;

let v0: u64 = 0;
let v1: u64 = 0;
let v2: u64 = 0;
let v3: u64 = 0;

// @ts-ignore: decorator
@inline
function round(): void {
  v0 += v1;
  v1 = rotl<u64>(v1, 13) ^ v0;
  v0 = rotl<u64>(v0, 32);
  v2 += v3;
  v3 = rotl<u64>(v3, 16) ^ v2;
  v0 += v3;
  v3 = rotl<u64>(v3, 21) ^ v0;
  v2 += v1;
  v1 = rotl<u64>(v1, 17) ^ v2;
  v2 = rotl<u64>(v2, 32);
}

/** All workers must agree: the first one to come makes the key, the others read it. */
function agreeOnKey(): void {
  for (let tries = 0; tries < 3 && !ready; tries++) {
    const status = getShared(bytesOf(KEY_NAME), sizeOfText(KEY_NAME), answer, answer + 4, cas);
    if (status == OK && answerSize() == 16) {
      memory.copy(key, answerAt(), 16);
      ready = true;
    } else if (status == NOT_FOUND) {
      getRandom(key, 16);
      ready = setShared(bytesOf(KEY_NAME), sizeOfText(KEY_NAME), key, 16, ONLY_NEW) != CAS_MISMATCH;
    }
  }
}

/** Hashes `seed` and the bytes into `low` and `high`. */
export function sipHash(seed: u64, at: usize, size: u32): void {
  if (!ready) agreeOnKey();
  const k0 = load<u64>(key);
  const k1 = load<u64>(key, 8);
  v0 = k0 ^ 0x736f6d6570736575;
  v1 = k1 ^ 0x646f72616e646f6d ^ 0xee;
  v2 = k0 ^ 0x6c7967656e657261;
  v3 = k1 ^ 0x7465646279746573;
  v3 ^= seed;
  round();
  v0 ^= seed;
  const end = at + (size & ~7);
  for (; at < end; at += 8) {
    const m = load<u64>(at);
    v3 ^= m;
    round();
    v0 ^= m;
  }
  let last = <u64>(size + 8) << 56;
  for (let i: u32 = 0; i < (size & 7); i++) last |= <u64>load<u8>(at + i) << (i << 3);
  v3 ^= last;
  round();
  v0 ^= last;
  v2 ^= 0xee;
  round();
  round();
  round();
  low = v0 ^ v1 ^ v2 ^ v3;
  v1 ^= 0xdd;
  round();
  round();
  round();
  high = v0 ^ v1 ^ v2 ^ v3;
}

/** Puts a hash of before in place. */
export function setHash(lowPart: u64, highPart: u64): void {
  low = lowPart;
  high = highPart;
}
