// The five lists of Kong's transformers, as they lie in a program: names to remove; then pairs to rename (from, to),
// replace, add and append (name, value).
import { behindTexts } from "./program";

/** Where each list of pairs begins; the names to remove come first, at `lists`. */
@inline
export function renamesOf(lists: usize): usize {
  return behindTexts(lists);
}

/** Behind a list of pairs. */
export function behindPairs(list: usize): usize {
  let at = list;
  const count = load<u32>(list) * 2;
  at += 4;
  for (let i: u32 = 0; i < count; i++) at += 4 + ((load<u32>(at) + 3) & ~3);
  return at;
}

/** Behind all five lists. */
export function behindLists(lists: usize): usize {
  let at = behindTexts(lists);
  for (let i = 0; i < 4; i++) at = behindPairs(at);
  return at;
}
