import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";

import { root } from "../scripts/root.mjs";

/**
 * One figure with what it is held against. `holds` undefined: there is no bar, or the figure cannot decide it.
 * @typedef {{ figure: string, value: string, bar?: string, holds?: boolean }} Row
 */

/** @param {readonly string[]} head @param {readonly (readonly string[])[]} rows */
export function printTable(head, rows) {
  const widths = head.map((name, at) => Math.max(name.length, ...rows.map((row) => (row[at] ?? "").length)));
  const line = (/** @type {readonly string[]} */ cells) =>
    cells
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join("  ");
  console.log(line(head));
  console.log(widths.map((width) => "-".repeat(width)).join("  "));
  for (const row of rows) console.log(line(row));
  console.log("");
}

/** @param {string} title @param {readonly Row[]} rows */
export function printRows(title, rows) {
  console.log(`\n${title}`);
  printTable(
    ["", "measured", "bar", ""],
    rows.map(({ figure, value, bar, holds }) => [
      figure,
      value,
      bar ?? "",
      bar === undefined ? "" : holds === undefined ? "unclear" : holds ? "ok" : "MISSED",
    ]),
  );
}

/** Keeps what was measured for later comparison. @param {string} name @param {object} content */
export function save(name, content) {
  const folder = join(root, "bench", "results");
  mkdirSync(folder, { recursive: true });
  const machine = {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    memoryBytes: totalmem(),
    node: process.version,
  };
  const path = join(folder, `${name}.json`);
  writeFileSync(
    path,
    `${JSON.stringify({ date: new Date().toISOString(), machine, ...content }, undefined, 2)}\n`,
  );
  console.log(`All figures: bench/results/${name}.json`);
}

/** @param {readonly number[]} values @param {number} share 0.5 for the median */
export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
}

/** @param {readonly number[]} values */
export const median = (values) => quantile(values, 0.5);

/**
 * A ratio measured several times: `1.013 [0.988–1.040]`, the median and its 95 % confidence interval by order
 * statistics (the whole range when there are fewer than 6).
 * @param {readonly number[]} ratios
 */
export function spread(ratios) {
  const sorted = [...ratios].sort((a, b) => a - b);
  const cut = medianRank(sorted.length);
  const low = sorted[cut] ?? Number.NaN;
  const high = sorted[sorted.length - 1 - cut] ?? Number.NaN;
  return { middle: median(ratios), low, high };
}

/** @param {{ middle: number, low: number, high: number }} ratio */
export function formatSpread({ middle, low, high }) {
  return `${middle.toFixed(3)} [${low.toFixed(3)}–${high.toFixed(3)}]`;
}

/** How many of the smallest (and largest) of n values the median exceeds with 97.5 % confidence. @param {number} n */
function medianRank(n) {
  let probability = 0.5 ** n;
  let sum = probability;
  let rank = 0;
  while (sum <= 0.025 && rank < n) {
    rank++;
    probability = (probability * (n - rank + 1)) / rank;
    sum += probability;
  }
  return Math.max(0, rank - 1);
}
