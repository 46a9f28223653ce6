// Which program is it this time? Reading its id from the route costs 13,000 instructions, most of them for handing the
// answer over. But the metadata also have an empty entry named like the id, and to find out that it is there costs 5,000.
// So the program of the last request with such a host, method and path is tried first; the route has the last word.
import { beginList, nameAt, nextInList, valueAt, valueSize } from "./header-list";
import { getProperty, OK } from "./host";
import { answer, answerSize } from "./memory";
import { requestHeaders } from "./request";
import { bytesOf, copyShort, equal, sizeOfText, text } from "./text";

const PREFIX = text("xds\0route_metadata\0filter_metadata\0diolkos\0");
const MOST_ID: u32 = 24;

/** Places in the table; each has a hash, the size of an id, and the id, filled up with zeros to 24 bytes. */
const PLACES: u32 = 1024;
const PLACE: usize = 40;
const ID: usize = 16;
const places: usize = heap.alloc(PLACES * 40);
memory.fill(places, 0, PLACES * 40);

const path: usize = heap.alloc(128);
const prefixSize = sizeOfText(PREFIX);
memory.copy(path, bytesOf(PREFIX), prefixSize);

/** Place of the current request. */
let place: usize = 0;
/** Guesses that the route denied although it has that very program: its metadata have no such entry. */
let denials: u32 = 0;

let hash: u64 = 0;

function mix(at: usize, size: u32): void {
  for (; size >= 8; size -= 8) {
    hash = rotl<u64>((hash ^ load<u64>(at)) * 0x9e3779b97f4a7c15, 29);
    at += 8;
  }
  let rest: u64 = size + 1;
  for (let i: u32 = 0; i < size; i++) rest = (rest << 8) | load<u8>(at + i);
  hash = rotl<u64>((hash ^ rest) * 0x9e3779b97f4a7c15, 29);
}

/** Two segments tell most routes apart; more would make each `/users/17` a case of its own. */
function sizeOfTwoSegments(at: usize, size: u32): u32 {
  let slashes = 0;
  for (let i: u32 = 0; i < size; i++) {
    const byte = load<u8>(at + i);
    if (byte == 0x3f || (byte == 0x2f && slashes++ == 2)) return i;
  }
  return size;
}

/** Finds the place of the current request. */
function findPlace(): void {
  hash = 0x9ae16a3b2f90404f;
  beginList(requestHeaders());
  // Envoy has the pseudo-headers in front.
  while (nextInList() && load<u8>(nameAt) == 0x3a) {
    const letter = load<u8>(nameAt, 1);
    if (letter == 0x70) mix(valueAt, sizeOfTwoSegments(valueAt, valueSize)); // :path
    else if (letter == 0x61 || letter == 0x6d) mix(valueAt, valueSize); // :authority, :method
  }
  place = places + <usize>((hash >> 32) & (PLACES - 1)) * PLACE;
}

/** Address of the id that the route confirmed (24 bytes, filled up with zeros), or 0. */
export function confirmedGuess(): usize {
  if (denials > 16) return 0;
  findPlace();
  const size = load<u32>(place, 8);
  if (size == 0 || load<u64>(place) != hash) return 0;
  const to = path + prefixSize;
  store<u64>(to, load<u64>(place, ID));
  store<u64>(to, load<u64>(place, ID + 8), 8);
  store<u64>(to, load<u64>(place, ID + 16), 16);
  const status = getProperty(path, prefixSize + size, answer, answer + 4);
  return status == OK && answerSize() == 0 ? place + ID : 0;
}

/** Remembers the id of the current request's program. */
export function learn(id: usize, size: u32): void {
  if (denials > 16 || size > MOST_ID) return;
  if (load<u64>(place) == hash && load<u32>(place, 8) == size && equal(place + ID, id, size)) denials++;
  memory.fill(place, 0, PLACE);
  store<u64>(place, hash);
  store<u32>(place, size, 8);
  copyShort(place + ID, id, size);
}
