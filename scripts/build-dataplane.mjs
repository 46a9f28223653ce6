// Compiles dataplane/ (AssemblyScript) to dist/diolkos.wasm by its own build script, when something changed.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

import { withLock } from "./lock.mjs";
import { root } from "./root.mjs";

const folder = join(root, "dataplane");
const script = join(folder, "build.mjs");
const output = join(root, "dist", "diolkos.wasm");

if (existsSync(script)) {
  await withLock("dataplane", () => {
    if (isCurrent()) return;
    const { status } = spawnSync(process.execPath, [script], { cwd: root, stdio: "inherit" });
    process.exitCode = status ?? 1;
  });
}

function isCurrent() {
  if (!existsSync(output)) return false;
  const built = statSync(output).mtimeMs;
  return [folder, ...readdirSync(folder, { recursive: true }).map((path) => join(folder, path))]
    .filter((path) => !path.includes("node_modules") && !path.endsWith(".test.ts"))
    .every((path) => statSync(path).isDirectory() || statSync(path).mtimeMs <= built);
}
