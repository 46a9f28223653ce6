import { chmodSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { resolve } from "node:path";
import { ControlPlaneWatch, type SnapshotServer } from "./control-plane-watch.ts";
import { rotateLogs } from "./process-log.ts";
import { ProcessSet } from "./process-set.ts";
import { makeSocketDirectory, socketPath } from "./socket-path.ts";
import { type SupervisorLock, takeSupervisorLock } from "./supervisor-lock.ts";
import { type SessionHost, SupervisorSession } from "./supervisor-session.ts";

export interface SupervisorOptions {
  /** The state directory, e.g. `.diolkos`. */
  readonly state: string;
  /** Serves the last good configuration on the xDS socket; called when the control plane is lost. */
  readonly serveLastGood: () => Promise<SnapshotServer>;
  /** One line for people; by default it goes to standard error, with the time. */
  readonly log?: (message: string) => void;
  /** A process's log larger than this is rotated; default 10 MB. */
  readonly logLimitBytes?: number;
  /** How long it waits before it starts a lost control plane again, the first time; default 500 ms. */
  readonly restartControlPlaneAfterMs?: number;
  /** How long proxies may drain when the supervisor itself is told to end; default 5000 ms. */
  readonly drainMs?: number;
  /** A supervisor that nobody gives anything to do ends after this time; default 10,000 ms. */
  readonly idleMs?: number;
}

const housekeepingMs = 2000;

/** Runs the supervisor of a state directory: it owns the Envoys, the local workloads and the services, keeps them as the
 * control plane wants them, and keeps everything going while no control plane lives. Resolves with the exit code when it
 * was told to end and nothing runs any more, or at once when another supervisor holds the directory. */
export async function runSupervisor(options: SupervisorOptions): Promise<number> {
  const log = options.log ?? logLine;
  const lock = takeSupervisorLock(options.state);
  if ("heldBy" in lock) {
    log(`process ${lock.heldBy.pid} supervises ${resolve(options.state)} already`);
    return 0;
  }
  return new Supervisor({ ...options, log }, lock).run();
}

type LoggingOptions = SupervisorOptions & { readonly log: (message: string) => void };

class Supervisor {
  readonly #options: LoggingOptions;
  readonly #lock: SupervisorLock;
  readonly #processes: ProcessSet;
  readonly #watch: ControlPlaneWatch;
  readonly #sessions = new Set<SupervisorSession>();
  readonly #socket: string;
  #server: Server | undefined;
  #lastBusy = Date.now();
  #stopping = false;
  #end: (exitCode: number) => void = () => {};
  readonly #ended: Promise<number>;

  constructor(options: LoggingOptions, lock: SupervisorLock) {
    const { state, serveLastGood, restartControlPlaneAfterMs: restartAfterMs = 500, log } = options;
    this.#options = options;
    this.#lock = lock;
    this.#socket = socketPath(state, "supervisor.sock");
    this.#watch = new ControlPlaneWatch({ state, serveLastGood, restartAfterMs, log });
    this.#processes = new ProcessSet(state, (event, process) => {
      if (event !== "ready" && event !== "stopping") {
        log(`${process.id}: ${event}${process.failure ? `: ${process.failure.message}` : ""}`);
      }
      for (const session of this.#sessions) session.send({ type: "process", event, process });
    });
    this.#ended = new Promise((end) => {
      this.#end = end;
    });
  }

  async run(): Promise<number> {
    const onSignal = () => void this.stop(this.#options.drainMs ?? 5000);
    const ignore = () => {};
    process.on("SIGTERM", onSignal).on("SIGINT", onSignal).on("SIGHUP", ignore);
    const housekeeping = setInterval(() => this.#keepHouse(), housekeepingMs);
    try {
      await this.#listen();
      this.#options.log(`supervises ${resolve(this.#options.state)}`);
      return await this.#ended;
    } finally {
      clearInterval(housekeeping);
      process.off("SIGTERM", onSignal).off("SIGINT", onSignal).off("SIGHUP", ignore);
      await this.#close();
    }
  }

  /** Ends every process and then the supervisor. */
  async stop(drainMs: number, asker?: SupervisorSession): Promise<void> {
    this.#stopping = true;
    for (const session of this.#sessions) {
      if (session !== asker && session.isControlPlane) session.send({ type: "stopping" });
    }
    await this.#watch.close();
    await this.#processes.stopAll(drainMs);
    await Promise.all([...this.#sessions].map((session) => session.finish({ type: "stopped" })));
    this.#end(0);
  }

  async #listen(): Promise<void> {
    makeSocketDirectory(this.#socket);
    // We hold the lock, so a socket that is there is one of a supervisor that was killed.
    rmSync(this.#socket, { force: true });
    const host = this.#host();
    const server = createServer((socket) => {
      const session = new SupervisorSession(socket, host);
      this.#sessions.add(session);
      void session.closed.then(() => this.#sessions.delete(session));
    });
    this.#server = server;
    await new Promise<void>((listening, reject) => {
      server.once("error", reject);
      // Nobody may connect between the making of the socket and the chmod.
      const mask = process.umask(0o177);
      server.listen(this.#socket, () => listening());
      process.umask(mask);
    });
    chmodSync(this.#socket, 0o600);
  }

  #host(): SessionHost {
    const watch = this.#watch;
    const isStopping = () => this.#stopping;
    return {
      processes: this.#processes,
      state: this.#options.state,
      get stopping() {
        return isStopping();
      },
      take: (connection, takeOver) => watch.take(connection, takeOver),
      inCharge: (connection) => watch.current === connection,
      remember: (command) => watch.remember(command),
      stop: (drainMs, asker) => void this.stop(drainMs, asker),
    };
  }

  #keepHouse(): void {
    rotateLogs(this.#options.state, this.#options.logLimitBytes ?? 10 * 1024 * 1024);
    const expected = this.#watch.current !== undefined;
    if (this.#sessions.size > 0 || this.#watch.expected) this.#lastBusy = Date.now();
    const idle = Date.now() - this.#lastBusy > (this.#options.idleMs ?? 10_000);
    const lock = this.#lock.check();
    if (lock === "taken") {
      this.#options.log("another supervisor has taken over this state directory");
      this.#end(1);
    } else if (lock === "gone" && !expected) {
      // Nobody could ever find the processes again.
      this.#options.log("the state directory is gone: everything is ended");
      void this.stop(this.#options.drainMs ?? 5000);
    } else if (idle) {
      this.#options.log("nobody needs this supervisor");
      this.#end(0);
    }
  }

  async #close(): Promise<void> {
    await this.#watch.close();
    for (const session of this.#sessions) session.destroy();
    const server = this.#server;
    if (server !== undefined) await new Promise((closed) => server.close(closed));
    if (this.#lock.check() !== "taken") rmSync(this.#socket, { force: true });
    this.#lock.release();
  }
}

function logLine(message: string): void {
  process.stderr.write(`${new Date().toISOString()} ${message}\n`);
}
