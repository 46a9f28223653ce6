// One writer at a time: `make` may run in several terminals of the same checkout.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { root } from "./root.mjs";

/** Runs `work` while holding `.tools/<name>.lock`. A lock whose holder has died is taken over. */
export async function withLock(name, work) {
  const lock = join(root, ".tools", `${name}.lock`);
  mkdirSync(join(root, ".tools"), { recursive: true });
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: "wx" });
      break;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
      if (!holderLives(lock)) rmSync(lock, { force: true });
      else await sleep(100);
    }
  }
  try {
    return await work();
  } finally {
    rmSync(lock, { force: true });
  }
}

function holderLives(lock) {
  let pid;
  try {
    pid = Number(readFileSync(lock, "utf8"));
  } catch {
    return true; // Released between our two looks: try again.
  }
  if (!pid) return true; // Created, its pid not yet written.
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}
