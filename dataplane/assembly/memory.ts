// Memory for one callback. Envoy hands its answers over through `malloc`; what is built for Envoy comes from here too.
// `beginCallback` takes all of it back, so nobody frees anything and nothing leaks when a step forgets.

const ARENA: u32 = 65536;
const arena: usize = heap.alloc(ARENA);
let used: u32 = 0;

/** Blocks that did not fit into the arena: each begins with the address of the one before. */
let overflow: usize = 0;

/** Frees what the callback before took. Envoy never enters the module while it is inside it, except for `malloc`. */
export function beginCallback(): void {
  used = 0;
  while (overflow) {
    const before = load<usize>(overflow);
    heap.free(overflow);
    overflow = before;
  }
}

/** Memory until the next callback, 8-byte aligned. */
export function take(size: u32): usize {
  const end = used + ((size + 7) & ~7);
  if (end >= used && end <= ARENA) {
    const at = arena + used;
    used = end;
    return at;
  }
  const block = heap.alloc(8 + size);
  store<usize>(block, overflow);
  overflow = block;
  return block + 8;
}

/** Where the host writes an address and a size; read them before the next call. */
export const answer: usize = memory.data(16);

@inline
export function answerAt(): usize {
  return load<usize>(answer);
}

@inline
export function answerSize(): u32 {
  return load<u32>(answer, 4);
}
