import { setTimeout as sleep } from "node:timers/promises";
import { AdminClient } from "#envoy/admin-client.ts";
import { signalGroup } from "./process-identity.ts";
import { type Drain, parseAddress } from "./process-spec.ts";
import type { RunningProcess } from "./running-process.ts";

const quitMs = 2000;
const pollMs = 50;

/** Ends a process without harm to its users; resolves when it has ended. `hurry` cuts all waiting short. */
export async function endProcess(
  running: RunningProcess,
  drain: Drain,
  drainMs: number,
  hurry: AbortSignal,
): Promise<void> {
  if (drain.kind === "envoy") {
    await drainEnvoy(running, drain.address, drainMs, hurry);
    await escalate(running, quitMs, hurry);
    return;
  }
  if (drain.delayMs !== undefined && drainMs > 0) await endedWithin(running, drain.delayMs, hurry);
  await escalate(running, drain.graceMs, hurry);
}

/** Asks clients to leave (`Connection: close`, GOAWAY), waits until they have left, and lets Envoy quit. The listeners
 * stay open meanwhile, so that nobody is refused. */
async function drainEnvoy(
  running: RunningProcess,
  address: string,
  drainMs: number,
  hurry: AbortSignal,
): Promise<void> {
  const admin = new AdminClient(parseAddress(address), { timeoutMs: 1000 });
  try {
    if (drainMs > 0 && !hurry.aborted) {
      const until = Date.now() + drainMs;
      await admin.drain();
      while (Date.now() < until && !hurry.aborted && (await activeConnections(admin)) !== 0) {
        if (await endedWithin(running, pollMs, hurry)) return;
      }
    }
    await admin.quit();
    await endedWithin(running, quitMs, hurry);
  } catch {
    // The admin interface does not answer: signals follow.
  }
}

/** Connections of clients, without those of the admin interface; undefined where the proxy does not count them. */
async function activeConnections(admin: AdminClient): Promise<number | undefined> {
  let most: number | undefined;
  for (const [name, count] of await admin.stats("downstream_cx_active$")) {
    if (!/^(?:http|listener)\.admin\./.test(name)) most = Math.max(most ?? 0, count);
  }
  return most;
}

async function escalate(running: RunningProcess, graceMs: number, hurry: AbortSignal): Promise<void> {
  if (await endedWithin(running, 0, hurry)) return;
  signalGroup(running.pid, "SIGTERM");
  // Whoever is in a hurry still gives a process the moment to say goodbye.
  if (await endedWithin(running, graceMs, hurry, 500)) return;
  signalGroup(running.pid, "SIGKILL");
  await endedWithin(running, 5000, new AbortController().signal);
}

/** True when the process ended within the time; in a hurry within the shorter one. */
async function endedWithin(
  running: RunningProcess,
  ms: number,
  hurry: AbortSignal,
  hurriedMs = 0,
): Promise<boolean> {
  const timer = new AbortController();
  const wait = async () => {
    const started = Date.now();
    const either = AbortSignal.any([hurry, timer.signal]);
    await sleep(ms, undefined, { signal: either }).catch(() => undefined);
    const left = hurriedMs - (Date.now() - started);
    if (hurry.aborted && left > 0)
      await sleep(left, undefined, { signal: timer.signal }).catch(() => undefined);
    return false;
  };
  const ended = await Promise.race([running.exited.then(() => true), wait()]);
  timer.abort();
  return ended;
}
