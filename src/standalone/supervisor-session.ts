import type { Socket } from "node:net";
import type { ControlPlaneConnection } from "./control-plane-watch.ts";
import { identifyProcess } from "./process-identity.ts";
import { lastLogLines } from "./process-log.ts";
import type { ProcessSet } from "./process-set.ts";
import type { ControlPlaneCommand } from "./process-spec.ts";
import {
  type ClientMessage,
  encodeMessage,
  messageReader,
  type SupervisorMessage,
} from "./supervisor-protocol.ts";

/** What a session needs of its supervisor. */
export interface SessionHost {
  readonly state: string;
  readonly processes: ProcessSet;
  readonly stopping: boolean;
  take(connection: ControlPlaneConnection, takeOver: boolean): Promise<{ busy: number } | undefined>;
  inCharge(connection: ControlPlaneConnection): boolean;
  remember(command: ControlPlaneCommand): void;
  stop(drainMs: number, asker: SupervisorSession): void;
}

/** One connection to the supervisor: a control plane's, or that of somebody with a question. */
export class SupervisorSession {
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #host: SessionHost;
  #connection: ControlPlaneConnection | undefined;

  constructor(socket: Socket, host: SessionHost) {
    this.#socket = socket;
    this.#host = host;
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
    // The close event follows; nothing else is to be done.
    socket.on("error", () => {});
    socket.on(
      "data",
      messageReader<ClientMessage>((message) => void this.#handle(message)),
    );
  }

  /** True when this is the control plane in charge. */
  get isControlPlane(): boolean {
    return this.#connection !== undefined && this.#host.inCharge(this.#connection);
  }

  send(message: SupervisorMessage): void {
    if (this.#socket.writable) this.#socket.write(encodeMessage(message));
  }

  /** Sends a last message; resolves when the other side has it, or does not read. */
  async finish(message: SupervisorMessage): Promise<void> {
    if (!this.#socket.writable) return;
    await new Promise<void>((resolve) => {
      setTimeout(resolve, 1000).unref();
      this.#socket.end(encodeMessage(message), () => resolve());
    });
  }

  destroy(): void {
    this.#socket.destroy();
  }

  async #handle(message: ClientMessage): Promise<void> {
    const { processes, state } = this.#host;
    switch (message.type) {
      case "hello":
        return this.#greet(message.pid, message.takeOver);
      case "apply":
        if (!this.isControlPlane) return;
        this.#host.remember(message.controlPlane);
        return processes.apply(message.processes);
      case "restart":
        return processes.restart(message.id);
      case "stop":
        // A control plane that was superseded has nothing to say any more.
        if (this.#connection === undefined || this.isControlPlane) this.#host.stop(message.drainMs, this);
        return;
      case "list":
        return this.send({ type: "states", processes: processes.states() });
      case "logs":
        return this.send({
          type: "log",
          id: message.id,
          lines: lastLogLines(state, message.id, message.lines),
        });
      case "environment":
        return this.send({
          type: "environment",
          id: message.id,
          environment: processes.spec(message.id)?.env ?? null,
        });
    }
  }

  async #greet(pid: number, takeOver: boolean): Promise<void> {
    if (this.#host.stopping) return void this.finish({ type: "stopping" });
    // The number may belong to nobody any more; the connection will end in a moment then.
    const identity = identifyProcess(pid) ?? { pid, startTime: "" };
    const connection: ControlPlaneConnection = {
      identity,
      closed: this.closed,
      supersede: (byPid) => this.send({ type: "superseded", pid: byPid }),
    };
    this.#connection = connection;
    const refused = await this.#host.take(connection, takeOver);
    if (refused !== undefined) {
      this.send({ type: "busy", pid: refused.busy });
      return;
    }
    this.send({ type: "welcome", pid: process.pid, processes: await this.#host.processes.knownStates() });
  }
}
