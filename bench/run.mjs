// `make bench`: what the product costs. See README.md for how it is measured.
import { parseArgs } from "node:util";

import { benchControlPlane } from "./control-plane.mjs";
import { benchDataPlane } from "./data-plane.mjs";
import { benchMatching } from "./matching.mjs";
import { stopAll } from "./processes.mjs";

const usage = `Usage: node bench/run.mjs [data-plane] [control-plane] [matching] [--smoke] [--routes N,…]

  data-plane     CPU and instructions per request against a lean hand-written Envoy, nginx and HAProxy
  control-plane  from file change to effect on a live Envoy at 10, 1,000 and 5,000 routes; bytes, memory, event loop
  matching       5,000 paths on one host against 10
  --smoke        a short run that shows that everything works; its figures mean nothing
  --routes       other sizes for control-plane

Without a name, all three. Results: tables here, every figure in bench/results/.`;

/** @type {Record<string, (options: { smoke: boolean, routes: readonly number[] | undefined }) => Promise<void>>} */
const benches = { "data-plane": benchDataPlane, "control-plane": benchControlPlane, matching: benchMatching };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { smoke: { type: "boolean" }, routes: { type: "string" }, help: { type: "boolean", short: "h" } },
});
const unknown = positionals.filter((name) => !(name in benches));
if (values.help || unknown.length > 0) {
  console.log(usage);
  process.exit(unknown.length > 0 ? 1 : 0);
}
let failed = false;
for (const name of positionals.length > 0 ? positionals : Object.keys(benches)) {
  console.log(`\n=== ${name} ===`);
  try {
    await benches[name]?.({ smoke: values.smoke ?? false, routes: values.routes?.split(",").map(Number) });
  } catch (error) {
    console.error(error);
    failed = true;
    await stopAll();
  }
}
process.exit(failed ? 1 : 0);
