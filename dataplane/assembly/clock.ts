// The time of the current callback, asked for once.
import { getTime } from "./host";

const nanoseconds: usize = memory.data(8, 8);
let known = false;

/** Forgets the time of the callback before. */
export function forgetTime(): void {
  known = false;
}

/** Unix time in milliseconds. */
export function milliseconds(): u64 {
  if (!known) {
    getTime(nanoseconds);
    known = true;
  }
  return load<u64>(nanoseconds) / 1000000;
}

/** Unix time in whole seconds. */
export function seconds(): u64 {
  return milliseconds() / 1000;
}
