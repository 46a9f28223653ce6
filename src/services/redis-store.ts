import type { Redis } from "ioredis";
import { closeRedis, openRedis, StoreError, storeError } from "./redis-connection.ts";
import type { StoreConfig } from "./services-config.ts";

const maxCallsInFlight = 4096;
const firstRetryMs = 50;
const lastRetryMs = 1000;

/** Told when a store becomes usable or ceases to be; the reason is fit for logs. */
export type StoreListener = (
  event: { readonly up: true } | { readonly up: false; readonly reason: string },
) => void;

/** A use of the open connection. What it sends before it first awaits leaves together with that of other calls. */
export type StoreCall<T> = (redis: Redis) => Promise<T>;

/**
 * One connection to one Redis: opened by the first call, then kept, and reopened in the background when it is lost.
 * A call waits at most `timeoutMs` and fails at once while the store is known to be down. A connection on which a call
 * timed out is replaced, because replies come in order and later ones would be late as well.
 */
export class RedisStore {
  readonly config: StoreConfig;
  readonly #listener: StoreListener;
  #redis: Redis | undefined;
  /** Why there is no connection; undefined before the first attempt has ended. */
  #down: StoreError | undefined;
  /** The first attempt to connect, on which calls may wait. */
  #opening: Promise<void> | undefined;
  #retries = 0;
  #retryTimer: NodeJS.Timeout | undefined;
  #batch: ((redis: Redis | undefined) => void)[] = [];
  #inFlight = 0;
  #closed = false;
  #idle: (() => void) | undefined;

  constructor(config: StoreConfig, listener: StoreListener) {
    this.config = config;
    this.#listener = listener;
  }

  /** Runs `call` on the connection; rejects with a StoreError, after `timeoutMs` at the latest. */
  async run<T>(call: StoreCall<T>): Promise<T> {
    if (this.#closed) throw new StoreError("connection", "closed");
    if (this.#inFlight >= maxCallsInFlight) throw new StoreError("busy", "too many calls wait for Redis");
    this.#inFlight++;
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const error = new StoreError("timeout", `no answer within ${this.config.timeoutMs} ms`);
        reject(error);
        this.#lose(error);
      }, this.config.timeoutMs);
    });
    try {
      return await Promise.race([this.#call(call), deadline]);
    } catch (error) {
      throw storeError(error);
    } finally {
      clearTimeout(timer);
      this.#inFlight--;
      if (this.#inFlight === 0) this.#idle?.();
    }
  }

  /** Takes no more calls, lets those under way end (they are bounded by `timeoutMs`), then closes the connection. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retryTimer);
    if (this.#inFlight > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    if (this.#redis !== undefined) closeRedis(this.#redis);
    this.#redis = undefined;
  }

  async #call<T>(call: StoreCall<T>): Promise<T> {
    if (this.#redis === undefined) {
      if (this.#down !== undefined) throw this.#down;
      this.#opening ??= this.#open();
      await this.#opening;
    }
    return this.#send(call);
  }

  /** All calls of one turn of the event loop leave in one write, and Redis reads them at once. */
  #send<T>(call: StoreCall<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#batch.push((redis) => {
        // The connection may have been lost meanwhile.
        if (redis === undefined) reject(this.#down ?? new StoreError("connection", "closed"));
        else call(redis).then(resolve, reject);
      });
      if (this.#batch.length === 1) setImmediate(() => this.#flush());
    });
  }

  #flush(): void {
    const batch = this.#batch;
    this.#batch = [];
    const redis = this.#redis;
    redis?.stream.cork();
    for (const send of batch) send(redis);
    redis?.stream.uncork();
  }

  async #open(): Promise<void> {
    try {
      const redis = await openRedis(this.config);
      if (this.#closed && this.#inFlight === 0) return closeRedis(redis);
      this.#redis = redis;
      this.#down = undefined;
      this.#retries = 0;
      redis.once("close", () => {
        if (this.#redis === redis) this.#lose(new StoreError("connection", "connection lost"));
      });
      this.#listener({ up: true });
    } catch (error) {
      this.#fail(storeError(error));
    }
  }

  /** Gives up a connection that was open. */
  #lose(error: StoreError): void {
    const redis = this.#redis;
    if (redis === undefined) return;
    this.#redis = undefined;
    closeRedis(redis);
    this.#fail(error);
  }

  #fail(error: StoreError): void {
    if (this.#closed) return;
    if (this.#down?.message !== error.message) this.#listener({ up: false, reason: error.message });
    this.#down = error;
    const wait = Math.min(firstRetryMs * 2 ** this.#retries++, lastRetryMs);
    // Not all processes at once when a Redis comes back.
    this.#retryTimer = setTimeout(() => this.#open(), wait * (0.75 + Math.random() / 2));
  }
}
