// Counters that several gateways share: Diolkos' services process keeps them in Redis. Either each request asks
// (`startCheck`), or requests are counted here and the counts are exchanged now and then (`noteDelta`, `synchronize`).
import { windowStart } from "./calendar";
import { milliseconds } from "./clock";
import { learnTotal, unitOf, used } from "./counters";
import { beginHeaders, EMPTY, finishedSize, finishHeaders, findIn, foundAt, foundSize, putHeaderText } from "./header-list";
import { CALL_RESPONSE_BODY, CALL_RESPONSE_HEADERS, getBuffer, getHeaders, httpCall, OK, setTickPeriod } from "./host";
import { answer, answerAt, answerSize, take } from "./memory";
import { high, low, setHash } from "./siphash";
import { counterOf, storeOf, syncOf, windowsOf } from "./steps/rate-limit";
import { bytesOf, equal, isText, sizeOfText, text, Text } from "./text";
import { beginWriting, writeByte, writeDecimal, writeJson, writeText, written, writtenSize } from "./writer";

const CLUSTER = text("diolkos-services");
const METHOD = text(":method");
const PATH = text(":path");
const AUTHORITY = text(":authority");
const STATUS = text(":status");
const CONTENT_TYPE = text("content-type");
const POST = text("POST");
const JSON_TYPE = text("application/json");
const CHECK_PATH = text("/v1/limits/check");
const SYNC_PATH = text("/v1/limits/sync");
const STATUS_200 = text("200");

const STORE_KEY = text('{"store":');
const COUNTER_KEY = text(',"counter":');
const IDENTIFIER_KEY = text(',"identifier":');
const NOW_KEY = text(',"now":');
const WINDOWS_KEY = text(',"windows":[');
const UNIT_KEY = text('{"unit":"');
const LIMIT_KEY = text('","limit":');
const ENTRIES_KEY = text(',"entries":[');
const ENTRY_COUNTER_KEY = text('{"counter":');
const ENTRY_UNIT_KEY = text(',"unit":"');
const WINDOW_KEY = text('","window":');
const DELTA_KEY = text(',"delta":');
const END = text("]}");
const ALLOWED_KEY = text('"allowed":');
const USED_KEY = text('"used":[');

const UNIT_NAMES: usize = memory.data(24);
store<Text>(UNIT_NAMES, text("second"), 0);
store<Text>(UNIT_NAMES, text("minute"), 4);
store<Text>(UNIT_NAMES, text("hour"), 8);
store<Text>(UNIT_NAMES, text("day"), 12);
store<Text>(UNIT_NAMES, text("month"), 16);
store<Text>(UNIT_NAMES, text("year"), 20);

function writeUnit(unit: u32): void {
  writeText(load<Text>(UNIT_NAMES + (<usize>unit << 2)));
}

/** The call that `startCheck` made. */
export let checkToken: u32 = 0;

const token: usize = memory.data(4, 4);

/** Sends what was written; the call's token, or 0 when it could not be made. */
function call(path: Text, timeout: u32): u32 {
  beginHeaders();
  putHeaderText(METHOD, POST);
  putHeaderText(PATH, path);
  putHeaderText(AUTHORITY, CLUSTER);
  putHeaderText(CONTENT_TYPE, JSON_TYPE);
  const body = written();
  const bodySize = writtenSize();
  const list = finishHeaders();
  const status = httpCall(bytesOf(CLUSTER), sizeOfText(CLUSTER), list, finishedSize, body, bodySize, EMPTY, 4, timeout, token);
  return status == OK ? load<u32>(token) : 0;
}

