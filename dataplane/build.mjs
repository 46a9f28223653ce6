// Compiles dataplane/assembly (AssemblyScript) to dist/diolkos.wasm, the module that runs inside Envoy.
import { mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import asc from "assemblyscript/asc";

const root = join(import.meta.dirname, "..");
const output = join(root, "dist", "diolkos.wasm");
const staging = `${output}.${process.pid}`;

mkdirSync(join(root, "dist"), { recursive: true });
const { error } = await asc.main(
  [
    join(import.meta.dirname, "assembly", "index.ts"),
    ...["--outFile", staging],
    "-O3",
    // A real allocator with free; nothing managed is ever allocated, so no collector runs.
    ...["--runtime", "minimal"],
    // No messages in traps, so no import of abort.
    ...["--noAssert", "--use", "abort="],
    // What Envoy calls before anything else.
    ...["--exportStart", "_initialize"],
    ...["--enable", "simd"],
  ],
  { stdout: process.stdout, stderr: process.stderr },
);
if (error) {
  rmSync(staging, { force: true });
  process.exitCode = 1;
} else {
  // In one step: a running Envoy may read the file at any moment.
  renameSync(staging, output);
}
