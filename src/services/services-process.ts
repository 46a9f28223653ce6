import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { z } from "zod";
import type { Log } from "#telemetry/log.ts";
import { checkRequestSchema, syncRequestSchema } from "./limit-requests.ts";
import { listenOnSocket } from "./listen-on-socket.ts";
import { storeError } from "./redis-connection.ts";
import type { RedisStore } from "./redis-store.ts";
import { watchServicesConfig } from "./services-config-file.ts";
import {
  createServicesMetrics,
  type Operation,
  type Outcome,
  type ServicesMetrics,
} from "./services-metrics.ts";
import { checkCounters, syncCounters } from "./shared-counters.ts";
import { Stores } from "./stores.ts";

const maxBodyBytes = 1 << 20;

export interface ServicesOptions {
  /** Unix socket on which the proxies call; a stale one of a dead process is replaced. */
  readonly socketPath: string;
  /** JSON file, see services-config.ts; may appear later, is read again whenever it changes. */
  readonly configPath: string;
  readonly log: Log;
}

export interface RunningServices {
  /** Prometheus text, the same as `GET /metrics` on the socket. */
  metrics(): Promise<string>;
  /** Answers what is under way, then closes the socket and all connections. */
  close(): Promise<void>;
}

/**
 * Serves what must leave the proxy, over HTTP/1.1 on a unix socket: rate-limit counters that several gateways share
 * through Redis. `POST /v1/limits/check` and `POST /v1/limits/sync` are described in limit-requests.ts; 503 means that
 * the store cannot answer now. Rejects when another process serves the socket.
 */
export async function runServices({
  socketPath,
  configPath,
  log,
}: ServicesOptions): Promise<RunningServices> {
  const metrics = createServicesMetrics();
  const stores = new Stores(metrics, log);
  const config = await watchServicesConfig(configPath, log, (next) => stores.apply(next));
  const server = createServer((request, response) => {
    void answer(request, response, stores, metrics);
  });
  server.on("clientError", (_, socket) => {
    metrics.badRequest();
    if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    else socket.destroy();
  });
  // Envoy decides when an idle connection ends; if we did, a request could meet the closing.
  server.keepAliveTimeout = 0;
  try {
    await listenOnSocket(server, socketPath);
  } catch (error) {
    config.close();
    await stores.close();
    throw error;
  }
  log.info("services are ready", { socket: socketPath });
  return {
    metrics: () => metrics.text(),
    async close() {
      config.close();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeIdleConnections();
      await stores.close();
      // The last answers are written in this turn; afterwards only the clients' idle connections are left.
      await new Promise((resolve) => setImmediate(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  stores: Stores,
  metrics: ServicesMetrics,
): Promise<void> {
  const started = performance.now();
  const reply = (status: number, body: object) => {
    if (status === 400 || status === 404) metrics.badRequest();
    send(response, status, "application/json", JSON.stringify(body));
  };
  /** Reads the call's body, runs it on its store, and accounts for it. */
  const call = async <T extends { readonly store: string }>(
    operation: Operation,
    schema: z.ZodType<T>,
    run: (store: RedisStore, body: T) => Promise<{ readonly outcome: Outcome; readonly body: object }>,
  ) => {
    const text = await readBody(request);
    if (text === undefined) return reply(413, { error: "the body is too large" });
    const body = schema.safeParse(parseJson(text));
    if (!body.success) {
      const issue = body.error.issues[0];
      return reply(400, { error: `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "invalid"}` });
    }
    const store = stores.get(body.data.store);
    if (store === undefined) return reply(404, { error: "there is no such store" });
    const { id } = store.config;
    try {
      const result = await run(store, body.data);
      metrics.call(id, operation, result.outcome, (performance.now() - started) / 1000);
      reply(200, result.body);
    } catch (error) {
      const { failure, message } = storeError(error);
      metrics.call(id, operation, "failed", (performance.now() - started) / 1000);
      metrics.failure(id, failure);
      reply(503, { error: `store ${id}: ${message}` });
    }
  };
  try {
    switch (`${request.method} ${request.url}`) {
      case "POST /v1/limits/check":
        return await call("check", checkRequestSchema, async (store, body) => {
          const result = await checkCounters(store, body);
          return { outcome: result.allowed ? "allowed" : "refused", body: result };
        });
      case "POST /v1/limits/sync":
        return await call("sync", syncRequestSchema, async (store, body) => ({
          outcome: "synced",
          body: await syncCounters(store, body, Date.now()),
        }));
      case "GET /metrics":
        return send(response, 200, "text/plain; version=0.0.4", await metrics.text());
      case "GET /healthz":
        return reply(200, { ok: true });
      default:
        return reply(404, { error: "there is no such call" });
    }
  } catch {
    // The client went away in the middle of its body.
    response.destroy();
  }
}

function send(response: ServerResponse, status: number, contentType: string, body: string): void {
  response.writeHead(status, { "content-type": contentType, "content-length": Buffer.byteLength(body) });
  response.end(body);
}

/** The whole body; undefined when it is too large. Rejects when the client goes away. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    // Read to the end all the same: an answer to half a request would break the connection.
    if (bytes <= maxBodyBytes) chunks.push(chunk);
  }
  return bytes > maxBodyBytes ? undefined : Buffer.concat(chunks).toString("utf8");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
