import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** The process that listens on a port. */
export interface PortOwner {
  readonly pid: number;
  /** The program's name. */
  readonly command: string;
}

/** Who listens on these TCP ports of this machine. A port has no entry when its owner cannot be found, e.g. because
 * another user's process has it. */
export function findPortOwners(ports: readonly number[]): ReadonlyMap<number, PortOwner> {
  if (ports.length === 0) return new Map();
  return process.platform === "linux" ? ownersFromProc(ports) : ownersFromLsof(ports);
}

function ownersFromProc(ports: readonly number[]): ReadonlyMap<number, PortOwner> {
  const portOfSocket = new Map<string, number>();
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    for (const line of readText(table).split("\n").slice(1)) {
      const fields = line.trim().split(/\s+/);
      const port = Number.parseInt(fields[1]?.split(":")[1] ?? "", 16);
      const listens = fields[3] === "0A";
      if (listens && ports.includes(port)) portOfSocket.set(`socket:[${fields[9]}]`, port);
    }
  }
  const owners = new Map<number, PortOwner>();
  if (portOfSocket.size === 0) return owners;
  for (const pid of list("/proc").filter((name) => /^\d+$/.test(name))) {
    for (const file of list(`/proc/${pid}/fd`)) {
      const port = portOfSocket.get(readLink(`/proc/${pid}/fd/${file}`));
      if (port === undefined || owners.has(port)) continue;
      owners.set(port, { pid: Number(pid), command: readText(`/proc/${pid}/comm`).trim() });
    }
    if (owners.size === ports.length) break;
  }
  return owners;
}

function ownersFromLsof(ports: readonly number[]): ReadonlyMap<number, PortOwner> {
  const owners = new Map<number, PortOwner>();
  for (const port of ports) {
    try {
      const text = execFileSync("lsof", ["-nP", `-iTCP:${port}`, "-sTCP:LISTEN", "-Fpc"], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      });
      const pid = Number(/^p(\d+)$/m.exec(text)?.[1]);
      if (pid > 0) owners.set(port, { pid, command: /^c(.*)$/m.exec(text)?.[1] ?? "" });
    } catch {
      // Nobody listens, or there is no lsof.
    }
  }
  return owners;
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

function list(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
