import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { root } from "../scripts/root.mjs";
import { startBackend, startEcho } from "./backend.mjs";
import { callgrindCommand, callgrindFolder, instructionsPerRequest } from "./callgrind.mjs";
import { startDiolkos } from "./diolkos.mjs";
import { ask, openLoop, saturate } from "./load.mjs";
import { consumer, ingress, kongPlugin, service, writeManifest } from "./manifests.mjs";
import { startHaproxy, startLeanEnvoy, startNginx } from "./peers.mjs";
import { cpuNanoseconds, freePorts } from "./processes.mjs";
import { formatSpread, median, printRows, printTable, save, spread } from "./report.mjs";
import { findEnvoy, findVegeta, optionalTool, requiredTool } from "./tools.mjs";

const bar = 1.03;
const stepBar = 1.12;
const requestsPerSecond = 1500;

const consumers = Array.from({ length: 10 }, (_, at) => ({ name: `user-${at}`, key: `kong-secret-${at}` }));
const key = "kong-secret-3";

/** What is measured: the same on the product (by host) and on a hand-written Envoy (by file). */
const scenarios = [
  { name: "plain route", host: "plain.example", lean: "lean-plain.yaml", plugins: undefined },
  { name: "route + key-auth", host: "key.example", lean: "lean-key-auth.yaml", plugins: "key" },
  {
    name: "route + key-auth + rate limit",
    host: "limit.example",
    lean: "lean-rate-limit.yaml",
    plugins: "key,limit",
  },
];

/** @typedef {{ name: string, target: import("./load.mjs").Target, pid: () => number }} Subject */
/** @typedef {{ nanoseconds: number, p50Ms: number, p99Ms: number }} Window */

/**
 * What a request costs in the gateway that the product configures, against the leanest hand-written Envoy that does
 * the same, against nginx and HAProxy, and what each plugin adds.
 * @param {{ smoke: boolean }} options
 */
export async function benchDataPlane({ smoke }) {
  requiredTool("taskset");
  const envoy = findEnvoy();
  const tools = {
    vegeta: findVegeta(),
    wrk: optionalTool("wrk", "CPU per request at saturation"),
    valgrind: optionalTool("valgrind", "instructions per request"),
    nginx: optionalTool("nginx", "comparison with nginx"),
    haproxy: optionalTool("haproxy", "comparison with HAProxy"),
  };
  const [backendPort = 0] = await freePorts(1);
  const cpu = await measureCpu(envoy, tools, backendPort, smoke);
  const instructions =
    tools.valgrind === undefined
      ? undefined
      : await countInstructions(envoy, tools.nginx, backendPort, smoke);
  report(cpu, instructions);
  save("data-plane", { smoke, requestsPerSecond, cpu, instructions });
}

/** @param {string} manifests @param {number} backendPort */
function fill(manifests, backendPort) {
  writeManifest(join(manifests, "bench.yaml"), [
    ...service("backend", backendPort),
    kongPlugin("key", "key-auth", { key_names: ["apikey"] }),
    // Never reached: a refused request is cheaper.
    kongPlugin("limit", "rate-limiting", { minute: 1_000_000_000, policy: "local", limit_by: "consumer" }),
    ...consumers.flatMap((one) => consumer(one.name, one.key)),
    ...scenarios.map(({ host, plugins }) =>
      ingress(host.split(".")[0] ?? "", {
        host,
        paths: ["/"],
        backend: "backend",
        ...(plugins === undefined ? {} : { plugins }),
      }),
    ),
  ]);
}

/** Every request carries the key, so that carrying it is not charged to the plugin. @param {number} port @param {string} host */
const targetOf = (port, host) => ({ port, paths: ["/bench/path"], headers: { Host: host, apikey: key } });

/**
 * @param {string} envoy
 * @param {{ vegeta: string, wrk?: string | undefined, nginx?: string | undefined, haproxy?: string | undefined }} tools
 * @param {number} backendPort @param {boolean} smoke
 */
