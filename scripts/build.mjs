// Bundles the command line into dist/diolkos.js, and builds the Wasm module. Skips what is up to date.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { build } from "esbuild";

import { withLock } from "./lock.mjs";
import { root } from "./root.mjs";

const entry = "src/cli/main.ts";
const output = join(root, "dist", "diolkos.js");
const record = join(root, "dist", ".diolkos.inputs.json");

// Packages in CommonJS expect these three, which an ES module does not have.
const banner = [
  'import { createRequire as __createRequire } from "node:module";',
  'import { fileURLToPath as __fileURLToPath } from "node:url";',
  "const require = __createRequire(import.meta.url);",
  "const __filename = __fileURLToPath(import.meta.url);",
  'const __dirname = __fileURLToPath(new URL(".", import.meta.url));',
].join("\n");

await withLock("build", async () => {
  if (!existsSync(join(root, entry)))
    console.error(`${entry} does not exist yet: there is no command line to bundle.`);
  else if (!isCurrent()) await bundle();
});

const dataplane = spawnSync(process.execPath, [join(root, "scripts", "build-dataplane.mjs")], {
  stdio: "inherit",
});
if (dataplane.status !== 0) process.exit(dataplane.status ?? 1);

async function bundle() {
  const fresh = join(root, "dist", ".new");
  const result = await build({
    absWorkingDir: root,
    entryPoints: { diolkos: entry },
    outdir: fresh,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    sourcemap: true,
    metafile: true,
    banner: { js: banner },
    legalComments: "linked",
    // Optional parts of packages, absent on purpose.
    external: ["pg-native"],
    logLevel: "warning",
  }).catch(() => process.exit(1)); // esbuild has printed why.
  mkdirSync(join(root, "dist"), { recursive: true });
  for (const path of Object.keys(result.metafile.outputs)) {
    renameSync(join(root, path), join(root, "dist", path.split("/").at(-1)));
  }
  rmSync(fresh, { recursive: true, force: true });
  writeFileSync(record, JSON.stringify(Object.keys(result.metafile.inputs)));
}

/** True when no file that went into the bundle is newer than it. */
function isCurrent() {
  try {
    const built = statSync(output).mtimeMs;
    const inputs = [...JSON.parse(readFileSync(record, "utf8")), "package-lock.json", "scripts/build.mjs"];
    return inputs.every((path) => statSync(resolve(root, path)).mtimeMs <= built);
  } catch {
    return false; // Never built, or an input was deleted.
  }
}
