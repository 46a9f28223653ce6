import { chmodSync, renameSync, rmSync, statSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";

/** Listens on a unix socket that may be taken over by, and from, another process at any time without a gap. */
export interface UnixSocket {
  /** Stops listening; removes the file unless another process listens there by now. */
  close(): Promise<void>;
}

/** The longest path that fits into the kernel's address with our suffix. */
const longestPath = 95;
/** How many proxies may knock at once; the kernel turns away those above it, and they come back later. */
const backlog = 4096;

/**
 * Binds beside `path` and renames into place: whoever listened there before keeps its connections and loses only new
 * ones. Rejects when the path is too long or cannot be bound.
 */
export async function listenOnUnixSocket(
  path: string,
  onSocket: (socket: Socket) => void,
): Promise<UnixSocket> {
  if (Buffer.byteLength(path) > longestPath) {
    throw new Error(
      `The socket path has more than ${longestPath} characters, choose a shorter state directory: ${path}`,
    );
  }
  const own = `${path}.${process.pid.toString(36)}`;
  rmSync(own, { force: true });
  const server = createServer(onSocket);
  await listening(server, () => server.listen({ path: own, backlog }));
  // Secrets travel over it.
  chmodSync(own, 0o600);
  const { ino } = statSync(own);
  renameSync(own, path);
  return {
    close: async () => {
      // Closing unlinks the path that was bound, which no longer exists; so `path` is ours to remove.
      await closed(server);
      if (statSync(path, { throwIfNoEntry: false })?.ino === ino) rmSync(path, { force: true });
    },
  };
}

/** Listens on TCP; port 0 takes a free one. */
export async function listenOnTcp(
  host: string,
  port: number,
  onSocket: (socket: Socket) => void,
): Promise<{ readonly port: number; close(): Promise<void> }> {
  const server = createServer({ noDelay: true, keepAlive: true }, onSocket);
  await listening(server, () => server.listen({ port, host, backlog }));
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : port,
    close: () => closed(server),
  };
}

function listening(server: Server, listen: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.once("listening", () => {
      server.removeListener("error", reject);
      resolve();
    });
    listen();
  });
}

/** Does not wait for open connections: these belong to the gRPC server. */
function closed(server: Server): Promise<void> {
  server.close();
  return new Promise((resolve) => setImmediate(resolve));
}