async function measureCpu(envoy, tools, backendPort, smoke) {
  const diolkos = await startDiolkos((manifests) => fill(manifests, backendPort));
  const gateway = diolkos.gatewayPid();
  const problems = await diolkos.problems();
  if (problems.length > 0) console.error("The product reports problems:", problems);
  /** @type {{ stop: () => Promise<void> }[]} */
  const started = [diolkos];
  /** @type {Subject[]} */
  const subjects = [];
  for (const { name, host, lean } of scenarios) {
    const peer = await startLeanEnvoy(envoy, lean, { backend: backendPort, consumers });
    started.push(peer);
    subjects.push({ name: `diolkos, ${name}`, target: targetOf(diolkos.port, host), pid: () => gateway });
    subjects.push({ name: `lean Envoy, ${name}`, target: targetOf(peer.port, host), pid: () => peer.pid });
  }
  await compareAnswers(subjects, backendPort);
  const others = [
    // The same once more: how far two equal subjects differ is how far the figures can be trusted.
    {
      name: "lean Envoy again",
      start: () => startLeanEnvoy(envoy, "lean-plain.yaml", { backend: backendPort, consumers }),
    },
    ...(tools.nginx === undefined
      ? []
      : [{ name: "nginx", start: () => startNginx(tools.nginx ?? "", backendPort) }]),
    ...(tools.haproxy === undefined
      ? []
      : [{ name: "HAProxy", start: () => startHaproxy(tools.haproxy ?? "", backendPort) }]),
  ];
  for (const other of others) {
    const peer = await other.start();
    started.push(peer);
    subjects.push({
      name: `${other.name}, plain route`,
      target: targetOf(peer.port, "plain.example"),
      pid: () => peer.pid,
    });
  }
  started.push(await startBackend(tools.nginx, backendPort));
  const rounds = smoke ? 2 : 9;
  const seconds = smoke ? 1 : 4;
  const open = await inRounds(subjects, rounds, async (subject) => {
    const result = await openLoop(tools.vegeta, subject.target, { rate: requestsPerSecond, seconds });
    if (result.failed > 0) console.error(`${subject.name}: ${result.answers}`);
    return result;
  });
  const { wrk } = tools;
  const saturated =
    wrk === undefined
      ? undefined
      : await inRounds(subjects, smoke ? 2 : 7, (subject) =>
          saturate(wrk, subject.target, { seconds: smoke ? 1 : 2 }).then((one) => ({
            ...one,
            p50Ms: 0,
            p99Ms: 0,
          })),
        );
  for (const one of started.reverse()) await one.stop();
  return { open, saturated };
}

/**
 * Measures all subjects one after the other, in each round; every second round backwards, so that whatever drifts
 * meets all alike.
 * @param {readonly Subject[]} subjects @param {number} rounds
 * @param {(subject: Subject) => Promise<{ requests: number, failed: number, p50Ms: number, p99Ms: number }>} load
 * @returns {Promise<Record<string, Window[]>>} by subject, one window a round
 */
async function inRounds(subjects, rounds, load) {
  /** @type {Record<string, Window[]>} */
  const windows = Object.fromEntries(subjects.map(({ name }) => [name, []]));
  // The first load warms connections and code, and is not counted.
  for (let round = -1; round < rounds; round++) {
    for (const subject of round % 2 === 0 ? subjects : [...subjects].reverse()) {
      await sleep(100);
      const before = cpuNanoseconds(subject.pid());
      const { requests, failed, p50Ms, p99Ms } = await load(subject);
      const nanoseconds = (cpuNanoseconds(subject.pid()) - before) / requests;
      if (failed > requests / 1000)
        throw new Error(`${subject.name}: ${failed} of ${requests} requests failed`);
      if (round >= 0) windows[subject.name]?.push({ nanoseconds, p50Ms, p99Ms });
    }
  }
  return windows;
}

/**
 * The subjects must do the same: what the upstream and the client get is compared and differences are printed.
 * @param {readonly Subject[]} subjects pairs of product and peer
 * @param {number} backendPort
 */
async function compareAnswers(subjects, backendPort) {
  const echo = await startEcho(backendPort);
  const see = async (/** @type {Subject} */ subject) => {
    const answer = await ask(subject.target);
    if (answer.status !== 200) throw new Error(`${subject.name} answers ${answer.status}: ${answer.body}`);
    const upstream = Object.keys(JSON.parse(answer.body).headers).sort();
    const { apikey: _, ...keyless } = subject.target.headers;
    const refused = await ask({ ...subject.target, headers: keyless });
    return { upstream, client: Object.keys(answer.headers).sort(), withoutKey: refused.status };
  };
  for (let at = 0; at < subjects.length; at += 2) {
    const [ours, peer] = [subjects[at], subjects[at + 1]];
    if (ours === undefined || peer === undefined) break;
    const [mine, theirs] = [await see(ours), await see(peer)];
    if (mine.withoutKey !== theirs.withoutKey)
      throw new Error(
        `without a key, ${ours.name} answers ${mine.withoutKey}, the peer ${theirs.withoutKey}`,
      );
    for (const side of /** @type {const} */ (["upstream", "client"])) {
      const more = mine[side].filter((name) => !theirs[side].includes(name));
      const less = theirs[side].filter((name) => !mine[side].includes(name));
      if (more.length + less.length > 0)
        console.log(
          `${ours.name}: the ${side} also gets [${more}], and not [${less}] as from the lean Envoy.`,
        );
    }
  }
  await echo.stop();
}

