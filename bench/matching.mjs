import { join } from "node:path";

import { root } from "../scripts/root.mjs";
import { startBackend } from "./backend.mjs";
import { callgrindFolder, instructionsPerRequest } from "./callgrind.mjs";
import { startDiolkos } from "./diolkos.mjs";
import { openLoop } from "./load.mjs";
import { ingress, service, writeManifest } from "./manifests.mjs";
import { cpuNanoseconds, freePorts } from "./processes.mjs";
import { formatSpread, median, printRows, save, spread } from "./report.mjs";
import { findEnvoy, findVegeta, optionalTool, requiredTool } from "./tools.mjs";

const bar = 1.1;
const requestsPerSecond = 1500;
const hosts = [
  { name: "small.example", routes: 10 },
  { name: "large.example", routes: 5000 },
];

/**
 * What it costs to find a route among 5,000 paths of one host, against 10. Requests go to paths all over the table.
 * @param {{ smoke: boolean }} options
 */
export async function benchMatching({ smoke }) {
  requiredTool("taskset");
  const envoy = findEnvoy();
  const vegeta = findVegeta();
  const valgrind = optionalTool("valgrind", "instructions per request");
  const [backendPort = 0] = await freePorts(1);
  const backend = await startBackend(
    optionalTool("nginx", "nginx as the backend (Node stands in)"),
    backendPort,
  );
  const fill = (/** @type {string} */ manifests) =>
    writeManifest(join(manifests, "bench.yaml"), [
      ...service("backend", backendPort),
      ...hosts.map(({ name, routes }) =>
        ingress(name.split(".")[0] ?? "", { host: name, paths: allPaths(routes), backend: "backend" }),
      ),
    ]);
  const diolkos = await startDiolkos(fill);
  const gateway = diolkos.gatewayPid();
  /** @type {Record<string, number[]>} */
  const cpu = Object.fromEntries(hosts.map(({ name }) => [name, []]));
  for (let round = -1; round < (smoke ? 2 : 9); round++) {
    for (const { name, routes } of round % 2 === 0 ? hosts : [...hosts].reverse()) {
      const before = cpuNanoseconds(gateway);
      const load = { rate: requestsPerSecond, seconds: smoke ? 1 : 4 };
      const { requests, failed } = await openLoop(vegeta, targetOf(diolkos.port, name, routes), load);
      if (failed > 0) throw new Error(`${name}: ${failed} of ${requests} requests failed`);
      if (round >= 0) cpu[name]?.push((cpuNanoseconds(gateway) - before) / requests);
    }
  }
  await diolkos.stop();
  const instructions = valgrind === undefined ? undefined : await countInstructions(envoy, fill, smoke);
  await backend.stop();
  report(cpu, instructions);
  save("matching", { smoke, requestsPerSecond, cpu, instructions });
}

/** Three levels, as APIs have: `/api/v3/resource-17`. @param {number} routes */
function allPaths(routes) {
  return Array.from({ length: routes }, (_, at) => `/api/v${at % 5}/resource-${at}`);
}

/** Up to 500 paths, evenly from the whole table. @param {number} port @param {string} host @param {number} routes */
function targetOf(port, host, routes) {
  const step = Math.max(1, routes / 500);
  const paths = allPaths(routes);
  const chosen = Array.from(
    { length: Math.min(500, routes) },
    (_, at) => `${paths[Math.floor(at * step)]}/x`,
  );
  return { port, paths: chosen, headers: { Host: host } };
}

/** @param {string} envoy @param {(manifests: string) => void} fill @param {boolean} smoke */
async function countInstructions(envoy, fill, smoke) {
  const folder = callgrindFolder();
  const diolkos = await startDiolkos(fill, {
    envoy: join(root, "bench", "valgrind-gateway.sh"),
    env: { BENCH_ENVOY: envoy, BENCH_CALLGRIND_FOLDER: folder },
    readyWithinMs: 180_000,
  });
  /** @type {Record<string, number>} */
  const found = {};
  for (const { name, routes } of hosts) {
    const target = targetOf(diolkos.port, name, routes);
    const counts = smoke ? { warm: 500, count: 500 } : { warm: 1000, count: 2000 };
    const { instructions } = await instructionsPerRequest({
      pid: diolkos.gatewayPid(),
      folder,
      target,
      ...counts,
    });
    found[name] = instructions;
  }
  await diolkos.stop();
  return found;
}

/** @param {Record<string, number[]>} cpu @param {Record<string, number> | undefined} instructions */
function report(cpu, instructions) {
  const [small, large] = hosts.map(({ name }) => cpu[name] ?? []);
  const ratio = spread((large ?? []).map((one, round) => one / (small?.[round] ?? Number.NaN)));
  const rows = hosts.map(({ name, routes }) => ({
    figure: `${routes} paths on one host`,
    value: `${(median(cpu[name] ?? []) / 1000).toFixed(1)} µs${
      instructions?.[name] === undefined
        ? ""
        : `, ${Math.round(instructions[name]).toLocaleString("en")} instructions`
    }`,
  }));
  const counted =
    (instructions?.["large.example"] ?? Number.NaN) / (instructions?.["small.example"] ?? Number.NaN);
  const holds = ratio.middle <= bar ? true : ratio.low <= bar ? undefined : false;
  printRows("Finding a route", [
    ...rows,
    {
      figure: "CPU, 5,000 paths / 10 paths",
      value: formatSpread(ratio),
      bar: `≤ ${bar}`,
      ...(holds === undefined ? {} : { holds }),
    },
    ...(instructions === undefined
      ? []
      : [
          {
            figure: "instructions, 5,000 paths / 10 paths",
            value: counted.toFixed(3),
            bar: `≤ ${bar}`,
            holds: counted <= bar,
          },
        ]),
  ]);
}
