import { spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { lastLogLines, openLog } from "./process-log.ts";
import type { ControlPlaneCommand, ProcessSpec, ProcessState } from "./process-spec.ts";
import { makeSocketDirectory, socketPath } from "./socket-path.ts";
import { askSupervisor, openConnection, type SupervisorConnection } from "./supervisor-connection.ts";
import type { ClientMessage, ProcessEventName, SupervisorMessage } from "./supervisor-protocol.ts";

export interface ConnectOptions {
  readonly state: string;
  /** Runs `runSupervisor` for the same state directory. It is started detached when no supervisor runs. */
  readonly spawnCommand: {
    readonly command: string;
    readonly args: readonly string[];
    readonly env?: NodeJS.ProcessEnv;
  };
  /** Supersede a control plane that is connected. */
  readonly takeOver: boolean;
  readonly onEvent?: (event: ProcessEventName, process: ProcessState) => void;
  /** Another control plane is in charge, or somebody ends everything: close the xDS server and this client, exit with 0
   * and stop nothing. A newcomer waits until this client is closed. */
  readonly onEnd?: (why: "superseded" | "stopping") => void;
  /** The supervisor was lost, and a new one has adopted its processes. */
  readonly onReconnected?: () => void;
  readonly log?: (message: string) => void;
}

/** The control plane's hold on its supervisor. */
export interface SupervisorClient {
  /** The supervisor's process. */
  readonly pid: number;
  /** By process id, as of the last event. */
  readonly processes: ReadonlyMap<string, ProcessState>;
  /** Says what shall run, all of it. Call it only when everything is known, for what is not named is ended. It costs
   * nothing when nothing has changed. */
  apply(processes: readonly ProcessSpec[], controlPlane: ControlPlaneCommand): void;
  restart(id: string): void;
  /** The last lines that a process has printed. */
  logs(id: string, lines: number): Promise<readonly string[]>;
  /** Ends every process and the supervisor; resolves when they have ended. A second call with 0 shortens the drain. */
  stop(drainMs: number): Promise<void>;
  /** Leaves without a word: everything goes on, and the supervisor starts a new control plane once this process has
   * ended. */
  close(): void;
}

const startMs = 15_000;

/** Connects a control plane to the supervisor of its state directory, and starts a supervisor when there is none.
 * Afterwards the xDS socket is free for the caller. With `busy`, another control plane is in charge. */
export async function connectSupervisor(
  options: ConnectOptions,
): Promise<SupervisorClient | { readonly busy: number }> {
  const client = new Client(options);
  const busy = await client.connect(options.takeOver);
  return busy ?? client;
}

/** Ends whatever runs for a state directory; false when nothing runs. */
export async function stopSupervisor(state: string, drainMs: number): Promise<boolean> {
  const path = socketPath(state, "supervisor.sock");
  const answer = await askSupervisor(path, { type: "stop", drainMs }, "stopped", drainMs * 3 + 30_000);
  return answer !== undefined;
}

class Client implements SupervisorClient {
  readonly processes = new Map<string, ProcessState>();
  readonly #options: ConnectOptions;
  readonly #path: string;
  #pid = 0;
  #connection: SupervisorConnection | undefined;
  #applied: { text: string; message: Extract<ClientMessage, { type: "apply" }> } | undefined;
  #phase: "connected" | "stopping" | "over" = "connected";
  #stopped = false;
  #reconnecting: Promise<void> | undefined;
  #onLog = new Map<string, Array<(lines: readonly string[]) => void>>();
  #greeted: (message: SupervisorMessage) => void = () => {};

  constructor(options: ConnectOptions) {
    this.#options = options;
    this.#path = socketPath(options.state, "supervisor.sock");
  }

  get pid(): number {
    return this.#pid;
  }

  apply(processes: readonly ProcessSpec[], controlPlane: ControlPlaneCommand): void {
    const message = { type: "apply", processes, controlPlane } as const;
    const text = JSON.stringify(message);
    if (this.#phase !== "connected" || this.#applied?.text === text) return;
    this.#applied = { text, message };
    this.#connection?.send(message);
  }

  restart(id: string): void {
    this.#connection?.send({ type: "restart", id });
  }

  logs(id: string, lines: number): Promise<readonly string[]> {
    if (this.#connection === undefined) return Promise.resolve([]);
    this.#connection.send({ type: "logs", id, lines });
    return new Promise((resolve) => {
      this.#onLog.set(id, [...(this.#onLog.get(id) ?? []), resolve]);
    });
  }

  async stop(drainMs: number): Promise<void> {
    if (this.#phase === "over") return;
    this.#phase = "stopping";
    while (!this.#stopped) {
      // A supervisor that is killed meanwhile has left processes behind; its successor ends them.
      await this.#reconnecting;
      const connection = this.#connection ?? (await this.#reconnect());
      connection.send({ type: "stop", drainMs });
      await connection.closed;
    }
    this.#phase = "over";
  }

  close(): void {
    this.#phase = "over";
    this.#connection?.destroy();
  }

  /** Resolves with who is in charge, when that is another control plane. */
  async connect(takeOver: boolean): Promise<{ busy: number } | undefined> {
    for (;;) {
      const connection = await this.#reach();
      const greeting = new Promise<SupervisorMessage | undefined>((resolve) => {
        this.#greeted = resolve;
        void connection.closed.then(() => resolve(undefined));
      });
      connection.send({ type: "hello", pid: process.pid, takeOver });
      const answer = await greeting;
      if (answer?.type === "busy") {
        this.close();
        connection.destroy();
        return { busy: answer.pid };
      }
      if (answer?.type === "welcome") {
        this.#pid = answer.pid;
        this.#connection = connection;
        this.#forgetUnwanted();
        for (const process of answer.processes) this.processes.set(process.id, process);
        void connection.closed.then(() => this.#lost(connection));
        return undefined;
      }
      // This supervisor is ending: its successor comes after it.
      connection.destroy();
      await sleep(50);
    }
  }

  /** A new supervisor knows of no process yet, but will adopt those that are wanted: they do not seem to be away. */
  #forgetUnwanted(): void {
    const wanted = new Set(this.#applied?.message.processes.map(({ id }) => id));
    for (const id of [...this.processes.keys()]) if (!wanted.has(id)) this.processes.delete(id);
  }

  /** Connects, and starts a supervisor when nobody answers. */
  async #reach(): Promise<SupervisorConnection> {
    makeSocketDirectory(this.#path);
    const until = Date.now() + startMs;
    let starting: Promise<string> | undefined;
    let failure = "";
    while (Date.now() < until) {
      const connection = await openConnection(this.#path, (message) => this.#receive(message));
      if (connection !== undefined) return connection;
      if (starting === undefined) {
        starting = this.#startSupervisor();
        void starting.then((how) => {
          // It may have found another one that is starting or ending: then we try again.
          failure = how;
          starting = undefined;
        });
      }
      await sleep(20);
    }
    const lines = lastLogLines(this.#options.state, "supervisor", 5).join("\n");
    throw new Error(`the supervisor does not start${failure === "" ? "" : ` (${failure})`}:\n${lines}`);
  }

  /** Resolves with how it ended, some time after it has ended. */
  #startSupervisor(): Promise<string> {
    const { command, args, env } = this.#options.spawnCommand;
    const output = openLog(this.#options.state, "supervisor");
    const child = spawn(command, args, {
      detached: true,
      stdio: ["ignore", output, output],
      ...(env === undefined ? {} : { env }),
    });
    closeSync(output);
    child.unref();
    return new Promise<string>((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("exit", (code, signal) => resolve(signal ?? `exit code ${code}`));
    }).then(async (how) => {
      await sleep(200);
      return how;
    });
  }

  #receive(message: SupervisorMessage): void {
    switch (message.type) {
      case "welcome":
      case "busy":
        this.#greeted(message);
        return;
      case "process": {
        const { event, process } = message;
        if (event === "stopped") this.processes.delete(process.id);
        else this.processes.set(process.id, process);
        this.#options.onEvent?.(event, process);
        return;
      }
      case "stopped":
        this.#stopped = true;
        return;
      case "log": {
        const [first, ...rest] = this.#onLog.get(message.id) ?? [];
        this.#onLog.set(message.id, rest);
        first?.(message.lines);
        return;
      }
      case "superseded":
      case "stopping":
        // Before the welcome it only means that this supervisor is not the one; its connection will close.
        if (this.#connection === undefined || this.#phase !== "connected") return;
        this.#phase = "over";
        this.#options.onEnd?.(message.type);
        return;
    }
  }

  /** The supervisor was killed: a new one adopts what it has left. */
  #lost(connection: SupervisorConnection): void {
    for (const waiting of [...this.#onLog.values()].flat()) waiting([]);
    this.#onLog.clear();
    if (this.#connection === connection) this.#connection = undefined;
    if (this.#phase !== "connected") return;
    this.#options.log?.("the supervisor is gone; a new one is started");
    this.#reconnecting = this.#reconnect()
      .then((successor) => {
        if (this.#phase !== "connected") return;
        if (this.#applied !== undefined) successor.send(this.#applied.message);
        this.#options.onReconnected?.();
      })
      .catch((error: unknown) => this.#options.log?.(`the supervisor is lost: ${String(error)}`));
  }

  /** Tries until it succeeds, or another control plane is in charge. */
  async #reconnect(): Promise<SupervisorConnection> {
    for (;;) {
      try {
        const busy = await this.connect(false);
        if (this.#connection !== undefined) return this.#connection;
        this.#options.onEnd?.("superseded");
        throw new Superseded(`process ${busy?.busy} is in charge`);
      } catch (error) {
        if (error instanceof Superseded) throw error;
        this.#options.log?.(`the supervisor cannot be reached: ${String(error)}`);
        await sleep(1000);
      }
    }
  }
}

/** Another control plane is in charge. */
class Superseded extends Error {}
