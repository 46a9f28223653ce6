import { isIP } from "node:net";
import { Redis } from "ioredis";
import type { StoreConfig } from "./services-config.ts";

/** Why a call to a store failed; each is a label of the failure metric. */
export type StoreFailure = "timeout" | "connection" | "refused" | "busy";

/** A store cannot answer now. The message holds no secret and no text that Redis sent beyond its error code. */
export class StoreError extends Error {
  readonly failure: StoreFailure;

  constructor(failure: StoreFailure, message: string) {
    super(message);
    this.name = "StoreError";
    this.failure = failure;
  }
}

/**
 * Says what went wrong by code only. Redis quotes arguments of commands that it does not know, and the client's errors
 * carry the command with its arguments: both may hold the password.
 */
export function storeError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  if (!(error instanceof Error)) return new StoreError("connection", "failed");
  const answer = error.name === "ReplyError" ? /^[A-Z]+/.exec(error.message)?.[0] : undefined;
  if (answer !== undefined) return new StoreError("refused", `Redis answers ${answer}`);
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  return new StoreError("connection", code ?? "connection lost");
}

/**
 * Connects, authenticates and selects the database, all within `timeoutMs`, and waits while Redis loads its data. The
 * connection never reconnects and never queues: once it is closed, open another one.
 */
export async function openRedis(store: StoreConfig): Promise<Redis> {
  const redis = new Redis({
    host: store.host,
    port: store.port,
    ...(store.username === undefined || store.username === "" ? {} : { username: store.username }),
    ...(store.password === undefined || store.password === "" ? {} : { password: store.password }),
    ...(store.ssl ? { tls: tlsOptions(store) } : {}),
    lazyConnect: true,
    retryStrategy: () => null,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    protocol: 2,
    connectionName: "diolkos",
  });
  let cause: unknown;
  redis.on("error", (error) => {
    cause ??= error;
  });
  const timer = setTimeout(() => {
    cause ??= new StoreError("timeout", `no connection within ${store.timeoutMs} ms`);
    closeRedis(redis);
  }, store.timeoutMs);
  try {
    await redis.connect();
    // Not by the client's own option: that goes on in database 0 when Redis refuses the number.
    if (store.database !== 0) await redis.select(store.database);
    return redis;
  } catch (error) {
    closeRedis(redis);
    throw storeError(cause ?? error);
  } finally {
    clearTimeout(timer);
  }
}

/** Closes at once; what is under way fails. A polite farewell would wait for a Redis that does not answer. */
export function closeRedis(redis: Redis): void {
  redis.disconnect();
  // Absent until connecting has begun, whatever the declaration says.
  const stream: Redis["stream"] | undefined = redis.stream;
  stream?.destroy();
}

function tlsOptions({ host, serverName, sslVerify }: StoreConfig): {
  rejectUnauthorized: boolean;
  servername?: string;
} {
  // An address cannot be sent as a name; the certificate is then compared with the address.
  const servername = serverName ?? (isIP(host) === 0 ? host : undefined);
  return { rejectUnauthorized: sslVerify, ...(servername === undefined ? {} : { servername }) };
}
