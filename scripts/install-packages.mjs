// Runs `npm ci` when package-lock.json is not the one that was installed last.
// Uses Node's own modules only: nothing is installed yet when this runs.
import { spawnSync } from "node:child_process";
import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { withLock } from "./lock.mjs";
import { fail, root } from "./root.mjs";

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  fail(`Diolkos needs Node 20.19 or newer; this is ${process.versions.node}.`);
}

const wanted = join(root, "package-lock.json");
const installed = join(root, "node_modules", ".installed-lock.json");

if (!isCurrent()) {
  await withLock("npm", () => {
    if (isCurrent()) return; // Another terminal did it while we waited.
    const { status, error } = spawnSync("npm", ["ci", "--no-audit", "--no-fund"], {
      cwd: root,
      stdio: "inherit",
    });
    if (error) fail(`npm could not be started (${error.message}). It comes with Node: is it on the PATH?`);
    if (status !== 0) process.exitCode = status ?? 1;
    else copyFileSync(wanted, installed);
  });
}

function isCurrent() {
  try {
    return readFileSync(wanted).equals(readFileSync(installed));
  } catch {
    return false;
  }
}