/** Asks whether the request has room in all windows, which counts it then. */
export function startCheck(fields: usize, identifier: usize, size: u32): bool {
  const windows = windowsOf(fields);
  const counter = counterOf(fields);
  const storeName = storeOf(fields);
  beginWriting(512 + size);
  writeText(STORE_KEY);
  writeJson(bytesOf(storeName), sizeOfText(storeName));
  writeText(COUNTER_KEY);
  writeJson(bytesOf(counter), sizeOfText(counter));
  writeText(IDENTIFIER_KEY);
  writeJson(identifier, size);
  writeText(NOW_KEY);
  writeDecimal(milliseconds());
  writeText(WINDOWS_KEY);
  for (let i: u32 = 0; i < load<u32>(windows); i++) {
    if (i > 0) writeByte(0x2c);
    writeText(UNIT_KEY);
    writeUnit(unitOf(windows, i));
    writeText(LIMIT_KEY);
    writeDecimal(load<u32>(windows + 8 + (<usize>i << 3)));
    writeByte(0x7d);
  }
  writeText(END);
  checkToken = call(CHECK_PATH, load<u32>(syncOf(fields), 4));
  return checkToken != 0;
}

let bodyAt: usize = 0;
let bodySize: u32 = 0;

/** Reads the answer of a call; false when there is none, or not a good one. */
function readAnswer(headers: u32, size: u32): bool {
  if (headers == 0 || getHeaders(CALL_RESPONSE_HEADERS, answer, answer + 4) != OK || answerSize() < 4) return false;
  if (findIn(answerAt(), STATUS) == 0 || !isText(foundAt, foundSize, STATUS_200)) return false;
  if (size == 0 || getBuffer(CALL_RESPONSE_BODY, 0, size, answer, answer + 4) != OK) return false;
  bodyAt = answerAt();
  bodySize = answerSize();
  return true;
}

/** Address behind a key of the answer, or 0. */
function behind(key: Text): usize {
  const size = sizeOfText(key);
  for (let i: u32 = 0; i + size < bodySize; i++) if (equal(bodyAt + i, bytesOf(key), size)) return bodyAt + i + size;
  return 0;
}

let numberAt: usize = 0;

/** Reads the next number of a list into `number`; false at its end. */
function nextNumber(): bool {
  const end = bodyAt + bodySize;
  while (numberAt < end && (load<u8>(numberAt) == 0x2c || load<u8>(numberAt) == 0x20)) numberAt++;
  let value: u64 = 0;
  const start = numberAt;
  while (numberAt < end && load<u8>(numberAt) >= 0x30 && load<u8>(numberAt) <= 0x39) {
    value = value * 10 + load<u8>(numberAt++) - 0x30;
    if (value > u32.MAX_VALUE) value = u32.MAX_VALUE;
  }
  number = <u32>value;
  return numberAt > start;
}

let number: u32 = 0;

export const CHECK_FAILED: i32 = 0;
export const CHECK_ALLOWED: i32 = 1;
export const CHECK_REFUSED: i32 = 2;

/** Reads the answer of a check; what was used before this request is left in `used` of the counters. */
export function readCheck(fields: usize, headers: u32, size: u32): i32 {
  if (!readAnswer(headers, size)) return CHECK_FAILED;
  const allowed = behind(ALLOWED_KEY);
  numberAt = behind(USED_KEY);
  if (allowed == 0 || numberAt == 0) return CHECK_FAILED;
  const isAllowed = load<u8>(allowed) == 0x74; // true
  for (let i: u32 = 0; i < load<u32>(windowsOf(fields)); i++) {
    if (!nextNumber()) return CHECK_FAILED;
    store<u32>(used + (<usize>i << 2), isAllowed && number > 0 ? number - 1 : number);
  }
  return isAllowed ? CHECK_ALLOWED : CHECK_REFUSED;
}

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
  writeText(ENTRY_COUNTER_KEY);
  writeJson(bytesOf(delta.counter), sizeOfText(delta.counter));
  writeText(IDENTIFIER_KEY);
  writeJson(bytesOf(delta.identifier), sizeOfText(delta.identifier));
  writeText(ENTRY_UNIT_KEY);
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
  const good = readAnswer(headers, size);
  if (good) numberAt = behind(USED_KEY);
  finish(batch, milliseconds(), good && numberAt != 0);
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
