import { connect, type Socket } from "node:net";
import {
  type ClientMessage,
  encodeMessage,
  messageReader,
  type SupervisorMessage,
} from "./supervisor-protocol.ts";

/** An open connection to a supervisor. */
export interface SupervisorConnection {
  readonly closed: Promise<void>;
  send(message: ClientMessage): void;
  destroy(): void;
}

/** No socket, one that is left over, one that is just being closed. */
const nobody: readonly string[] = ["ENOENT", "ECONNREFUSED", "ECONNRESET", "EPIPE"];

/** Connects to the socket of a supervisor; undefined when nobody listens there. */
export function openConnection(
  path: string,
  onMessage: (message: SupervisorMessage) => void,
): Promise<SupervisorConnection | undefined> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(path);
    const closed = new Promise<void>((close) => socket.once("close", () => close()));
    let connected = false;
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (connected) return; // The close event follows.
      if (nobody.includes(error.code ?? "")) resolve(undefined);
      else reject(error);
    });
    socket.once("connect", () => {
      connected = true;
      socket.on("data", messageReader(onMessage));
      resolve({
        closed,
        send: (message) => void (socket.writable && socket.write(encodeMessage(message))),
        destroy: () => socket.destroy(),
      });
    });
  });
}

/** Asks a supervisor one question. Undefined when none runs, or when it does not answer. */
export async function askSupervisor<Type extends SupervisorMessage["type"]>(
  path: string,
  question: ClientMessage,
  answer: Type,
  timeoutMs = 5000,
): Promise<Extract<SupervisorMessage, { type: Type }> | undefined> {
  let found: (message: Extract<SupervisorMessage, { type: Type }> | undefined) => void = () => {};
  const result = new Promise<Extract<SupervisorMessage, { type: Type }> | undefined>((resolve) => {
    found = resolve;
  });
  const connection = await openConnection(path, (message) => {
    if (message.type === answer) found(message as Extract<SupervisorMessage, { type: Type }>);
  });
  if (connection === undefined) return undefined;
  const timer = setTimeout(() => found(undefined), timeoutMs);
  void connection.closed.then(() => found(undefined));
  connection.send(question);
  try {
    return await result;
  } finally {
    clearTimeout(timer);
    connection.destroy();
  }
}
