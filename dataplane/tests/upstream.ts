import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** What the application behind the gateway saw. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  /** Names in lower case, in order, repeated ones too. */
  readonly headers: readonly (readonly [string, string])[];
}

export interface Upstream {
  readonly port: number;
  /** Requests so far. */
  readonly count: number;
  close(): Promise<void>;
}

/**
 * An application that answers with what it saw. The request header `x-reply` holds headers for its answer as JSON (a
 * list of pairs).
 */
export async function startUpstream(): Promise<Upstream> {
  let count = 0;
  const server = createServer((request, response) => {
    count++;
    const reply = request.headers["x-reply"];
    if (typeof reply === "string") {
      for (const [name, value] of JSON.parse(reply) as [string, string][]) response.appendHeader(name, value);
    }
    response.end(JSON.stringify(describe(request)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: portOf(server),
    get count() {
      return count;
    },
    close: () => closeServer(server),
  };
}

export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

function describe(request: IncomingMessage): Seen {
  return {
    method: request.method ?? "",
    url: request.url ?? "",
    headers: rawPairs(request.rawHeaders),
  };
}

/** Node's flat list of names and values as pairs. */
export function rawPairs(raw: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    pairs.push([(raw[at] ?? "").toLowerCase(), raw[at + 1] ?? ""]);
  }
  return pairs;
}
