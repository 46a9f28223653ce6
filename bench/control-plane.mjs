import { rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { startBackend } from "./backend.mjs";
import { startDiolkos, total } from "./diolkos.mjs";
import { ingress, service, writeManifest } from "./manifests.mjs";
import { freePorts, residentBytes } from "./processes.mjs";
import { printRows, quantile, save } from "./report.mjs";
import { optionalTool, requiredTool } from "./tools.mjs";

const bars = {
  p50Ms: 100,
  p99Ms: 300,
  bytesPerChange: 50_000,
  bytesAtRoutes: 5000,
  rssMiB: 180,
  rssAtRoutes: 1000,
  rssBack: 1.1,
};
const mostHosts = 500;

/**
 * How long a change of a file takes to act on the live gateway, what it sends, and what the control plane needs, at
 * several numbers of routes.
 * @param {{ smoke: boolean, routes: readonly number[] | undefined }} options
 */
export async function benchControlPlane({ smoke, routes = smoke ? [10, 200] : [10, 1000, 5000] }) {
  requiredTool("taskset");
  const nginx = optionalTool("nginx", "nginx as the backend (Node stands in)");
  const [backendPort = 0] = await freePorts(1);
  const backend = await startBackend(nginx, backendPort);
  const results = [];
  for (const size of routes) results.push(await measure(size, backendPort, smoke));
  await backend.stop();
  report(results);
  save("control-plane", { smoke, results });
}

/** @param {number} routes @param {number} backendPort @param {boolean} smoke */
async function measure(routes, backendPort, smoke) {
  const hosts = Math.min(mostHosts, routes);
  const hostName = (/** @type {number} */ at) => `h${at}.example`;
  const pathsOf = (/** @type {number} */ at) =>
    Array.from({ length: Math.floor((routes - at - 1) / hosts) + 1 }, (_, path) => `/p${path}`);
  /** @param {string} manifests @param {number} at @param {readonly string[]} paths */
  const writeHost = (manifests, at, paths) =>
    writeManifest(join(manifests, `h${at}.yaml`), [
      ingress(`h${at}`, { host: hostName(at), paths, backend: "backend" }),
    ]);
  console.log(`${routes} routes over ${hosts} hosts, a file for each host`);
  const diolkos = await startDiolkos((manifests) => {
    writeManifest(join(manifests, "service.yaml"), service("backend", backendPort));
  });
  const settle = smoke ? 500 : 5000;
  await sleep(settle);
  const rssStart = await residentMedian(diolkos.pid);
  await lag(diolkos);
  const loadStarted = performance.now();
  for (let at = 0; at < hosts; at++) writeHost(diolkos.manifests, at, pathsOf(at));
  const poller = new Poller(diolkos.port);
  await poller.until(hostName(hosts - 1), "/p0", 120_000);
  await diolkos.untilReady();
  const loadMs = performance.now() - loadStarted;
  await sleep(settle);
  const lagOfLoad = await lag(diolkos);
  const rssLoaded = await residentMedian(diolkos.pid);
  const count = smoke ? 8 : 60;
  /** @type {number[]} */
  const effectMs = [];
  /** @type {number[]} */
  const bytes = [];
  const p99LagMs = [];
  let longestLagMs = 0;
  for (let edit = 0; edit < count; edit++) {
    const at = Math.floor((edit * hosts) / count);
    const before = total(await diolkos.metrics(), "diolkos_xds_sent_bytes_total");
    await lag(diolkos);
    await sleep(smoke ? 50 : 200);
    const started = performance.now();
    writeHost(diolkos.manifests, at, [...pathsOf(at).slice(1), `/edit-${edit}`]);
    await poller.until(hostName(at), `/edit-${edit}`, 30_000);
    effectMs.push(performance.now() - started);
    await diolkos.untilReady();
    bytes.push(total(await diolkos.metrics(), "diolkos_xds_sent_bytes_total") - before);
    const loop = await lag(diolkos);
    p99LagMs.push(loop.p99Ms);
    longestLagMs = Math.max(longestLagMs, loop.maxMs);
  }
  const rssEdited = await residentMedian(diolkos.pid);
  for (let at = 0; at < hosts; at++) rmSync(join(diolkos.manifests, `h${at}.yaml`));
  await poller.untilGone(hostName(hosts - 1), 30_000);
  await diolkos.untilReady();
  /** @type {{ afterSeconds: number, bytes: number }[]} */
  const rssDeleted = [];
  let slept = 0;
  for (const afterSeconds of smoke ? [1] : [2, 10, 30, 60]) {
    await sleep((afterSeconds - slept) * 1000);
    slept = afterSeconds;
    rssDeleted.push({ afterSeconds, bytes: await residentMedian(diolkos.pid) });
  }
  poller.close();
  await diolkos.stop();
  const lagOfEdits = { p99Ms: quantile(p99LagMs, 0.5), maxMs: longestLagMs };
  return {
    routes,
    hosts,
    loadMs,
    effectMs,
    bytes,
    lagOfLoad,
    lagOfEdits,
    rssStart,
    rssLoaded,
    rssEdited,
    rssDeleted,
  };
}

/** Delay of the control plane's event loop since the last time this was called. @param {import("./diolkos.mjs").Diolkos} diolkos */
async function lag(diolkos) {
  const metrics = await diolkos.metrics();
  const at = (/** @type {string} */ quantile) =>
    total(metrics, "diolkos_event_loop_lag_seconds", `quantile="${quantile}"`) * 1000;
  return { p99Ms: at("0.99"), maxMs: at("1") };
}

/** Median of five samples over half a second. @param {number} pid */
async function residentMedian(pid) {
  const samples = [];
  for (let i = 0; i < 5; i++) {
    samples.push(residentBytes(pid));
    await sleep(100);
  }
  return quantile(samples, 0.5);
}

/** Asks the gateway on one kept connection, about every millisecond. */
class Poller {
  /** @param {number} port */
  constructor(port) {
    this.port = port;
    this.agent = new Agent({ keepAlive: true, maxSockets: 1 });
  }

  /** Resolves when the path is answered 200. @param {string} host @param {string} path @param {number} withinMs */
  async until(host, path, withinMs) {
    await this.#poll(host, path, (status) => status === 200, withinMs);
  }

  /** Resolves when the host is not served any more. @param {string} host @param {number} withinMs */
  async untilGone(host, withinMs) {
    await this.#poll(host, "/p0", (status) => status === 404, withinMs);
  }

  close() {
    this.agent.destroy();
  }

  /** @param {string} host @param {string} path @param {(status: number) => boolean} enough @param {number} withinMs */
  async #poll(host, path, enough, withinMs) {
    const deadline = performance.now() + withinMs;
    let status = 0;
    while (performance.now() < deadline) {
      status = await this.#status(host, path);
      if (enough(status)) return;
      await sleep(1);
    }
    throw new Error(`${host}${path} still answers ${status} after ${withinMs} ms`);
  }

  /** @param {string} host @param {string} path @returns {Promise<number>} */
  #status(host, path) {
    return new Promise((resolve, reject) => {
      const { port, agent } = this;
      const sent = request({ host: "127.0.0.1", port, agent, path, headers: { host } }, (response) => {
        response.resume().on("end", () => resolve(response.statusCode ?? 0));
      });
      sent.on("error", reject).end();
    });
  }
}

