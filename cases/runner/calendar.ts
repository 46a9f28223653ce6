import { setTimeout as sleep } from "node:timers/promises";

/** Waits for the next UTC minute when less than so many seconds of this one are left. */
export async function untilMinuteHas(seconds: number): Promise<void> {
  const left = 60_000 - (Date.now() % 60_000);
  if (left < seconds * 1000) await sleep(left + 50);
}
