import { existsSync, readFileSync } from "node:fs";
import { Command, InvalidArgumentError } from "commander";
import { type Progress, startControlPlane } from "#app/control-plane.ts";
import { adminHost, defaultPorts, defaultState } from "#app/options.ts";
import { problemLine } from "#app/problem-answers.ts";
import { type LogLevel, logLevels } from "#telemetry/log.ts";
import { fail, oneOf, parsePort } from "../options.ts";

interface Options {
  readonly gatewayPort: number;
  readonly gatewayTlsPort: number;
  readonly adminPort: number;
  readonly bind: string;
  readonly state?: string;
  readonly logLevel: LogLevel;
  readonly concurrency?: number;
  readonly ingressClass: string;
  readonly gatewayLabels: Readonly<Record<string, string>>;
  readonly welcome?: string;
}

/** `diolkos up DIR…`: serves the manifests until Ctrl-C. */
export function upCommand(): Command {
  return new Command("up")
    .description(
      "Serve the manifests of DIR… on this machine: gateway, sidecars and local workloads; changes act live",
    )
    .argument("<dir...>", "folders (or files) of manifests, read recursively and watched")
    .option("--gateway-port <port>", "HTTP port of the gateway", parsePort, defaultPorts.gateway)
    .option("--gateway-tls-port <port>", "HTTPS port of the gateway", parsePort, defaultPorts.gatewayTls)
    .option("--admin-port <port>", "port of the admin API and the dashboard", parsePort, defaultPorts.admin)
    .option("--bind <address>", "address on which the gateway listens", "127.0.0.1")
    .option(
      "--state <dir>",
      "state directory (default: one per set of folders under the user's state folder)",
    )
    .option("--log-level <level>", logLevels.join(", "), oneOf(logLevels), "warn")
    .option("--concurrency <threads>", "worker threads of the gateway (default: one per core)", parseCount)
    .option("--ingress-class <name>", "the ingress class that is served", "kong")
    .option(
      "--gateway-labels <labels>",
      "labels by which a VirtualNode's podSelector makes the gateway its node",
      parseLabels,
      { "app.kubernetes.io/name": "kong", "app.kubernetes.io/instance": "kong" },
    )
    .option("--welcome <file>", "print this text once everything is ready")
    .action(up);
}

async function up(directories: readonly string[], options: Options): Promise<void> {
  const missing = directories.find((directory) => !existsSync(directory));
  if (missing !== undefined) fail(`there is no ${missing}: name a folder (or file) of manifests`, 2);
  const state = options.state ?? defaultState(directories, options.adminPort);
  try {
    const running = await startControlPlane({ ...options, directories, state }, terminal(options));
    let asked = false;
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.on(signal, () => {
        say(asked ? "stopping now" : "draining, then stopping everything (again to hurry)");
        asked = true;
        void running.stop();
      });
    }
    const ending = await running.ended;
    say(ending === "superseded" ? "another control plane took over; everything goes on" : "stopped");
    process.exit(0);
  } catch (error) {
    fail(error instanceof Error ? error.message : String(error));
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** What people see in the terminal. */
function terminal(options: Options): Progress {
  const began = performance.now();
  let shown = new Set<string>();
  let settled = false;
  return {
    reading(files, objects) {
      say(`diolkos: ${objects} objects in ${files}; starting proxies and workloads`);
    },
    problems(view) {
      // While things start or stop, everything lacks endpoints for a moment.
      const lines = view
        .problems({ notes: false })
        .filter(({ code }) => settled || code !== "backend-no-endpoints")
        .map(problemLine);
      for (const line of lines) if (!shown.has(line)) say(line);
      for (const line of shown) if (!lines.includes(line)) say(`solved: ${line}`);
      shown = new Set(lines);
    },
    ready(view) {
      settled = true;
      this.problems(view);
      const seconds = ((performance.now() - began) / 1000).toFixed(1);
      void view.status().then((status) => {
        say(`ready after ${seconds} s`);
        const addresses = status.gateways.flatMap(({ ingress }) => ingress);
        for (const { port, address } of addresses) {
          say(`  gateway    ${port === options.gatewayTlsPort ? "https" : "http"}://${address}`);
        }
        say(`  dashboard  http://${adminHost}:${options.adminPort}`);
        for (const one of status.workloads) {
          const sidecar = status.sidecars.some(({ name }) => name === one.name) ? " with its sidecar" : "";
          say(`  workload   ${one.name}${sidecar}`);
        }
        if (options.welcome !== undefined) say(`\n${readFileSync(options.welcome, "utf8").trimEnd()}\n`);
        say("Ctrl-C stops everything");
      });
    },
    event: say,
  };
}

function parseCount(value: string): number {
  const count = Number(value);
  if (!Number.isInteger(count) || count < 1) throw new InvalidArgumentError("It is a number from 1.");
  return count;
}

function parseLabels(value: string): Readonly<Record<string, string>> {
  const pairs = value.split(",").map((pair) => pair.split("="));
  if (pairs.some((pair) => pair.length !== 2)) throw new InvalidArgumentError("Write name=value,name=value.");
  return Object.fromEntries(pairs);
}
