// Counters of rate limits, exact over all workers: proxy-wasm's shared data with compare-and-swap. Shared data only
// grows, so there is a fixed number of keys, each with the entries of many identifiers; what has ended is dropped when
// an entry is added, and so is the oldest when there are too many.
//
// An entry: 16 bytes of hash, a bit for each unit it counts, then for each of these the start of its window (seconds),
// what this Envoy counted, and what all others counted as far as it is known (0 for counters of this Envoy alone).
// All windows of a limit lie in one entry, so that one swap decides on all of them.
import { kongLength, MONTH, UNITS, windowStart } from "./calendar";
import { cachedAt, cachedSize, cachedVersion, isCached, noteFailure, noteRead, noteWrite } from "./counter-cache";
import { CAS_MISMATCH, getShared, NOT_FOUND, OK, setShared } from "./host";
import { answer, answerAt, answerSize, take } from "./memory";
import { high, low, ONLY_NEW } from "./siphash";

export const ALLOWED: i32 = 0;
export const REFUSED: i32 = 1;
export const FAILED: i32 = 2;

const KEYS: u32 = 16384;
const MOST_ENTRIES: u32 = 128;
const HEADER: u32 = 20;
const WINDOW: u32 = 12;
const MOST_TRIES = 10000;

/** How much of each window (in the order of the limit) was used before this request. */
export const used: usize = memory.data(24, 4);

const key: usize = memory.data(8, 8);
const cas: usize = memory.data(4, 4);

@inline
export function usedOf(window: u32): u32 {
  return load<u32>(used + (<usize>window << 2));
}

@inline
function windowCount(windows: usize): u32 {
  return load<u32>(windows);
}

/** Unit of a window of a limit: count, then unit and limit of each. */
@inline
export function unitOf(windows: usize, window: u32): u32 {
  return load<u32>(windows + 4 + (<usize>window << 3));
}

@inline
export function limitOf(windows: usize, window: u32): u32 {
  return load<u32>(windows + 8 + (<usize>window << 3));
}

@inline
function sizeOf(entry: usize): u32 {
  return HEADER + popcnt<u32>(load<u32>(entry, 16)) * WINDOW;
}

/** Where an entry counts a unit, or 0. */
@inline
function windowOf(entry: usize, unit: u32): usize {
  const mask = load<u32>(entry, 16);
  if ((mask & (1 << unit)) == 0) return 0;
  return entry + HEADER + popcnt<u32>(mask & ((1 << unit) - 1)) * WINDOW;
}

// The value of the key that belongs to `low` and `high`, as it was read last.
let valueAt: usize = 0;
let valueSize: u32 = 0;
let version: u32 = 0;

@inline
function keyIndex(): u32 {
  return <u32>low & (KEYS - 1);
}

function readValue(): bool {
  store<u32>(key, 0x4c524b44); // "DKRL"
  store<u32>(key, keyIndex(), 4);
  const status = getShared(key, 8, answer, answer + 4, cas);
  if (status == OK) {
    valueAt = answerAt();
    valueSize = answerSize();
    version = load<u32>(cas);
    noteRead(version);
    return true;
  }
  valueSize = 0;
  version = ONLY_NEW;
  return status == NOT_FOUND;
}

function findEntry(): usize {
  let entry = valueAt;
  const end = valueAt + valueSize;
  while (entry < end) {
    if (load<u64>(entry) == low && load<u64>(entry, 8) == high) return entry;
    entry += sizeOf(entry);
  }
  return 0;
}

/**
 * Counts a request for the identifier that was hashed last, if all windows have room; a refused one counts nowhere.
 * What was used before is left in `used`.
 */
