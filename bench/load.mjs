import { execFile } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";

import { otherCore, temporaryFolder } from "./processes.mjs";

const run = promisify(execFile);

/**
 * @typedef {object} Target
 * @property {number} port
 * @property {readonly string[]} paths requested in turn
 * @property {Readonly<Record<string, string>>} headers with Host
 */

/**
 * Open-loop load: requests leave at a fixed rate whether or not earlier ones were answered.
 * @param {string} vegeta
 * @param {Target} target
 * @param {{ rate: number, seconds: number }} load
 * @returns {Promise<{ requests: number, failed: number, p50Ms: number, p99Ms: number, answers: string }>}
 */
export async function openLoop(vegeta, target, { rate, seconds }) {
  const folder = temporaryFolder("load");
  const targets = join(folder, "targets.jsonl");
  const header = Object.fromEntries(Object.entries(target.headers).map(([name, value]) => [name, [value]]));
  writeFileSync(
    targets,
    target.paths
      .map(
        (path) =>
          `${JSON.stringify({ method: "GET", url: `http://127.0.0.1:${target.port}${path}`, header })}\n`,
      )
      .join(""),
  );
  const results = join(folder, "results.bin");
  const options = [
    "-rate",
    `${rate}/s`,
    "-duration",
    `${seconds}s`,
    "-connections",
    "64",
    "-max-workers",
    "256",
  ];
  await run("taskset", [
    ...["-c", String(otherCore), vegeta, "attack", "-format", "json"],
    ...["-targets", targets, "-output", results, ...options],
  ]);
  const { stdout } = await run(vegeta, ["report", "-type", "json", results]);
  rmSync(folder, { recursive: true });
  const report = JSON.parse(stdout);
  return {
    requests: report.requests,
    failed: report.requests - (report.status_codes["200"] ?? 0),
    p50Ms: report.latencies["50th"] / 1e6,
    p99Ms: report.latencies["99th"] / 1e6,
    answers: `${JSON.stringify(report.status_codes)} ${report.errors?.slice(0, 3) ?? ""}`,
  };
}

/**
 * Closed-loop load that keeps the proxy's core busy: 32 connections, each with one request under way.
 * @param {string} wrk
 * @param {Target} target
 * @param {{ seconds: number }} load
 * @returns {Promise<{ requests: number, failed: number }>}
 */
export async function saturate(wrk, target, { seconds }) {
  const headers = Object.entries(target.headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]);
  const url = `http://127.0.0.1:${target.port}${target.paths[0]}`;
  const { stdout } = await run("taskset", [
    ...["-c", String(otherCore), wrk, "-t", "1", "-c", "32", "-d", `${seconds}s`, ...headers, url],
  ]);
  const failed = Number(/Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1] ?? 0);
  const broken = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(stdout);
  const errors = (broken ?? []).slice(1).reduce((sum, one) => sum + Number(one), 0);
  return { requests: Number(/(\d+) requests in/.exec(stdout)?.[1]), failed: failed + errors };
}

/**
 * One request at a time on one connection: the same work each time, so that instructions can be compared.
 * @param {Target} target
 * @param {number} count
 * @returns {Promise<number>} how many were not answered 200
 */
export function oneByOne(target, count) {
  const fields = Object.entries(target.headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return new Promise((resolve, reject) => {
    const socket = connect(target.port, "127.0.0.1");
    socket.setNoDelay(true);
    let sent = 0;
    let failed = 0;
    let text = "";
    const next = () => {
      socket.write(`GET ${target.paths[sent % target.paths.length]} HTTP/1.1\r\n${fields.join("")}\r\n`);
      sent++;
    };
    socket.once("connect", next);
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("the proxy closed the connection")));
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      const end = text.indexOf("\r\n\r\n");
      if (end < 0) return;
      const length = Number(/^content-length: (\d+)/im.exec(text.slice(0, end))?.[1] ?? 0);
      if (text.length < end + 4 + length) return;
      if (!text.startsWith("HTTP/1.1 200 ")) failed++;
      text = "";
      if (sent < count) return next();
      socket.removeAllListeners("close");
      socket.end();
      resolve(failed);
    });
  });
}

/**
 * A single request, answered in full.
 * @param {Target} target
 * @returns {Promise<{ status: number, headers: import("node:http").IncomingHttpHeaders, body: string }>}
 */
export function ask({ port, paths, headers }) {
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, path: paths[0], headers, agent: false }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (chunk) => {
        body += chunk;
      });
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      );
      response.on("error", reject);
    });
    sent.setTimeout(10_000, () => sent.destroy(new Error("no answer within 10 s")));
    sent.on("error", reject).end();
  });
}
