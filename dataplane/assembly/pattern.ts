// Regular expressions as tables, made by src/envoy/module/pattern-table.ts: each byte moves from state to state, so a
// match takes one step a byte whatever the pattern is. State 0 is the dead end.
//
// A table: count of states, count of classes, first state; the class of each byte; for each state 1 when it accepts;
// for each state and class the next state (16 bits).

/** True when the whole text matches. */
export function matches(table: usize, at: usize, size: u32): bool {
  const states = load<u32>(table);
  const classes = load<u32>(table, 4);
  const classOf = table + 12;
  const accepts = classOf + 256;
  const next = accepts + ((states + 3) & ~3);
  let state = load<u32>(table, 8);
  for (const end = at + size; at < end && state != 0; at++) {
    state = load<u16>(next + ((state * classes + load<u8>(classOf + load<u8>(at))) << 1));
  }
  return load<u8>(accepts + state) != 0;
}

/** Behind a table. */
export function behindPattern(table: usize): usize {
  const states = load<u32>(table);
  const cells = states * load<u32>(table, 4);
  return table + 12 + 256 + ((states + 3) & ~3) + ((cells * 2 + 3) & ~3);
}
