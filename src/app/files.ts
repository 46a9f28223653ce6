import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The Envoy to run: `DIOLKOS_ENVOY`, else `envoy` on the PATH, else the checkout's own. Throws with a remedy. */
export function findEnvoy(): string {
  const named = process.env.DIOLKOS_ENVOY;
  if (named !== undefined && named !== "") {
    if (isExecutable(named)) return named;
    throw new Error(`DIOLKOS_ENVOY names ${named}, which cannot be run`);
  }
  const onPath = (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, "envoy"));
  const found = [...onPath, besideBundle("../.tools/envoy")].find(isExecutable);
  if (found === undefined)
    throw new Error("there is no Envoy: run make build, or set DIOLKOS_ENVOY to its path");
  return found;
}

/** The compiled module that runs inside the gateway. */
export function modulePath(): string {
  const path = besideBundle("../dist/diolkos.wasm");
  if (!existsSync(path)) throw new Error("the gateway's module is missing: run make build");
  return path;
}

/** A path from the bundle's folder; the sources' tests run one folder deeper. */
function besideBundle(path: string): string {
  const here = fileURLToPath(new URL(path, import.meta.url));
  return existsSync(here) ? here : fileURLToPath(new URL(`../${path}`, import.meta.url));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
