import { chmod, rm } from "node:fs/promises";
import type { Server } from "node:http";
import { connect } from "node:net";

/** Listens on a unix socket that only this user may use. A dead process' socket is replaced, a living one's is not. */
export async function listenOnSocket(server: Server, socketPath: string): Promise<void> {
  if (await isServed(socketPath)) throw new Error(`another process serves ${socketPath}`);
  await rm(socketPath, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(socketPath, () => {
      server.off("error", reject);
      resolve();
    });
  });
  await chmod(socketPath, 0o600);
}

function isServed(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
