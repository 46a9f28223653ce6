// Kong's operations on query arguments. Arguments that no operation names stay as the client wrote them, in their order.
import { take } from "./memory";
import { behindPairs, renamesOf } from "./name-operations";
import { argumentIs, argumentNameSize, beginArguments, nextArgument, partAt, partSize, setPart, writeEncoded } from "./query";
import { findPath, pathAt, pathSize, queryAt, querySize, setPath } from "./request";
import { bytesOf, isText, nextText, sizeOfText, Text } from "./text";
import { beginWriting, writeByte, writeBytes, written, writtenSize } from "./writer";

// The arguments (address and size, size 0: removed), and whether one of them changed.
let parts: usize = 0;
let count: u32 = 0;
let changed = false;

/** Runs the five lists on the query and writes the path anew when something changed. */
export function transformQuery(lists: usize): void {
  if (!hasOperations(lists)) return;
  findPath();
  readArguments(lists);
  let name: Text = lists + 4;
  for (let i = load<u32>(lists); i > 0; i--) {
    remove(name);
    name = nextText(name);
  }
  let list = renamesOf(lists);
  name = list + 4;
  for (let i = load<u32>(list); i > 0; i--) {
    rename(name, nextText(name));
    name = nextText(nextText(name));
  }
  list = behindPairs(list);
  name = list + 4;
  for (let i = load<u32>(list); i > 0; i--) {
    if (has(name)) replace(name, nextText(name));
    name = nextText(nextText(name));
  }
  list = behindPairs(list);
  name = list + 4;
  for (let i = load<u32>(list); i > 0; i--) {
    if (!has(name)) append(name, nextText(name));
    name = nextText(nextText(name));
  }
  list = behindPairs(list);
  name = list + 4;
  for (let i = load<u32>(list); i > 0; i--) {
    append(name, nextText(name));
    name = nextText(nextText(name));
  }
  if (changed) writePath();
}

function hasOperations(lists: usize): bool {
  if (load<u32>(lists) > 0) return true;
  let list = renamesOf(lists);
  for (let i = 0; i < 4; i++) {
    if (load<u32>(list) > 0) return true;
    list = behindPairs(list);
  }
  return false;
}

/** Room for the client's arguments and all that may be appended. */
function readArguments(lists: usize): void {
  const renames = renamesOf(lists);
  const adds = behindPairs(behindPairs(renames));
  let room = load<u32>(adds) + load<u32>(behindPairs(adds)) + 1;
  for (let i: u32 = 0; i < querySize; i++) if (load<u8>(queryAt + i) == 0x26) room++;
  parts = take(room << 3);
  count = 0;
  changed = false;
  beginArguments(queryAt, querySize);
  while (nextArgument()) push(partAt, partSize);
}

function push(at: usize, size: u32): void {
  const part = parts + (<usize>count << 3);
  count++;
  store<usize>(part, at);
  store<u32>(part, size, 4);
}

/** Makes an argument the current one; true when it is still there and has this name. */
function isAt(index: u32, name: Text): bool {
  const part = parts + (<usize>index << 3);
  if (load<u32>(part, 4) == 0) return false;
  setPart(load<usize>(part), load<u32>(part, 4));
  return argumentIs(name);
}

function drop(index: u32): void {
  store<u32>(parts + (<usize>index << 3), 0, 4);
  changed = true;
}

function put(index: u32): void {
  const part = parts + (<usize>index << 3);
  store<usize>(part, written());
  store<u32>(part, writtenSize(), 4);
  changed = true;
}

function has(name: Text): bool {
  for (let i: u32 = 0; i < count; i++) if (isAt(i, name)) return true;
  return false;
}

function remove(name: Text): void {
  for (let i: u32 = 0; i < count; i++) if (isAt(i, name)) drop(i);
}

/** What had the new name before is gone. */
function rename(from: Text, to: Text): void {
  if (!has(from) || isText(bytesOf(from), sizeOfText(from), to)) return;
  remove(to);
  for (let i: u32 = 0; i < count; i++) {
    if (!isAt(i, from)) continue;
    const nameSize = argumentNameSize();
    beginWriting(sizeOfText(to) + partSize);
    writeEncoded(bytesOf(to), sizeOfText(to));
    writeBytes(partAt + nameSize, partSize - nameSize);
    put(i);
  }
}

function replace(name: Text, value: Text): void {
  let first = true;
  for (let i: u32 = 0; i < count; i++) {
    if (!isAt(i, name)) continue;
    if (first) {
      writeArgument(name, value);
      put(i);
    } else {
      drop(i);
    }
    first = false;
  }
}

function append(name: Text, value: Text): void {
  writeArgument(name, value);
  push(0, 0);
  put(count - 1);
}

function writeArgument(name: Text, value: Text): void {
  beginWriting(sizeOfText(name) + sizeOfText(value) + 1);
  writeEncoded(bytesOf(name), sizeOfText(name));
  writeByte(0x3d);
  writeEncoded(bytesOf(value), sizeOfText(value));
}

function writePath(): void {
  beginWriting(pathSize + querySize + 256);
  writeBytes(pathAt, pathSize);
  let first = true;
  for (let i: u32 = 0; i < count; i++) {
    const part = parts + (<usize>i << 3);
    if (load<u32>(part, 4) == 0) continue;
    writeByte(first ? 0x3f : 0x26);
    writeBytes(load<usize>(part), load<u32>(part, 4));
    first = false;
  }
  setPath(written(), writtenSize());
}