/** @param {string} envoy @param {string | undefined} nginx @param {number} backendPort @param {boolean} smoke */
async function countInstructions(envoy, nginx, backendPort, smoke) {
  const backend = await startBackend(nginx, backendPort);
  const counts = smoke ? { warm: 300, count: 300 } : { warm: 2000, count: 1000 };
  /** @type {Record<string, { instructions: number, runs: number[] }>} */
  const found = {};
  for (const { name, host, lean } of scenarios) {
    const folder = callgrindFolder();
    const peer = await startLeanEnvoy(envoy, lean, {
      backend: backendPort,
      consumers,
      before: callgrindCommand(folder),
    });
    const target = targetOf(peer.port, host);
    found[`lean Envoy, ${name}`] = await instructionsPerRequest({ pid: peer.pid, folder, target, ...counts });
    await peer.stop("SIGKILL");
  }
  const folder = callgrindFolder();
  const diolkos = await startDiolkos((manifests) => fill(manifests, backendPort), {
    envoy: join(root, "bench", "valgrind-gateway.sh"),
    env: { BENCH_ENVOY: envoy, BENCH_CALLGRIND_FOLDER: folder },
    readyWithinMs: 180_000,
  });
  for (const { name, host } of scenarios) {
    const target = targetOf(diolkos.port, host);
    found[`diolkos, ${name}`] = await instructionsPerRequest({
      pid: diolkos.gatewayPid(),
      folder,
      target,
      ...counts,
    });
  }
  await diolkos.stop();
  await backend.stop();
  return found;
}

/**
 * @param {Awaited<ReturnType<typeof measureCpu>>} cpu
 * @param {Awaited<ReturnType<typeof countInstructions>> | undefined} instructions
 */
function report({ open, saturated }, instructions) {
  const microseconds = (/** @type {Window[] | undefined} */ windows) =>
    windows === undefined ? "–" : (median(windows.map((one) => one.nanoseconds)) / 1000).toFixed(1);
  const latency = (/** @type {Window[] | undefined} */ windows, /** @type {"p50Ms" | "p99Ms"} */ which) =>
    windows === undefined ? "–" : median(windows.map((one) => one[which])).toFixed(2);
  console.log(
    `\nCPU of the proxy per request (µs, median), and latency at ${requestsPerSecond}/s (ms, median of rounds)`,
  );
  printTable(
    ["", `CPU at ${requestsPerSecond}/s`, "CPU saturated", "instructions", "p50", "p99"],
    Object.keys(open).map((name) => [
      name,
      microseconds(open[name]),
      microseconds(saturated?.[name]),
      instructions?.[name] === undefined
        ? "–"
        : Math.round(instructions[name].instructions).toLocaleString("en"),
      latency(open[name], "p50Ms"),
      latency(open[name], "p99Ms"),
    ]),
  );
  const rows = scenarios.flatMap(({ name }) => [
    ...(instructions === undefined
      ? []
      : [
          instructionRow(
            `${name}: instructions, diolkos / lean Envoy`,
            instructions,
            `diolkos, ${name}`,
            `lean Envoy, ${name}`,
            bar,
          ),
        ]),
    cpuRow(`${name}: CPU, diolkos / lean Envoy`, open, `diolkos, ${name}`, `lean Envoy, ${name}`, bar),
    ...(saturated === undefined
      ? []
      : [
          cpuRow(
            `${name}: CPU saturated, diolkos / lean Envoy`,
            saturated,
            `diolkos, ${name}`,
            `lean Envoy, ${name}`,
            bar,
          ),
        ]),
  ]);
  const plain = "diolkos, plain route";
  for (const { name } of scenarios.slice(1)) {
    const step = `diolkos, ${name}`;
    if (instructions !== undefined)
      rows.push(
        instructionRow(`${name}: instructions, against the plain route`, instructions, step, plain, stepBar),
      );
    rows.push(cpuRow(`${name}: CPU, against the plain route`, open, step, plain, stepBar));
    if (saturated !== undefined)
      rows.push(cpuRow(`${name}: CPU saturated, against the plain route`, saturated, step, plain, stepBar));
  }
  rows.push(
    cpuRow(
      "noise: CPU, lean Envoy / the same again",
      open,
      "lean Envoy, plain route",
      "lean Envoy again, plain route",
    ),
  );
  printRows("Bars (ratios within one run; median [95 % interval] over the rounds)", rows);
}

/**
 * @param {string} figure @param {Record<string, { instructions: number }>} found @param {string} subject
 * @param {string} against @param {number} limit
 * @returns {import("./report.mjs").Row}
 */
function instructionRow(figure, found, subject, against, limit) {
  const ratio = (found[subject]?.instructions ?? Number.NaN) / (found[against]?.instructions ?? Number.NaN);
  return { figure, value: ratio.toFixed(3), bar: `≤ ${limit}`, holds: ratio <= limit };
}

/**
 * @param {string} figure @param {Record<string, Window[]>} windows @param {string} subject @param {string} against
 * @param {number} [limit]
 * @returns {import("./report.mjs").Row}
 */
function cpuRow(figure, windows, subject, against, limit) {
  const other = windows[against] ?? [];
  const ratio = spread(
    (windows[subject] ?? []).map(
      ({ nanoseconds }, round) => nanoseconds / (other[round]?.nanoseconds ?? Number.NaN),
    ),
  );
  const value = formatSpread(ratio);
  if (limit === undefined) return { figure, value };
  // An interval around the bar decides nothing.
  const holds = ratio.middle <= limit ? true : ratio.low <= limit ? undefined : false;
  return { figure, value, bar: `≤ ${limit}`, ...(holds === undefined ? {} : { holds }) };
}
