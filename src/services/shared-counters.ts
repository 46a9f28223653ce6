import { createHash } from "node:crypto";
import type { Redis } from "ioredis";
import type { RateLimitUnit } from "#model/program.ts";
import { type CalendarWindow, calendarWindow } from "./calendar-window.ts";
import type { CheckAnswer, CheckRequest, SyncAnswer, SyncRequest } from "./limit-requests.ts";
import type { RedisStore } from "./redis-store.ts";

/** A counter outlives its window by this, for proxies whose clocks are behind. */
const slackMs = 5_000;

interface Script {
  readonly text: string;
  readonly sha: string;
}

/** KEYS: a counter for each window. ARGV: their limits, then their times to live. Answers allowed, then the counts. */
const checkScript = script(`
local used, allowed = {}, 1
for i, key in ipairs(KEYS) do
  used[i] = tonumber(redis.call('GET', key) or '0')
  if used[i] >= tonumber(ARGV[i]) then allowed = 0 end
end
if allowed == 1 then
  for i, key in ipairs(KEYS) do
    used[i] = redis.call('INCR', key)
    if used[i] == 1 then redis.call('PEXPIRE', key, ARGV[#KEYS + i]) end
  end
end
table.insert(used, 1, allowed)
return used`);

/** KEYS: counters. ARGV: what to add to each, then their times to live. Answers the totals. */
const syncScript = script(`
-- A key of another type ends the script here, before anything is added.
for _, key in ipairs(KEYS) do redis.call('GET', key) end
local used = {}
for i, key in ipairs(KEYS) do
  if ARGV[i] == '0' then
    used[i] = tonumber(redis.call('GET', key) or '0')
  else
    used[i] = redis.call('INCRBY', key, ARGV[i])
    if redis.call('PTTL', key) < 0 then redis.call('PEXPIRE', key, ARGV[#KEYS + i]) end
  end
end
return used`);

/**
 * Key of one counter in Redis: `diolkos:limit:{COUNTER:HASH}:UNIT:START`, START as in `2026-08-07T10:05:00Z`. The
 * identifier (a consumer, an address, a header's value) is hashed, so that it may be long and secret. The braces keep all
 * windows of one check in one slot of a Redis Cluster.
 */
export function counterKey(counter: string, identifier: string, unit: RateLimitUnit, start: number): string {
  const hash = createHash("sha256").update(identifier).digest("base64url").slice(0, 22);
  return `diolkos:limit:{${counter}:${hash}}:${unit}:${new Date(start).toISOString().slice(0, 19)}Z`;
}

/** Counts one request in all its windows, or in none when one of them is exhausted. */
export async function checkCounters(store: RedisStore, request: CheckRequest): Promise<CheckAnswer> {
  const keys: string[] = [];
  const lifetimes: number[] = [];
  for (const { unit } of request.windows) {
    const window = calendarWindow(unit, request.now);
    keys.push(counterKey(request.counter, request.identifier, unit, window.start));
    lifetimes.push(lifetime(window, request.now));
  }
  const limits = request.windows.map(({ limit }) => limit);
  const [allowed, ...used] = await runScript(store, checkScript, keys, [...limits, ...lifetimes]);
  return { allowed: allowed === 1, used };
}

/** Adds what a proxy has counted by itself, and answers the totals. */
export async function syncCounters(
  store: RedisStore,
  request: SyncRequest,
  now: number,
): Promise<SyncAnswer> {
  if (request.entries.length === 0) return { used: [] };
  const keys: string[] = [];
  const lifetimes: number[] = [];
  for (const { counter, identifier, unit, window } of request.entries) {
    keys.push(counterKey(counter, identifier, unit, window));
    lifetimes.push(lifetime(calendarWindow(unit, window), now));
  }
  const deltas = request.entries.map(({ delta }) => delta);
  return { used: await runScript(store, syncScript, keys, [...deltas, ...lifetimes]) };
}

/** Never longer than the window and never over, whatever the clocks say. */
function lifetime({ start, end }: CalendarWindow, now: number): number {
  return Math.min(Math.max(end - now, 0), end - start) + slackMs;
}

function script(text: string): Script {
  return { text, sha: createHash("sha1").update(text).digest("hex") };
}

function runScript(
  store: RedisStore,
  { text, sha }: Script,
  keys: string[],
  values: number[],
): Promise<number[]> {
  return store.run(async (redis: Redis) => {
    try {
      return numbers(await redis.evalsha(sha, keys.length, ...keys, ...values));
    } catch (error) {
      // A Redis that was restarted has forgotten its scripts.
      if (!(error instanceof Error) || !error.message.startsWith("NOSCRIPT")) throw error;
      return numbers(await redis.eval(text, keys.length, ...keys, ...values));
    }
  });
}

function numbers(answer: unknown): number[] {
  if (!Array.isArray(answer) || !answer.every((one) => typeof one === "number"))
    throw new Error("an answer that the script does not give");
  return answer;
}
