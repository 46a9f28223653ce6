import type { RetryPolicy } from "#model/route.ts";
import type { RetrySpec } from "#resources/virtual-router.ts";
import { milliseconds } from "./durations.ts";

/**
 * What App Mesh did where the user gave no policy, and always where a virtual node is the provider.
 * Source: the App Mesh specification, section 3.4.
 */
export const defaultRetry: RetryPolicy = {
  on: ["unavailable", "connect-failure", "refused-stream", "reset", "retriable-status-codes"],
  statusCodes: [503],
  retries: 2,
  avoidPreviousHosts: true,
};

const statusCodes = {
  // As App Mesh has it: 509 is not among them.
  "server-error": [500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511],
  "gateway-error": [502, 503, 504],
  "client-error": [409],
  "stream-error": [],
} as const;

/** The policy of a route; undefined means no retry at all. */
export function translateRetry(spec: RetrySpec | undefined): RetryPolicy | undefined {
  if (spec === undefined) return defaultRetry;
  const http = spec.httpRetryEvents ?? [];
  const codes = new Set(http.flatMap((event) => statusCodes[event]));
  const on = [
    ...(http.includes("server-error") || http.includes("gateway-error") ? ["reset"] : []),
    ...(http.includes("stream-error") ? ["refused-stream"] : []),
    ...(spec.tcpRetryEvents?.includes("connection-error") ? ["connect-failure"] : []),
    ...new Set(spec.grpcRetryEvents ?? []),
    ...(codes.size > 0 ? ["retriable-status-codes"] : []),
  ];
  if (on.length === 0 || spec.maxRetries === 0) return undefined;
  const perTryTimeoutMs = milliseconds(spec.perRetryTimeout);
  return {
    on,
    ...(codes.size > 0 ? { statusCodes: [...codes].sort((a, b) => a - b) } : {}),
    retries: spec.maxRetries,
    ...(perTryTimeoutMs > 0 ? { perTryTimeoutMs } : {}),
    avoidPreviousHosts: true,
  };
}
