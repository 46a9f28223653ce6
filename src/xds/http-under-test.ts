import { Agent, createServer, get, type Server } from "node:http";
import { createServer as createTcpServer } from "node:net";

/** A loopback port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createTcpServer();
    server.listen(0, "127.0.0.1", () => {
      const port = portOf(server);
      server.close(() => resolve(port));
    });
  });
}

/** A backend that answers every request with one text. */
export async function startBackend(text: string): Promise<{ readonly port: number; close(): Promise<void> }> {
  const server: Server = createServer((_, response) => response.end(text));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: portOf(server),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Status and body, or why there is none. */
export function fetchText(port: number, host: string, agent?: Agent): Promise<string> {
  return new Promise((resolve) => {
    const call = get(
      { host: "127.0.0.1", port, path: "/", headers: { host }, agent: agent ?? false, timeout: 5000 },
      (response) => {
        let body = "";
        response.on("data", (chunk) => {
          body += chunk;
        });
        response.on("end", () => resolve(`${response.statusCode} ${body}`.trim()));
        response.on("error", (error) => resolve(`cut: ${error.message}`));
      },
    );
    call.on("timeout", () => call.destroy(new Error("timeout")));
    call.on("error", (error) => resolve(`failed: ${error.message}`));
  });
}

/** Sends requests on some kept connections until it is stopped; returns how often each answer came. */
export function startLoad(
  port: number,
  host: string,
  connections: number,
): () => Promise<Map<string, number>> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const answers = new Map<string, number>();
  let stopped = false;
  const loops = Array.from({ length: connections }, async () => {
    while (!stopped) {
      const answer = await fetchText(port, host, agent);
      answers.set(answer, (answers.get(answer) ?? 0) + 1);
    }
  });
  return async () => {
    stopped = true;
    await Promise.all(loops);
    agent.destroy();
    return answers;
  };
}

function portOf(server: { address(): ReturnType<Server["address"]> }): number {
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no address");
  return address.port;
}
