// Credentials of consumers: the hash of a key (or of name and password) → who that is. They come in shards, each in the
// configuration of a filter that carries nothing else and never sees a request; see src/envoy/module/carrier-listener.ts.
//
// A shard: magic, its index, count of records, mask; mask + 1 words with the place of a record or 0; the records.
// A record: 16 bytes of hash, its size, count of groups; texts: credential id, identifier for the application,
// consumer id, username, custom id, all groups joined; then each group.
import { getShared, OK, setShared } from "./host";
import { answer, answerAt, answerSize } from "./memory";
import { nextText, Text } from "./text";

const MAGIC: u32 = 0x31434b44; // "DKC1"
const SHARDS: u32 = 64;
const HEADER: u32 = 16;
const RECORD_HEADER: u32 = 24;
const RECORD_TEXTS: u32 = 6;

const shards: usize = memory.data(256);
const cas: usize = memory.data(4);
const sharedName: usize = memory.data<u8>([0x73, 0x68, 0x61, 0x72, 0x64, 0x20, 0x20]); // "shard" and the index

@inline
function shardAt(index: u32): usize {
  return load<usize>(shards + (<usize>index << 2));
}

/**
 * Puts a shard in place of the one before; false when it is broken, then the old one stays. A copy is shared with the
 * Envoy's other workers: a worker that starts anew after a trap gets its shards from there, since Envoy configures only
 * the filter that has a request.
 */
export function acceptShard(at: usize, size: u32): bool {
  if (!isSound(at, size)) return false;
  place(at, size);
  const index = load<u32>(at, 4);
  nameOf(index);
  setShared(sharedName, 7, at, size, 0);
  return true;
}

function nameOf(index: u32): void {
  store<u8>(sharedName, <u8>(0x30 + index / 10), 5);
  store<u8>(sharedName, <u8>(0x30 + (index % 10)), 6);
}

function place(at: usize, size: u32): void {
  const index = load<u32>(at, 4);
  const before = shardAt(index);
  const copy = heap.alloc(size);
  memory.copy(copy, at, size);
  store<usize>(shards + (<usize>index << 2), copy);
  if (before) heap.free(before);
}

function fetchShared(index: u32): void {
  nameOf(index);
  if (getShared(sharedName, 7, answer, answer + 4, cas) != OK) return;
  if (isSound(answerAt(), answerSize()) && load<u32>(answerAt(), 4) == index) place(answerAt(), answerSize());
}

function isSound(at: usize, size: u32): bool {
  if (size < HEADER || load<u32>(at) != MAGIC || load<u32>(at, 4) >= SHARDS) return false;
  const mask = load<u32>(at, 12);
  if (mask >= size || (mask & (mask + 1)) != 0) return false;
  const records = HEADER + (mask + 1) * 4;
  if (records > size || load<u32>(at, 8) > mask) return false;
  let filled: u32 = 0;
  for (let slot: u32 = 0; slot <= mask; slot++) {
    const offset = load<u32>(at + HEADER + (<usize>slot << 2));
    if (offset == 0) continue;
    filled++;
    if (offset < records || offset > size - RECORD_HEADER || (offset & 3) != 0) return false;
    const length = load<u32>(at + offset, 16);
    if (length < RECORD_HEADER || length > size - offset || !hasSoundTexts(at + offset, length)) return false;
  }
  return filled <= mask;
}

function hasSoundTexts(record: usize, size: u32): bool {
  const end = <u64>record + size;
  let at = <u64>record + RECORD_HEADER;
  const count = <u64>load<u32>(record, 20) + RECORD_TEXTS;
  for (let i: u64 = 0; i < count; i++) {
    if (at + 4 > end) return false;
    at += 4 + ((<u64>load<u32>(<usize>at) + 3) & ~3);
    if (at > end) return false;
  }
  return at == end;
}

/** The record under a hash, or 0. It holds until the callback ends. */
export function findCredential(hash: usize): usize {
  const index = load<u8>(hash) & (SHARDS - 1);
  if (shardAt(index) == 0) fetchShared(index);
  const shard = shardAt(index);
  if (shard == 0) return 0;
  const mask = load<u32>(shard, 12);
  let slot = load<u32>(hash, 4) & mask;
  // A shard has more slots than records, so there is an empty one at the end of each chain.
  while (true) {
    const offset = load<u32>(shard + HEADER + (<usize>slot << 2));
    if (offset == 0) break;
    const record = shard + offset;
    if (load<u64>(record) == load<u64>(hash) && load<u64>(record, 8) == load<u64>(hash, 8)) return record;
    slot = (slot + 1) & mask;
  }
  return 0;
}

@inline
export function recordSize(record: usize): u32 {
  return load<u32>(record, 16);
}

@inline
export function groupCount(record: usize): u32 {
  return load<u32>(record, 20);
}

/** The credential's id. */
@inline
export function firstCredentialText(record: usize): Text {
  return record + RECORD_HEADER;
}

@inline
export function nextCredentialText(value: Text): Text {
  return nextText(value);
}

/** The consumer's id. */
export function consumerId(record: usize): Text {
  return nextText(nextText(firstCredentialText(record)));
}

/** The first of the groups. */
export function firstGroup(record: usize): Text {
  let at = firstCredentialText(record);
  for (let i: u32 = 0; i < RECORD_TEXTS; i++) at = nextText(at);
  return at;
}
