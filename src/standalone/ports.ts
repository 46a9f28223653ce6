import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { findPortOwners, type PortOwner } from "./port-owner.ts";
import { isRunning, sessionOf } from "./process-identity.ts";
import { readRecords } from "./process-records.ts";

/** Below the range from which the system takes ports for outgoing connections. */
const firstPort = 20_000;
const lastPort = 29_999;
/** How many ports are known to be free in advance. */
const stock = 64;

/** The loopback ports of one instance. */
export interface Ports {
  /** The port of this purpose, e.g. `prod/jazz-v1-0/egress`: always the same one, over restarts too. */
  portFor(key: string): number;
}

/** Reads the ports of a state directory (`ports.json`). One that a stranger has taken meanwhile is chosen anew;
 * `reserved` ones are never chosen. */
export async function openPorts(options: {
  readonly state: string;
  readonly reserved?: readonly number[];
}): Promise<Ports> {
  mkdirSync(options.state, { recursive: true, mode: 0o700 });
  const ports = new PersistedPorts(options.state, options.reserved ?? []);
  await ports.check();
  return ports;
}

class PersistedPorts implements Ports {
  readonly #path: string;
  readonly #state: string;
  readonly #ports: Map<string, number>;
  readonly #used: Set<number>;
  readonly #asked = new Set<string>();
  readonly #free: number[] = [];
  /** Where the search goes on; instances begin at different places, so that they seldom meet. */
  #next: number;
  #refilling = false;
  #unsaved = false;

  constructor(state: string, reserved: readonly number[]) {
    this.#state = state;
    this.#path = join(state, "ports.json");
    this.#ports = readPorts(this.#path);
    this.#used = new Set([...this.#ports.values(), ...reserved]);
    const hash = createHash("sha256").update(resolve(state)).digest().readUInt32BE(0);
    this.#next = firstPort + (hash % (lastPort - firstPort + 1));
  }

  async check(): Promise<void> {
    const entries = [...this.#ports];
    const free = await Promise.all(entries.map(([, port]) => isFree(port)));
    const taken = entries.filter((_, at) => free[at] === false);
    const strangers = strangersAmong(
      this.#state,
      taken.map(([, port]) => port),
    );
    for (const [key, port] of taken) if (strangers.has(port)) this.#ports.delete(key);
    await this.#refill();
  }

  portFor(key: string): number {
    this.#asked.add(key);
    const known = this.#ports.get(key);
    if (known !== undefined) return known;
    const port = this.#free.pop() ?? this.#candidate();
    this.#ports.set(key, port);
    this.#save();
    if (this.#free.length < stock / 2) void this.#refill();
    return port;
  }

  /** Finds ports in advance, for whether a port is free can only be learned by waiting. */
  async #refill(): Promise<void> {
    if (this.#refilling) return;
    this.#refilling = true;
    try {
      while (this.#free.length < stock) {
        const candidates = Array.from({ length: stock }, () => this.#candidate());
        const free = await Promise.all(candidates.map((port) => isFree(port)));
        // The last one is taken first.
        this.#free.unshift(...candidates.filter((_, at) => free[at] === true).reverse());
      }
    } catch {
      // None is left; whoever asks for one is told so.
    } finally {
      this.#refilling = false;
    }
  }

  #candidate(): number {
    for (let tried = firstPort; tried <= lastPort; tried++) {
      const port = this.#next;
      this.#next = port === lastPort ? firstPort : port + 1;
      if (this.#used.has(port)) continue;
      this.#used.add(port);
      return port;
    }
    return this.#recycle();
  }

  /** All are given away: those that nobody has asked for since the start are given again. */
  #recycle(): number {
    for (const [key, port] of this.#ports) {
      if (this.#asked.has(key)) continue;
      this.#ports.delete(key);
      return port;
    }
    throw new Error(`all ports from ${firstPort} to ${lastPort} are in use`);
  }

  /** Once for all that are asked for in one go. */
  #save(): void {
    if (this.#unsaved) return;
    this.#unsaved = true;
    queueMicrotask(() => {
      this.#unsaved = false;
      const sorted = [...this.#ports].sort(([a], [b]) => (a < b ? -1 : 1));
      writeFileSync(`${this.#path}.new`, `${JSON.stringify(Object.fromEntries(sorted), null, 1)}\n`);
      renameSync(`${this.#path}.new`, this.#path);
    });
  }
}

/** A fixed port that cannot be used. */
export interface PortConflict {
  readonly message: string;
  readonly fix: string;
  readonly owner?: PortOwner;
}

/** Finds out whether a port that the user has chosen can be listened on; `option` is how to choose another one. A port
 * that a process of the same state directory holds is no conflict. */
export async function checkFixedPort(options: {
  readonly state: string;
  readonly address: string;
  readonly port: number;
  /** E.g. `gateway`. */
  readonly purpose: string;
  /** E.g. `--gateway-port`. */
  readonly option: string;
}): Promise<PortConflict | undefined> {
  const { state, address, port, purpose, option } = options;
  const error = await tryToListen(port, address);
  if (error === undefined) return undefined;
  const other = `Choose another port with ${option}.`;
  const place = `${address}:${port}, the ${purpose}'s address,`;
  if (error === "EACCES") {
    return { message: `${place} may not be listened on by this user.`, fix: other };
  }
  if (error === "EADDRNOTAVAIL") {
    return { message: `${address} is no address of this machine.`, fix: "Choose another one with --bind." };
  }
  if (error !== "EADDRINUSE") return { message: `${place} cannot be listened on: ${error}.`, fix: other };
  if (!strangersAmong(state, [port]).has(port)) return undefined;
  const owner = findPortOwners([port]).get(port);
  const by = owner === undefined ? "" : ` by process ${owner.pid} (${owner.command})`;
  const stop = owner === undefined ? "Stop what listens there, or choose" : "Stop that process, or choose";
  return {
    message: `${place} is in use${by}.`,
    fix: `${stop} another port with ${option}.`,
    ...(owner === undefined ? {} : { owner }),
  };
}

/** Those of these taken ports that no process of this state directory holds. */
function strangersAmong(state: string, taken: readonly number[]): ReadonlySet<number> {
  if (taken.length === 0) return new Set();
  const running = new Set(
    readRecords(state)
      .filter(isRunning)
      .map(({ pid }) => pid),
  );
  if (running.size === 0) return new Set(taken);
  const owners = findPortOwners(taken);
  return new Set(
    taken.filter((port) => {
      const owner = owners.get(port);
      // Where an owner cannot be seen, it is rather one of ours than a stranger.
      if (owner === undefined) return false;
      // What a supervised process has started is in its session.
      return !running.has(sessionOf(owner.pid) ?? owner.pid) && !running.has(owner.pid);
    }),
  );
}

async function isFree(port: number): Promise<boolean> {
  return (await tryToListen(port, "127.0.0.1")) === undefined;
}

/** The error code, if it fails. */
function tryToListen(port: number, host: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

function readPorts(path: string): Map<string, number> {
  try {
    const ports: unknown = JSON.parse(readFileSync(path, "utf8"));
    const entries = Object.entries(ports as Record<string, unknown>);
    return new Map(entries.filter((entry): entry is [string, number] => Number.isInteger(entry[1])));
  } catch {
    return new Map();
  }
}
