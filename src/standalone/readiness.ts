import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { AdminClient } from "#envoy/admin-client.ts";
import { parseAddress, type Readiness } from "./process-spec.ts";

const fastestProbeMs = 20;
const slowestProbeMs = 250;

/** Resolves true once the process is ready, false when `signal` is aborted before. */
export async function untilReady(readiness: Readiness, signal: AbortSignal): Promise<boolean> {
  let wait = fastestProbeMs;
  while (!signal.aborted) {
    if (await isReady(readiness)) return !signal.aborted;
    await sleep(wait, undefined, { signal }).catch(() => undefined);
    wait = Math.min(slowestProbeMs, wait * 1.2);
  }
  return false;
}

/** Why a running process does not count as ready, in words. */
export function describeUnready(readiness: Readiness): string {
  switch (readiness.kind) {
    case "tcp":
      return `nothing listens on 127.0.0.1:${readiness.port}`;
    case "socket":
      return `nothing listens on ${readiness.path}`;
    case "http":
      return `${readiness.url} does not answer 200`;
    case "envoyAdmin":
      return `the Envoy at ${readiness.address} is not live: it has no configuration yet`;
    case "none":
      return "it has not started";
  }
}

/** Asks once. */
export async function isReady(readiness: Readiness): Promise<boolean> {
  switch (readiness.kind) {
    case "none":
      return true;
    case "tcp":
      return acceptsConnections({ host: "127.0.0.1", port: readiness.port });
    case "socket":
      return acceptsConnections({ path: readiness.path });
    case "http":
      return answersOk(readiness.url);
    case "envoyAdmin":
      return new AdminClient(parseAddress(readiness.address), { timeoutMs: 1000 }).ready();
  }
}

function acceptsConnections(where: { host: string; port: number } | { path: string }): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ ...where, timeout: 1000 });
    const end = (accepted: boolean) => {
      socket.destroy();
      resolve(accepted);
    };
    socket.once("connect", () => end(true));
    socket.once("timeout", () => end(false));
    socket.once("error", () => end(false));
  });
}

async function answersOk(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(1000) });
    await response.body?.cancel();
    return response.status === 200;
  } catch {
    return false;
  }
}