/** @param {readonly Awaited<ReturnType<typeof measure>>[]} results */
function report(results) {
  const mib = (/** @type {number} */ bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const ms = (/** @type {number} */ value) => `${value.toFixed(1)} ms`;
  for (const one of results) {
    const p50 = quantile(one.effectMs, 0.5);
    const p99 = quantile(one.effectMs, 0.99);
    const largest = Math.max(...one.bytes);
    const back = Math.min(...one.rssDeleted.map(({ bytes }) => bytes));
    printRows(`${one.routes} routes over ${one.hosts} hosts, ${one.effectMs.length} edits`, [
      {
        figure: "file change to effect, p50",
        value: ms(p50),
        bar: `< ${bars.p50Ms} ms`,
        holds: p50 < bars.p50Ms,
      },
      {
        figure: "file change to effect, p99",
        value: ms(p99),
        bar: `< ${bars.p99Ms} ms`,
        holds: p99 < bars.p99Ms,
      },
      {
        figure: "bytes sent for a change (to the prover, too), most",
        value: largest.toLocaleString("en"),
        ...(one.routes >= bars.bytesAtRoutes
          ? { bar: `< ${bars.bytesPerChange.toLocaleString("en")}`, holds: largest < bars.bytesPerChange }
          : {}),
      },
      { figure: "all files to effect and ready", value: ms(one.loadMs) },
      { figure: "event-loop lag while loading, most", value: ms(one.lagOfLoad.maxMs) },
      { figure: "event-loop lag during an edit, median of p99", value: ms(one.lagOfEdits.p99Ms) },
      { figure: "event-loop lag during edits, most", value: ms(one.lagOfEdits.maxMs) },
      { figure: "RSS of the control plane, no routes", value: mib(one.rssStart) },
      {
        figure: "RSS with the routes",
        value: mib(one.rssLoaded),
        ...(one.routes === bars.rssAtRoutes
          ? { bar: `< ${bars.rssMiB} MiB`, holds: one.rssLoaded < bars.rssMiB * 2 ** 20 }
          : {}),
      },
      { figure: "RSS after the edits", value: mib(one.rssEdited) },
      ...one.rssDeleted.map(({ afterSeconds, bytes }) => ({
        figure: `RSS ${afterSeconds} s after all routes were deleted`,
        value: mib(bytes),
      })),
      {
        figure: "the least of these, against the start",
        value: (back / one.rssStart).toFixed(3),
        ...(one.routes === bars.rssAtRoutes
          ? { bar: `≤ ${bars.rssBack}`, holds: back / one.rssStart <= bars.rssBack }
          : {}),
      },
    ]);
  }
  const medians = results.map(({ effectMs }) => quantile(effectMs, 0.5));
  if (medians.length > 1)
    printRows("Growth", [
      {
        figure: `effect p50 at ${results.at(-1)?.routes} routes against ${results[0]?.routes}`,
        value: ((medians.at(-1) ?? Number.NaN) / (medians[0] ?? Number.NaN)).toFixed(2),
      },
    ]);
}
