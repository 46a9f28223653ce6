// Generates envoy-api/gen (types and descriptors of Envoy's v3 API) from .proto files, offline.
// Sources, the first that has a file wins: envoy-api/proto (ours: what is newer than, or missing from, the
// rest), then the protos that the npm package @grpc/grpc-js-xds carries.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative, sep } from "node:path";

import { withLock } from "./lock.mjs";
import { fail, root } from "./root.mjs";

const npmProtos = join(root, "node_modules", "@grpc", "grpc-js-xds", "deps");
const roots = [
  join(root, "envoy-api", "proto"),
  ...["envoy-api", "xds", "googleapis", "protoc-gen-validate"].map((folder) => join(npmProtos, folder)),
];
const gen = join(root, "envoy-api", "gen");
const stamp = join(gen, ".inputs");
const staging = join(root, ".tools", "envoy-protos");
const bin = join(root, "node_modules", ".bin");

/** What is generated; the files these import come along. The old v2 API stays out. */
const wanted = [/^envoy\/.*\/v3\//, /^(xds|udpa)\//, /^validate\/validate\.proto$/, /^google\/rpc\//];

if (!existsSync(npmProtos))
  fail("The .proto files are missing: run `make build`, which runs `npm ci` first.");

const available = findProtos();
const { chosen, dropped } = closure(available);
const inputs = fingerprint(chosen);

if (!isCurrent()) {
  await withLock("envoy-api", () => {
    if (!isCurrent()) generate();
  });
}

/** @returns {Map<string, string>} import path → file */
function findProtos() {
  const found = new Map();
  for (const folder of roots) {
    if (!existsSync(folder)) continue;
    for (const entry of readdirSync(folder, { recursive: true })) {
      const path = entry.split(sep).join("/");
      if (path.endsWith(".proto") && !found.has(path)) found.set(path, join(folder, entry));
    }
  }
  return found;
}

/** The wanted files with all that they import; a file with an import that nobody has is dropped, and so are its importers. */
function closure(files) {
  const complete = new Map();
  const dropped = new Map();
  const imports = (path) =>
    [...readFileSync(files.get(path), "utf8").matchAll(/^\s*import\s+(?:public\s+|weak\s+)?"([^"]+)"/gm)].map(
      (m) => m[1],
    );
  const isComplete = (path) => {
    if (path.startsWith("google/protobuf/")) return true; // Inside buf and inside @bufbuild/protobuf.
    if (!files.has(path)) return false;
    if (!complete.has(path)) {
      complete.set(path, true); // Protos have no import cycles; this only ends the recursion.
      const missing = imports(path).filter((imported) => !isComplete(imported));
      if (missing.length > 0) {
        complete.set(path, false);
        dropped.set(path, missing);
      }
    }
    return complete.get(path);
  };
  for (const path of [...files.keys()].sort())
    if (wanted.some((pattern) => pattern.test(path))) isComplete(path);
  return {
    chosen: [...complete]
      .filter(([, ok]) => ok)
      .map(([path]) => path)
      .sort(),
    dropped,
  };
}

function fingerprint(paths) {
  const hash = createHash("sha256");
  hash.update(readFileSync(join(root, "scripts", "generate-envoy-api.mjs")));
  for (const tool of ["protoc-gen-es", "buf"]) {
    hash.update(
      JSON.parse(readFileSync(join(root, "node_modules", "@bufbuild", tool, "package.json"), "utf8")).version,
    );
  }
  for (const path of paths)
    hash
      .update(path)
      .update("\0")
      .update(readFileSync(available.get(path)));
  return hash.digest("hex");
}

function isCurrent() {
  return existsSync(stamp) && readFileSync(stamp, "utf8") === inputs;
}

/** The npm package's copy of validate.proto is older than the rules that its Envoy protos use. */
function addIgnoreEmpty(file) {
  const text = readFileSync(file, "utf8");
  if (text.includes("bool ignore_empty")) return;
  writeFileSync(
    file,
    text.replace("message StringRules {", "message StringRules {\n  optional bool ignore_empty = 26;"),
  );
}

function generate() {
  const began = Date.now();
  rmSync(staging, { recursive: true, force: true });
  for (const path of chosen) {
    const target = join(staging, path);
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(available.get(path), target);
    if (path === "validate/validate.proto") addIgnoreEmpty(target);
  }
  const fresh = `${gen}.new`;
  rmSync(fresh, { recursive: true, force: true });
  const template = {
    version: "v2",
    plugins: [
      {
        local: [
          process.execPath,
          join(root, "node_modules", "@bufbuild", "protoc-gen-es", "bin", "protoc-gen-es"),
        ],
        out: fresh,
        // One plugin process for all files: the default, one per folder, takes 8 minutes.
        strategy: "all",
        opt: ["target=js+dts", "import_extension=js"],
      },
    ],
  };
  const buf = spawnSync(join(bin, "buf"), ["generate", staging, "--template", JSON.stringify(template)], {
    cwd: root,
    encoding: "utf8",
  });
  if (buf.status !== 0)
    fail(`buf generate failed:\n${buf.error?.message ?? ""}${buf.stdout ?? ""}${buf.stderr ?? ""}`);
  writeFileSync(join(fresh, ".inputs"), inputs);
  rmSync(gen, { recursive: true, force: true });
  renameSync(fresh, gen);
  rmSync(staging, { recursive: true, force: true });
  console.error(
    `Generated ${relative(root, gen)} from ${chosen.length} protos in ${((Date.now() - began) / 1000).toFixed(1)} s.`,
  );
  for (const [path, missing] of dropped) console.error(`  left out: ${path} (imports ${missing.join(", ")})`);
}
