// What this worker wrote last, so that it need not be read again: reading shared data costs 11,000 instructions, writing
// it 2,000. A value is only written over the version that is expected; when another worker came in between, nothing
// happens and the value is read after all. So a wrong expectation never makes a wrong count.
//
// Versions are numbers of writes in the whole process. After a write of ours its version is not told, but it is the next
// number, unless others wrote something meanwhile: then it is a higher one. What we expect is never too high, since it
// only counts our own writes from a number that was surely given away. If it is too low, it is the version of an earlier
// write of somebody else, and an earlier one cannot lie over ours. Hence a write over the expected version succeeds only
// when it is really our own value that lies there.

const LINES: u32 = 256;
const MOST_BYTES: u32 = 232;

@unmanaged
class Line {
  key: u32;
  /** Expected version; 0: the line is empty. */
  version: u32;
  size: u32;
  /** Versions begin again after 2^32 writes; long before that, an old line is not believed any more. */
  second: u32;
  spare: u64;
}

const HEADER: usize = 24;
const LINE: usize = 256;
const lines: usize = heap.alloc(LINES * 256);
memory.fill(lines, 0, LINES * 256);

const LIFETIME: u32 = 600;

/** The number of the next write, as far as this worker knows. */
let next: u32 = 0;

/** Above 0 expectations come true often enough; each success counts 1, each failure 2. */
let trust: i32 = 0;
const MOST_TRUST: i32 = 32;
/** Without trust, one in so many requests tries again. */
const RETRY: u32 = 64;
let passed: u32 = 0;

@inline
function lineOf(key: u32): Line {
  return changetype<Line>(lines + <usize>(key & (LINES - 1)) * LINE);
}

export let cachedAt: usize = 0;
export let cachedSize: u32 = 0;
export let cachedVersion: u32 = 0;

/** Finds the value that this worker wrote last under a key. Changing it in place is allowed. */
export function isCached(key: u32, second: u32): bool {
  const line = lineOf(key);
  if (line.version == 0 || line.key != key || second - line.second > LIFETIME) return false;
  if (trust < 0 && ++passed % RETRY != 0) return false;
  cachedAt = changetype<usize>(line) + HEADER;
  cachedSize = line.size;
  cachedVersion = line.version;
  return true;
}

/** A value was read: numbers up to its version are given away. */
export function noteRead(version: u32): void {
  next = max(next, version + 1);
}

/** What was found in the cache was not what lies there; it may be changed already. */
export function noteFailure(key: u32): void {
  lineOf(key).version = 0;
  trust = max<i32>(trust - 2, -MOST_TRUST);
}

/** A value was written; it may lie in the line already. */
export function noteWrite(key: u32, at: usize, size: u32, second: u32, expected: bool): void {
  if (expected) trust = min<i32>(trust + 1, MOST_TRUST);
  const line = lineOf(key);
  const version = next++;
  if (size > MOST_BYTES) {
    line.version = 0;
    return;
  }
  line.key = key;
  line.version = version;
  line.size = size;
  line.second = second;
  if (at != changetype<usize>(line) + HEADER) memory.copy(changetype<usize>(line) + HEADER, at, size);
}
