import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Behaviour } from "./behaviour.ts";

/** What an echo server saw of a request. */
export interface Received {
  readonly backend: string;
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Applications on loopback that say who they are: each answers with what it received, as JSON. */
export class EchoBackends {
  readonly #servers = new Map<string, Server>();
  /** The newest request that any of them saw. */
  last: Received | undefined;
  /** What all of them answer instead of the echo, while it is set. */
  answer: Behaviour["answer"];

  /** Port of the backend of this name, which is started when nobody asked for it before. */
  async port(name: string): Promise<number> {
    let server = this.#servers.get(name);
    if (server === undefined) {
      server = await this.#start(name);
      this.#servers.set(name, server);
    }
    return (server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    await Promise.all(
      [...this.#servers.values()].map((server) => {
        const closed = new Promise((resolve) => server.close(resolve));
        server.closeAllConnections();
        return closed;
      }),
    );
  }

  #start(name: string): Promise<Server> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const { method = "", url: path = "", headers } = request;
        this.last = { backend: name, method, path, headers, body: Buffer.concat(chunks).toString() };
        if (this.answer === undefined) {
          response.setHeader("content-type", "application/json");
          response.end(JSON.stringify(this.last));
        } else {
          response.writeHead(this.answer.status, this.answer.headers);
          response.end(this.answer.body);
        }
      });
    });
    // The proxy, not the application, ends idle connections: otherwise one may end just as a request is sent on it.
    server.keepAliveTimeout = 0;
    return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
  }
}
