import { setTimeout as sleep } from "node:timers/promises";
import { requestEnvoyAdmin } from "./envoy-admin.ts";
import { signalGroup } from "./process-identity.ts";
import type { Drain } from "./process-spec.ts";
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
  try {
    if (drainMs > 0 && !hurry.aborted) {
      const until = Date.now() + drainMs;
      await requestEnvoyAdmin(address, "POST", "/healthcheck/fail");
      await requestEnvoyAdmin(address, "POST", "/drain_listeners?graceful&skip_exit");
      while (Date.now() < until && !hurry.aborted && (await activeConnections(address)) !== 0) {
        if (await endedWithin(running, pollMs, hurry)) return;
      }
    }
    await requestEnvoyAdmin(address, "POST", "/quitquitquit");
    await endedWithin(running, quitMs, hurry);
  } catch {
    // The admin interface does not answer: signals follow.
  }
}

/** Connections of clients, without those of the admin interface; undefined where the proxy does not count them. */
async function activeConnections(address: string): Promise<number | undefined> {
  const { body } = await requestEnvoyAdmin(address, "GET", "/stats?filter=downstream_cx_active$");
  let most: number | undefined;
  for (const [, name, count] of body.matchAll(/^(\S+): (\d+)$/gm)) {
    if (name === undefined || /^(?:http|listener)\.admin\./.test(name)) continue;
    most = Math.max(most ?? 0, Number(count));
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
