// Header lists as Envoy and the module hand them to each other: count, sizes of each name and value, then each name and
// value with a NUL behind it.
import { take } from "./memory";
import { bytesOf, equal, sizeOfText, Text } from "./text";

/** A list without headers. */
export const EMPTY: usize = memory.data<u32>([0]);

/** What `findIn` found: the first value. */
export let foundAt: usize = 0;
export let foundSize: u32 = 0;

/** How often a header (lower case) occurs in a list; its first value is in `foundAt`, `foundSize`. */
export function findIn(list: usize, name: Text): u32 {
  const size = sizeOfText(name);
  const bytes = bytesOf(name);
  const count = load<u32>(list);
  let sizes = list + 4;
  let at = sizes + (<usize>count << 3);
  let times: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const nameSize = load<u32>(sizes);
    const valueSize = load<u32>(sizes, 4);
    if (nameSize == size && equal(at, bytes, size)) {
      if (times++ == 0) {
        foundAt = at + size + 1;
        foundSize = valueSize;
      }
    }
    at += nameSize + valueSize + 2;
    sizes += 8;
  }
  return times;
}

// Going through a list.
export let nameAt: usize = 0;
export let nameSize: u32 = 0;
export let valueAt: usize = 0;
export let valueSize: u32 = 0;
let sizesAt: usize = 0;
let dataAt: usize = 0;
let left: u32 = 0;

export function beginList(list: usize): void {
  left = load<u32>(list);
  sizesAt = list + 4;
  dataAt = sizesAt + (<usize>left << 3);
}

/** Steps to the next header; false behind the last one. */
export function nextInList(): bool {
  if (left == 0) return false;
  left--;
  nameSize = load<u32>(sizesAt);
  valueSize = load<u32>(sizesAt, 4);
  nameAt = dataAt;
  valueAt = dataAt + nameSize + 1;
  dataAt = valueAt + valueSize + 1;
  sizesAt += 8;
  return true;
}

const MOST: u32 = 32;

// Names and values (address, size) of a list in the making.
const parts: usize = memory.data(512);
let count: u32 = 0;

export function beginHeaders(): void {
  count = 0;
}

/** Adds a header; its bytes must hold until the list is finished. */
export function putHeader(name: Text, value: usize, size: u32): void {
  if (count == MOST) return;
  const at = parts + (<usize>count << 4);
  store<usize>(at, bytesOf(name));
  store<u32>(at, sizeOfText(name), 4);
  store<usize>(at, value, 8);
  store<u32>(at, size, 12);
  count++;
}

export function putHeaderText(name: Text, value: Text): void {
  putHeader(name, bytesOf(value), sizeOfText(value));
}

/** Size of the list that `finishHeaders` made. */
export let finishedSize: u32 = 0;

export function finishHeaders(): usize {
  finishedSize = 4;
  for (let i: u32 = 0; i < count; i++) {
    const at = parts + (<usize>i << 4);
    finishedSize += 10 + load<u32>(at, 4) + load<u32>(at, 12);
  }
  const list = take(finishedSize);
  store<u32>(list, count);
  let sizes = list + 4;
  let to = sizes + (<usize>count << 3);
  for (let i: u32 = 0; i < count; i++) {
    const at = parts + (<usize>i << 4);
    store<u32>(sizes, load<u32>(at, 4));
    store<u32>(sizes, load<u32>(at, 12), 4);
    to = putTerminated(to, load<usize>(at), load<u32>(at, 4));
    to = putTerminated(to, load<usize>(at, 8), load<u32>(at, 12));
    sizes += 8;
  }
  return list;
}

function putTerminated(to: usize, at: usize, size: u32): usize {
  memory.copy(to, at, size);
  store<u8>(to + size, 0);
  return to + size + 1;
}
