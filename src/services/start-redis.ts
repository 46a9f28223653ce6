import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { Redis } from "ioredis";

/** A Redis of a test's own, on a port of its own, that keeps nothing on disk. */
export interface TestRedis {
  readonly port: number;
  /** A client for looking into it, as the test likes. */
  client(): Redis;
  /** SIGSTOP: it accepts connections and says nothing. */
  pause(): void;
  resume(): void;
  /** SIGKILL; resolves when it has ended. */
  stop(): Promise<void>;
}

/** Starts Debian's `redis-server` with further command-line arguments; resolves when it answers. For tests. */
export async function startRedis({
  port,
  args = [],
  password,
}: {
  port?: number;
  args?: readonly string[];
  password?: string;
} = {}): Promise<TestRedis> {
  const chosen = port ?? (await freePort());
  const child = spawn(
    "redis-server",
    [
      ...["--port", String(chosen), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
      ...(password === undefined ? [] : ["--requirepass", password]),
      ...args,
    ],
    { stdio: "ignore" },
  );
  const ended = once(child, "exit");
  const failed = once(child, "error").then(([error]) => {
    throw new Error("redis-server cannot be started; install it (Debian: apt-get install redis-server)", {
      cause: error,
    });
  });
  const clients: Redis[] = [];
  const client = () => {
    const made = new Redis({ port: chosen, ...(password === undefined ? {} : { password }) });
    // A client that outlives its Redis complains; the test looks at what it asked for.
    made.on("error", () => undefined);
    clients.push(made);
    return made;
  };
  await Promise.race([answers(chosen, child), failed]);
  return {
    port: chosen,
    client,
    pause: () => child.kill("SIGSTOP"),
    resume: () => child.kill("SIGCONT"),
    async stop() {
      for (const one of clients) one.disconnect();
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** Resolves when Redis answers anything at all, LOADING and NOAUTH included. */
async function answers(port: number, child: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 500; attempt++) {
    if (child.exitCode !== null) throw new Error(`redis-server ended with ${child.exitCode}`);
    const probe = new Redis({
      port,
      lazyConnect: true,
      retryStrategy: () => null,
      enableReadyCheck: false,
      disableClientInfo: true,
      protocol: 2,
    });
    probe.on("error", () => undefined);
    const answered = await probe
      .connect()
      .then(() => probe.ping())
      .then(
        () => true,
        (error: Error) => error.name === "ReplyError",
      );
    probe.disconnect();
    if (answered) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("redis-server does not answer");
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        typeof address === "object" && address !== null
          ? resolve(address.port)
          : reject(new Error("no port")),
      );
    });
  });
}
