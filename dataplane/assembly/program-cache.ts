// The programs this worker has run, by their id (the hash of their content, so a program never changes under its id).
// Bounded: sets of four places, a fixed largest number of sets, and a largest total size.
import { decodeBase64, decodedSize } from "./base64";
import { getProperty, OK } from "./host";
import { answer, answerAt, answerSize } from "./memory";
import { isSound } from "./program";
import { confirmedGuess, learn } from "./program-guess";
import { bytesOf, copyShort, sizeOfText, text } from "./text";

const ID_PATH = text("xds\0route_metadata\0filter_metadata\0diolkos\0id");
const PROGRAM_PATH = text("xds\0route_metadata\0filter_metadata\0diolkos\0program");

const ID_SIZE: u32 = 24;
const PLACE: usize = 32; // id, address of the program, 1 when used since the last eviction passed by
const WAYS: u32 = 4;
const FEWEST_SETS: u32 = 64;
const MOST_SETS: u32 = 4096;
const MOST_BYTES: u64 = 32 << 20;

// In front of each program: how many exchanges hold it, whether it left the cache, its size.
const HEADER: usize = 16;

let sets: u32 = FEWEST_SETS;
let places: usize = newPlaces(FEWEST_SETS);
let total: u64 = 0;
let hand: u32 = 0;

const id: usize = memory.data(24, 8);

function newPlaces(count: u32): usize {
  const size = <usize>count * WAYS * PLACE;
  const at = heap.alloc(size);
  memory.fill(at, 0, size);
  return at;
}

/** The program of the current request's route; 0 when the route has none, or a broken one. */
export function currentProgram(): usize {
  const guess = confirmedGuess();
  if (guess) {
    store<u64>(id, load<u64>(guess));
    store<u64>(id, load<u64>(guess, 8), 8);
    store<u64>(id, load<u64>(guess, 16), 16);
  } else {
    const status = getProperty(bytesOf(ID_PATH), sizeOfText(ID_PATH), answer, answer + 4);
    if (status != OK || answerSize() == 0 || answerSize() > ID_SIZE) return 0;
    setId(answerAt(), answerSize());
    learn(answerAt(), answerSize());
  }
  const place = find();
  if (place) {
    store<u32>(place, 1, 28);
    return load<usize>(place, 24);
  }
  const program = readProgram();
  if (program) insert(program);
  return program;
}

function setId(at: usize, size: u32): void {
  store<u64>(id, 0);
  store<u64>(id, 0, 8);
  store<u64>(id, 0, 16);
  copyShort(id, at, size);
}

@inline
function setOf(idAt: usize): usize {
  return places + <usize>((load<u32>(idAt, 4) ^ load<u32>(idAt)) & (sets - 1)) * WAYS * PLACE;
}

function find(): usize {
  let place = setOf(id);
  for (let way: u32 = 0; way < WAYS; way++) {
    if (
      load<u64>(place) == load<u64>(id) &&
      load<u64>(place, 8) == load<u64>(id, 8) &&
      load<u64>(place, 16) == load<u64>(id, 16)
    )
      return place;
    place += PLACE;
  }
  return 0;
}

function readProgram(): usize {
  const status = getProperty(bytesOf(PROGRAM_PATH), sizeOfText(PROGRAM_PATH), answer, answer + 4);
  if (status != OK) return 0;
  const size = answerSize();
  const block = heap.alloc(HEADER + size);
  const program = block + HEADER;
  if (!decodeBase64(answerAt(), size, program) || !isSound(program, decodedSize)) {
    heap.free(block);
    return 0;
  }
  store<u32>(block, 0);
  store<u32>(block, 0, 4);
  store<u32>(block, decodedSize, 8);
  return program;
}

function insert(program: usize): void {
  total += load<u32>(program - HEADER, 8);
  while (total > MOST_BYTES && evictAny()) {}
  let place = freePlace();
  while (place == 0 && sets < MOST_SETS) {
    grow();
    place = freePlace();
  }
  if (place == 0) {
    place = leastUsed();
    drop(place);
  }
  memory.copy(place, id, ID_SIZE);
  store<usize>(place, program, 24);
  store<u32>(place, 1, 28);
}

function freePlace(): usize {
  let place = setOf(id);
  for (let way: u32 = 0; way < WAYS; way++) {
    if (load<usize>(place, 24) == 0) return place;
    place += PLACE;
  }
  return 0;
}

/** A place of the set that was not used since the last time; all get a second chance. */
function leastUsed(): usize {
  const set = setOf(id);
  let place = set;
  for (let way: u32 = 0; way < WAYS; way++) {
    if (load<u32>(place, 28) == 0) return place;
    store<u32>(place, 0, 28);
    place += PLACE;
  }
  return set;
}

function evictAny(): bool {
  const count = sets * WAYS;
  for (let i: u32 = 0; i < count * 2; i++) {
    hand = (hand + 1) % count;
    const place = places + <usize>hand * PLACE;
    if (load<usize>(place, 24) == 0) continue;
    if (load<u32>(place, 28) == 0) {
      drop(place);
      return true;
    }
    store<u32>(place, 0, 28);
  }
  return false;
}

function drop(place: usize): void {
  const program = load<usize>(place, 24);
  memory.fill(place, 0, PLACE);
  total -= load<u32>(program - HEADER, 8);
  store<u32>(program - HEADER, 1, 4);
  freeWhenUnused(program);
}

function grow(): void {
  const before = places;
  const count = sets * WAYS;
  sets *= 2;
  places = newPlaces(sets);
  for (let i: u32 = 0; i < count; i++) {
    const from = before + <usize>i * PLACE;
    if (load<usize>(from, 24) == 0) continue;
    // A set is split into two, so there is always a place.
    let to = setOf(from);
    while (load<usize>(to, 24) != 0) to += PLACE;
    memory.copy(to, from, PLACE);
  }
  heap.free(before);
}

/** Behind the last step. */
export function endOf(program: usize): usize {
  return program + load<u32>(program - HEADER, 8);
}

/** Keeps a program in memory while an exchange needs it. */
export function hold(program: usize): void {
  store<u32>(program - HEADER, load<u32>(program - HEADER) + 1);
}

export function release(program: usize): void {
  store<u32>(program - HEADER, load<u32>(program - HEADER) - 1);
  freeWhenUnused(program);
}

function freeWhenUnused(program: usize): void {
  if (load<u32>(program - HEADER) == 0 && load<u32>(program - HEADER, 4) == 1) heap.free(program - HEADER);
}
