// Counters that several gateways share, synchronised now and then: requests are counted here, and what was counted is
// told to the services process, which answers what all have counted together.
import { windowStart } from "./calendar";
import { milliseconds } from "./clock";
import { learnTotal, unitOf } from "./counters";
import { setTickPeriod } from "./host";
import { beginNumbers, call, nextNumber, number, readAnswer, writeUnit } from "./services-call";
import { high, low, setHash } from "./siphash";
import { counterOf, storeOf, syncOf, windowsOf } from "./steps/rate-limit";
import { bytesOf, isText, sizeOfText, text, Text } from "./text";
import { beginWriting, writeByte, writeDecimal, writeJson, writeText } from "./writer";

const SYNC_PATH = text("/v1/limits/sync");
const STORE_KEY = text('{"store":');
const ENTRIES_KEY = text(',"entries":[');
const COUNTER_KEY = text('{"counter":');
const IDENTIFIER_KEY = text(',"identifier":');
const UNIT_KEY = text(',"unit":"');
const WINDOW_KEY = text('","window":');
const DELTA_KEY = text(',"delta":');
const END = text("]}");
const USED_KEY = text('"used":[');

/** What this worker counted in one window since the last synchronisation. */
@unmanaged
class Delta {
  next: usize;
  low: u64;
  high: u64;
  unit: u32;
  start: u32;
  count: u32;
  /** Part of `count` that is on its way, if `travels`. */
  sent: u32;
  travels: bool;
  /** When it is to be sent, in milliseconds. */
  due: u64;
  period: u32;
  timeout: u32;
  /** Store, counter and identifier: texts behind this record. */
  store: Text;
  counter: Text;
  identifier: Text;
}

const BUCKETS: u32 = 1024;
const MOST_DELTAS: u32 = 65536;
const MOST_SENT: u32 = 500;

const deltas: usize = heap.alloc(BUCKETS << 2);
memory.fill(deltas, 0, BUCKETS << 2);
let deltaCount: u32 = 0;
let tickPeriod: u32 = 0;

/** Notes a request that was counted here, for each of its windows. Must follow the hash of its identifier. */
export function noteDelta(fields: usize, identifier: usize, size: u32, second: u64): void {
  const windows = windowsOf(fields);
  for (let i: u32 = 0; i < load<u32>(windows); i++) {
    const unit = unitOf(windows, i);
    const start = <u32>windowStart(unit, second);
    let delta = findDelta(unit, start);
    if (delta === null) {
      if (deltaCount >= MOST_DELTAS) return;
      delta = newDelta(fields, unit, start, identifier, size);
    }
    delta.count++;
  }
  const period = load<u32>(syncOf(fields));
  if (tickPeriod == 0 || period < tickPeriod) {
    tickPeriod = period;
    setTickPeriod(period);
  }
}

function findDelta(unit: u32, start: u32): Delta | null {
  let at = load<usize>(deltas + ((<usize>low & (BUCKETS - 1)) << 2));
  while (at) {
    const delta = changetype<Delta>(at);
    if (delta.low == low && delta.high == high && delta.unit == unit && delta.start == start) return delta;
    at = delta.next;
  }
  return null;
}

function newDelta(fields: usize, unit: u32, start: u32, identifier: usize, size: u32): Delta {
  const storeName = storeOf(fields);
  const counter = counterOf(fields);
  const storeSize = 4 + sizeOfText(storeName);
  const counterSize = 4 + sizeOfText(counter);
  const at = heap.alloc(offsetof<Delta>() + storeSize + counterSize + 4 + size);
  const delta = changetype<Delta>(at);
  delta.low = low;
  delta.high = high;
  delta.unit = unit;
  delta.start = start;
  delta.count = 0;
  delta.sent = 0;
  delta.travels = false;
  delta.period = load<u32>(syncOf(fields));
  delta.timeout = load<u32>(syncOf(fields), 4);
  // The first count is told at once, to learn soon what the others have.
  delta.due = 0;
  delta.store = at + offsetof<Delta>();
  memory.copy(delta.store, storeName, storeSize);
  delta.counter = delta.store + storeSize;
  memory.copy(delta.counter, counter, counterSize);
  delta.identifier = delta.counter + counterSize;
  store<u32>(delta.identifier, size);
  memory.copy(delta.identifier + 4, identifier, size);
  const bucket = deltas + ((<usize>low & (BUCKETS - 1)) << 2);
  delta.next = load<usize>(bucket);
  store<usize>(bucket, at);
  deltaCount++;
  return delta;
}

/** A synchronisation on its way: its call, and the deltas in the order in which they were sent. */
@unmanaged
class Batch {
  next: usize;
  token: u32;
  count: u32;
  until: u64;
}

let batches: usize = 0;

/** Sends what is due; Envoy calls this each `tickPeriod`. */
export function synchronize(): void {
  const now = milliseconds();
  giveUp(now);
  // One call for each store, then the same again while there is more.
  while (sendBatch(now)) {}
}

