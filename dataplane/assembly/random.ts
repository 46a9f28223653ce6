// Cryptographic randomness from Envoy, fetched in bulk, since a call costs more than the bytes.
import { getRandom } from "./host";

const SIZE: u32 = 4096;
const pool: usize = memory.data(4096);
let next: u32 = SIZE;

/** Up to 4,096 bytes; they hold until the next call. */
export function random(size: u32): usize {
  if (next + size > SIZE) {
    getRandom(pool, SIZE);
    next = 0;
  }
  const at = pool + next;
  next += size;
  return at;
}