export function count(windows: usize, second: u64): i32 {
  const length = windowCount(windows);
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const expected = tries == 0 && isCached(keyIndex(), <u32>second);
    if (expected) useCached();
    else if (!readValue()) return FAILED;
    const entry = findEntry();
    let asBefore = entry != 0;
    let full = false;
    for (let i: u32 = 0; i < length; i++) {
      const unit = unitOf(windows, i);
      const window = entry ? windowOf(entry, unit) : 0;
      let before: u32 = 0;
      if (window != 0 && <u64>load<u32>(window) == windowStart(unit, second)) {
        before = load<u32>(window, 4) + load<u32>(window, 8);
      } else {
        asBefore = false;
      }
      store<u32>(used + (<usize>i << 2), before);
      if (before >= limitOf(windows, i)) full = true;
    }
    if (full) {
      // Counts only grow, so this is true; but a refusal tells what remains elsewhere, and that may be old.
      if (expected) continue;
      return REFUSED;
    }
    if (asBefore) {
      for (let i: u32 = 0; i < length; i++) {
        const window = windowOf(entry, unitOf(windows, i));
        store<u32>(window, load<u32>(window, 4) + 1, 4);
      }
    } else {
      rebuild(entry, windows, second);
    }
    const status = setShared(key, 8, valueAt, valueSize, version);
    if (status == OK) {
      noteWrite(keyIndex(), valueAt, valueSize, <u32>second, expected);
      return ALLOWED;
    }
    if (expected) noteFailure(keyIndex());
    if (status != CAS_MISMATCH) return FAILED;
  }
  return FAILED;
}

function useCached(): void {
  store<u32>(key, 0x4c524b44);
  store<u32>(key, keyIndex(), 4);
  valueAt = cachedAt;
  valueSize = cachedSize;
  version = cachedVersion;
}

/** True when no window of an entry lasts. */
function isOver(entry: usize, second: u64): bool {
  for (let unit: u32 = 0; unit < UNITS; unit++) {
    const window = windowOf(entry, unit);
    if (window != 0 && !hasEnded(unit, load<u32>(window), second)) return false;
  }
  return true;
}

function hasEnded(unit: u32, start: u32, second: u64): bool {
  // Months and years are up to a day longer than Kong has them.
  return <u64>start + kongLength(unit) + (unit >= MONTH ? 86400 : 0) <= second;
}

/** Writes a value without what is over, and with the entry at its end, its current windows counted up. */
function rebuild(old: usize, windows: usize, second: u64): void {
  const end = valueAt + valueSize;
  let alive: u32 = 0;
  for (let entry = valueAt; entry < end; entry += sizeOf(entry)) {
    if (entry != old && !isOver(entry, second)) alive++;
  }
  const built = take(valueSize + HEADER + UNITS * WINDOW);
  let to = built;
  for (let entry = valueAt; entry < end; entry += sizeOf(entry)) {
    if (entry == old || isOver(entry, second)) continue;
    // New entries go to the end, so the first ones are the oldest.
    if (alive-- >= MOST_ENTRIES) continue;
    const size = sizeOf(entry);
    memory.copy(to, entry, size);
    to += size;
  }
  const entry = to;
  store<u64>(entry, low);
  store<u64>(entry, high, 8);
  to += HEADER;
  let mask: u32 = 0;
  for (let unit: u32 = 0; unit < UNITS; unit++) {
    const before = old ? windowOf(old, unit) : 0;
    const start = <u32>windowStart(unit, second);
    const current = before != 0 && load<u32>(before) == start;
    const counted = isCounted(windows, unit);
    if (!counted && !current) continue;
    mask |= 1 << unit;
    store<u32>(to, start);
    store<u32>(to, (current ? load<u32>(before, 4) : 0) + (counted ? 1 : 0), 4);
    store<u32>(to, current ? load<u32>(before, 8) : 0, 8);
    to += WINDOW;
  }
  store<u32>(entry, mask, 16);
  valueAt = built;
  valueSize = <u32>(to - built);
}

function isCounted(windows: usize, unit: u32): bool {
  for (let i = windowCount(windows); i > 0; i--) if (unitOf(windows, i - 1) == unit) return true;
  return false;
}

/**
 * Puts the total of all gateways in place of what is known here: `sent` of this Envoy's counts are part of it now.
 * Nothing happens when the window has ended or the entry is gone.
 */
export function learnTotal(unit: u32, start: u32, sent: u32, total: u32): void {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    if (!readValue()) return;
    const entry = findEntry();
    const window = entry ? windowOf(entry, unit) : 0;
    if (window == 0 || load<u32>(window) != start) return;
    const own = load<u32>(window, 4);
    store<u32>(window, own - min(own, sent), 4);
    // Totals only grow within a window; an answer that was overtaken must not lower it.
    store<u32>(window, max(load<u32>(window, 8), total), 8);
    if (setShared(key, 8, valueAt, valueSize, version) != CAS_MISMATCH) return;
  }
}
