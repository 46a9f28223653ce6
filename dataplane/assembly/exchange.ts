// What must be remembered between a request and its response. Only exchanges that need it have one. Envoy's callback at
// the end of each request is left out, since it costs more than all this: an exchange ends with its response headers,
// and those whose client went away before are found by asking Envoy, when there are too many.
import { setEffectiveContext, OK } from "./host";
import { hold, release } from "./program-cache";
import { Text } from "./text";

@unmanaged
export class Exchange {
  id: u32;
  next: usize;
  program: usize;
  /** The rate-limit step whose headers the response gets, or 0. */
  limitStep: usize;
  remaining0: u32;
  remaining1: u32;
  remaining2: u32;
  remaining3: u32;
  remaining4: u32;
  remaining5: u32;
  /** Index of the window that is closest to exhaustion, and seconds until it ends. */
  closest: u32;
  reset: u32;
  /** The request's Origin; 0 without one. */
  origin: Text;
  /** What the response gets as correlation id, or 0. */
  correlationId: Text;
  /** A preflight was answered or passed on, so that cors leaves the response alone. */
  preflight: bool;
  /** Where a paused request goes on: the step that waits, and the call it waits for. */
  step: usize;
  token: u32;
  /** Copy of the caller's credential of a paused request, since its shard may be replaced meanwhile; or 0. */
  credential: usize;
  /** What was still to be done for the application to know the caller. */
  unwritten: bool;
  showGroups: bool;
}

const FEWEST: u32 = 256;

let buckets: u32 = FEWEST;
let table: usize = newTable(FEWEST);
let count: u32 = 0;
/** Look for abandoned exchanges when there are so many. */
let suspicious: u32 = FEWEST;
let spare: usize = 0;
let spares: u32 = 0;

function newTable(size: u32): usize {
  const at = heap.alloc(<usize>size << 2);
  memory.fill(at, 0, <usize>size << 2);
  return at;
}

@inline
function bucketOf(id: u32): usize {
  return table + (<usize>(id & (buckets - 1)) << 2);
}

/** The exchange of a request; null when it needs none. */
export function findExchange(id: u32): Exchange | null {
  let at = load<usize>(bucketOf(id));
  while (at) {
    const exchange = changetype<Exchange>(at);
    if (exchange.id == id) return exchange;
    at = exchange.next;
  }
  return null;
}

/** The exchange whose request waits for a call; null when none does. */
export function findWaiting(token: u32): Exchange | null {
  for (let i: u32 = 0; i < buckets; i++) {
    let at = load<usize>(table + (<usize>i << 2));
    while (at) {
      const exchange = changetype<Exchange>(at);
      if (exchange.token == token) return exchange;
      at = exchange.next;
    }
  }
  return null;
}

/** A new exchange for the current request. */
function openExchange(id: u32, program: usize): Exchange {
  // Envoy counts ids up to 2^32 and begins again: an abandoned exchange may have this one.
  const stale = findExchange(id);
  if (stale !== null) closeExchange(stale);
  if (count >= suspicious) dropAbandoned(id);
  let at = spare;
  if (at) {
    spare = changetype<Exchange>(at).next;
    spares--;
  } else {
    at = heap.alloc(offsetof<Exchange>());
  }
  for (let field: usize = 0; field < offsetof<Exchange>(); field += 4) store<u32>(at + field, 0);
  const exchange = changetype<Exchange>(at);
  exchange.id = id;
  exchange.program = program;
  hold(program);
  const bucket = bucketOf(id);
  exchange.next = load<usize>(bucket);
  store<usize>(bucket, at);
  count++;
  return exchange;
}

/** Forgets an exchange and all that it holds. */
export function closeExchange(exchange: Exchange): void {
  const at = changetype<usize>(exchange);
  let link = bucketOf(exchange.id);
  while (load<usize>(link) != at) link = load<usize>(link) + offsetof<Exchange>("next");
  store<usize>(link, exchange.next);
  count--;
  release(exchange.program);
  if (exchange.origin) heap.free(exchange.origin);
  if (exchange.correlationId) heap.free(exchange.correlationId);
  if (exchange.credential) heap.free(exchange.credential);
  if (spares < FEWEST) {
    exchange.next = spare;
    spare = at;
    spares++;
  } else {
    heap.free(at);
  }
}

/** Closes the exchanges whose requests Envoy no longer knows; the next look is due when their number has doubled. */
function dropAbandoned(current: u32): void {
  for (let i: u32 = 0; i < buckets; i++) {
    let at = load<usize>(table + (<usize>i << 2));
    while (at) {
      const exchange = changetype<Exchange>(at);
      at = exchange.next;
      if (setEffectiveContext(exchange.id) != OK) closeExchange(exchange);
    }
  }
  setEffectiveContext(current);
  suspicious = max<u32>(FEWEST, count * 2);
  while (buckets < suspicious) growTable();
}

function growTable(): void {
  const before = table;
  const size = buckets;
  buckets *= 2;
  table = newTable(buckets);
  for (let i: u32 = 0; i < size; i++) {
    let at = load<usize>(before + (<usize>i << 2));
    while (at) {
      const exchange = changetype<Exchange>(at);
      at = exchange.next;
      const bucket = bucketOf(exchange.id);
      exchange.next = load<usize>(bucket);
      store<usize>(bucket, changetype<usize>(exchange));
    }
  }
  heap.free(before);
}

/** A copy that outlives the callback. */
export function keepText(at: usize, size: u32): Text {
  const copy = heap.alloc(4 + size);
  store<u32>(copy, size);
  memory.copy(copy + 4, at, size);
  return copy;
}

// The request that is being worked on.
let currentId: u32 = 0;
let currentProgram: usize = 0;
let current: Exchange | null = null;

/** Begins with a request; it may have an exchange already. */
export function beginExchange(id: u32, program: usize, known: Exchange | null): void {
  currentId = id;
  currentProgram = program;
  current = known;
}

/** The current request's exchange, opened when it is needed first. */
export function exchange(): Exchange {
  let open = current;
  if (open === null) {
    open = openExchange(currentId, currentProgram);
    current = open;
  }
  return open;
}

/** Whether the current request has one. */
export function hasExchange(): bool {
  return current !== null;
}