function sendBatch(now: u64): bool {
  let batch: Batch | null = null;
  let timeout: u32 = 0;
  let wanted: Text = 0;
  for (let i: u32 = 0; i < BUCKETS; i++) {
    let at = load<usize>(deltas + (<usize>i << 2));
    while (at) {
      const delta = changetype<Delta>(at);
      at = delta.next;
      if (delta.travels || delta.due > now) continue;
      if (batch === null) {
        batch = newBatch();
        wanted = delta.store;
        timeout = delta.timeout;
        beginWriting(4096);
        writeText(STORE_KEY);
        writeJson(bytesOf(wanted), sizeOfText(wanted));
        writeText(ENTRIES_KEY);
      } else if (!isText(bytesOf(wanted), sizeOfText(wanted), delta.store)) {
        continue;
      }
      if (batch.count == MOST_SENT) continue;
      writeEntry(batch, delta);
    }
  }
  if (batch === null) return false;
  writeText(END);
  batch.until = now + timeout + 1000;
  batch.token = call(SYNC_PATH, timeout);
  if (batch.token == 0) {
    finish(batch, now, false);
    return true;
  }
  batch.next = batches;
  batches = changetype<usize>(batch);
  return true;
}

function newBatch(): Batch {
  const batch = changetype<Batch>(heap.alloc(offsetof<Batch>() + (MOST_SENT << 2)));
  batch.count = 0;
  return batch;
}

@inline
function deltaOf(batch: Batch, index: u32): Delta {
  return changetype<Delta>(load<usize>(changetype<usize>(batch) + offsetof<Batch>() + (<usize>index << 2)));
}

function writeEntry(batch: Batch, delta: Delta): void {
  store<usize>(changetype<usize>(batch) + offsetof<Batch>() + (<usize>batch.count << 2), changetype<usize>(delta));
  if (batch.count++ > 0) writeByte(0x2c);
  delta.sent = delta.count;
  delta.travels = true;
  writeText(COUNTER_KEY);
  writeJson(bytesOf(delta.counter), sizeOfText(delta.counter));
  writeText(IDENTIFIER_KEY);
  writeJson(bytesOf(delta.identifier), sizeOfText(delta.identifier));
  writeText(UNIT_KEY);
  writeUnit(delta.unit);
  writeText(WINDOW_KEY);
  writeDecimal(<u64>delta.start * 1000);
  writeText(DELTA_KEY);
  writeDecimal(delta.count);
  writeByte(0x7d);
}

/** Takes the answer of a synchronisation; false when the call is none. */
export function finishSynchronization(called: u32, headers: u32, size: u32): bool {
  const batch = unlink(called);
  if (batch === null) return false;
  const good = readAnswer(headers, size) && beginNumbers(USED_KEY);
  finish(batch, milliseconds(), good);
  return true;
}

function unlink(called: u32): Batch | null {
  let before: usize = 0;
  let at = batches;
  while (at) {
    const batch = changetype<Batch>(at);
    if (batch.token == called) {
      if (before) changetype<Batch>(before).next = batch.next;
      else batches = batch.next;
      return batch;
    }
    before = at;
    at = batch.next;
  }
  return null;
}

/** Calls whose answer cannot come any more: the filter that made them was replaced. */
function giveUp(now: u64): void {
  let at = batches;
  while (at) {
    const batch = changetype<Batch>(at);
    at = batch.next;
    if (batch.until < now) {
      unlink(batch.token);
      finish(batch, now, false);
    }
  }
}

function finish(batch: Batch, now: u64, good: bool): void {
  for (let i: u32 = 0; i < batch.count; i++) {
    const delta = deltaOf(batch, i);
    good = good && nextNumber();
    delta.travels = false;
    delta.due = now + delta.period;
    if (good) {
      setHash(delta.low, delta.high);
      learnTotal(delta.unit, delta.start, delta.sent, number);
      delta.count -= delta.sent;
    }
    // After the last count it asks once more, since others may have been counting meanwhile. What could not be told is
    // told later, but not for ever.
    const idle = good && delta.sent == 0 && delta.count == 0;
    if (idle || windowStart(delta.unit, now / 1000) > <u64>delta.start + 60) forget(delta);
  }
  heap.free(changetype<usize>(batch));
}

function forget(delta: Delta): void {
  const at = changetype<usize>(delta);
  let link = deltas + ((<usize>delta.low & (BUCKETS - 1)) << 2);
  while (load<usize>(link) != at) link = load<usize>(link) + offsetof<Delta>("next");
  store<usize>(link, delta.next);
  deltaCount--;
  heap.free(at);
}

/** The period of ticks, for a filter that takes the place of another one; 0 when nothing is synchronised. */
export function currentTickPeriod(): u32 {
  return tickPeriod;
}
