import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, mkdirSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";

import { fail, root } from "../scripts/root.mjs";

/** Debian's package for each program that is not ours. */
const packages = {
  wrk: "wrk",
  valgrind: "valgrind",
  callgrind_control: "valgrind",
  nginx: "nginx-core",
  haproxy: "haproxy",
  taskset: "util-linux",
};

/**
 * The path of a program, or undefined after saying what is missing and what is left out without it.
 * @param {keyof typeof packages} name
 * @param {string} without what the user does not get
 */
export function optionalTool(name, without) {
  const path = onPath(name);
  if (path === undefined)
    console.error(`SKIPPED: ${without}: there is no ${name} (Debian: apt-get install ${packages[name]}).`);
  return path;
}

/** @param {keyof typeof packages} name */
export function requiredTool(name) {
  return onPath(name) ?? fail(`The bench needs ${name} (Debian: apt-get install ${packages[name]}).`);
}

/** The Envoy that the product uses. */
export function findEnvoy() {
  const found = spawnSync(process.execPath, [join(root, "scripts", "install-envoy.mjs")], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const path = process.env.DIOLKOS_ENVOY ?? join(root, ".tools", "envoy");
  if (found.status !== 0 || !isExecutable(path)) fail("There is no Envoy: run `make install`.");
  return resolve(path);
}

/** The open-loop load generator, built by Go from the hash-pinned module in bench/vegeta when it is not there yet. */
export function findVegeta() {
  const built = join(root, ".tools", "bin", "vegeta");
  const path = onPath("vegeta") ?? (existsSync(built) ? built : undefined);
  if (path !== undefined) return path;
  const go = onPath("go") ?? onPath("/usr/local/go/bin/go");
  if (go === undefined) fail("The bench needs vegeta, or Go to build it.");
  console.error("Building vegeta…");
  mkdirSync(join(root, ".tools", "bin"), { recursive: true });
  const build = spawnSync(go, ["build", "-o", built, "github.com/tsenart/vegeta/v12"], {
    cwd: join(root, "bench", "vegeta"),
    stdio: "inherit",
  });
  if (build.status !== 0) fail("vegeta could not be built.");
  return built;
}

/** @param {string} name */
function onPath(name) {
  // Debian's servers are in sbin, which is not on every PATH.
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin"];
  return folders
    .filter((folder) => folder !== "")
    .map((folder) => resolve(folder, name))
    .find(isExecutable);
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
