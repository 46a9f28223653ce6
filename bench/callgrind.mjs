import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { ask, oneByOne } from "./load.mjs";
import { temporaryFolder } from "./processes.mjs";

/** What comes before a command so that it runs in valgrind, silent until counting is switched on. @param {string} folder */
export function callgrindCommand(folder) {
  return [
    ...["valgrind", "--quiet", "--tool=callgrind", "--separate-threads=yes", "--instr-atstart=no"],
    `--callgrind-out-file=${join(folder, "callgrind.out")}`,
  ];
}

/** A folder for callgrind's output. */
export function callgrindFolder() {
  return temporaryFolder("callgrind");
}

/**
 * User-space instructions per request of the busiest thread, which is Envoy's only worker: other threads' timers do not
 * count. Neighbours on the machine do not change the figure; repetitions differ by about 0.1 %.
 * @param {{ pid: number, folder: string, target: import("./load.mjs").Target, warm?: number, count?: number }} options
 */
export async function instructionsPerRequest({ pid, folder, target, warm = 1000, count = 1000 }) {
  await untilAnswered(target);
  control("-i", "on", pid);
  let failed = await oneByOne(target, warm);
  const runs = [];
  for (let i = 0; i < 3; i++) {
    control("-z", undefined, pid);
    failed += await oneByOne(target, count);
    control("-d", undefined, pid);
    runs.push(busiestThread(folder) / count);
    for (const file of readdirSync(folder)) rmSync(join(folder, file));
  }
  control("-i", "off", pid);
  if (failed > 0) throw new Error(`${failed} requests were not answered 200 under callgrind`);
  runs.sort((a, b) => a - b);
  return { instructions: runs[1] ?? Number.NaN, runs };
}

/** In valgrind a start takes some seconds. @param {import("./load.mjs").Target} target */
async function untilAnswered(target) {
  for (let attempt = 0; attempt < 240; attempt++) {
    const status = await ask(target).then(
      (answer) => answer.status,
      () => 0,
    );
    if (status === 200) return;
    await sleep(500);
  }
  throw new Error("the proxy does not answer 200 in valgrind");
}

/** @param {string} flag @param {string | undefined} value @param {number} pid */
function control(flag, value, pid) {
  execFileSync("callgrind_control", [flag, ...(value === undefined ? [] : [value]), String(pid)], {
    stdio: ["ignore", "ignore", "inherit"],
  });
}

/** @param {string} folder */
function busiestThread(folder) {
  const counts = readdirSync(folder).map((file) =>
    Number(/^(?:summary|totals): (\d+)/m.exec(readFileSync(join(folder, file), "utf8"))?.[1] ?? 0),
  );
  if (counts.length === 0)
    throw new Error("callgrind has counted nothing: is it this Envoy that runs in it?");
  return Math.max(...counts);
}
