import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

import { root } from "../scripts/root.mjs";
import { freePorts, otherCore, proxyCore, start, temporaryFolder } from "./processes.mjs";

const run = promisify(execFile);

/**
 * A running `diolkos up`, whose gateway has one worker on the proxies' core.
 * @typedef {object} Diolkos
 * @property {string} manifests its folder of manifests, watched
 * @property {number} pid of the control plane
 * @property {number} port of the gateway
 * @property {() => number} gatewayPid
 * @property {() => Promise<void>} untilReady
 * @property {() => Promise<Metric[]>} metrics of `GET /metrics`
 * @property {() => Promise<{ code: string, message: string }[]>} problems
 * @property {() => Promise<void>} stop
 */

/** @typedef {{ name: string, labels: string, value: number }} Metric */

/**
 * Starts the product as a user would, on a folder that `fill` has written to.
 * @param {(manifests: string) => void} fill
 * @param {{ envoy?: string, env?: NodeJS.ProcessEnv, readyWithinMs?: number }} [options]
 * @returns {Promise<Diolkos>}
 */
export async function startDiolkos(fill, { envoy, env = {}, readyWithinMs = 60_000 } = {}) {
  const cli = join(root, "bin", "diolkos");
  if (!existsSync(join(root, "dist", "diolkos.js")))
    throw new Error("the product is not built: run `make build`");
  const folder = temporaryFolder("up");
  const manifests = join(folder, "manifests");
  const state = join(folder, "state");
  mkdirSync(manifests);
  fill(manifests);
  const [port = 0, tlsPort = 0, adminPort = 0] = await freePorts(3);
  const log = join(folder, "log");
  const process_ = start(
    cli,
    [
      ...["up", manifests, "--state", state, "--concurrency", "1", "--log-level", "warn"],
      ...["--gateway-port", `${port}`, "--gateway-tls-port", `${tlsPort}`, "--admin-port", `${adminPort}`],
    ],
    {
      core: otherCore,
      log,
      env: { ...process.env, ...(envoy === undefined ? {} : { DIOLKOS_ENVOY: envoy }), ...env },
    },
  );
  const untilReady = async (withinMs = readyWithinMs) => {
    const deadline = Date.now() + withinMs;
    let last = "";
    while (Date.now() < deadline) {
      const answer = await get(adminPort, "/readyz").catch((error) => ({ status: 0, text: String(error) }));
      if (answer.status === 200) return;
      last = answer.text;
      await sleep(20);
    }
    throw new Error(
      `diolkos is not ready within ${withinMs} ms: ${last}\n${readFileSync(log, "utf8").slice(-4000)}`,
    );
  };
  const stop = async () => {
    await process_.stop();
    rmSync(folder, { recursive: true });
  };
  try {
    await untilReady();
    const gateway = gatewayPid(state);
    await run("taskset", ["-a", "-c", "-p", String(proxyCore), String(gateway)]);
  } catch (error) {
    await process_.stop();
    throw error;
  }
  return {
    manifests,
    port,
    pid: process_.pid,
    gatewayPid: () => gatewayPid(state),
    untilReady,
    metrics: async () => parseMetrics((await get(adminPort, "/metrics")).text),
    problems: async () => JSON.parse((await get(adminPort, "/problems")).text),
    stop,
  };
}

/** The sum of a metric over those of its series whose labels hold `part`. @param {readonly Metric[]} metrics @param {string} name */
export function total(metrics, name, part = "") {
  const series = metrics.filter((metric) => metric.name === name && metric.labels.includes(part));
  if (series.length === 0) throw new Error(`the control plane has no metric ${name}{${part}}`);
  return series.reduce((sum, { value }) => sum + value, 0);
}

/** The gateway's Envoy: the one process of this state directory that is started with the gateway's bootstrap. @param {string} state */
function gatewayPid(state) {
  const found = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
        return command.some((word) => word.startsWith(join(state, "envoy")) && word.includes("gateway"));
      } catch {
        return false; // It has just ended.
      }
    });
  if (found.length !== 1) throw new Error(`${found.length} processes look like the gateway's Envoy`);
  return Number(found[0]);
}

/** @param {number} port @param {string} path @returns {Promise<{ status: number, text: string }>} */
function get(port, path) {
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, path, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent.setTimeout(10_000, () => sent.destroy(new Error("no answer")));
    sent.on("error", reject).end();
  });
}

/** @param {string} text @returns {Metric[]} */
function parseMetrics(text) {
  return [...text.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm)].map(([, name = "", labels = "", value = ""]) => ({
    name,
    labels,
    value: Number(value),
  }));
}
