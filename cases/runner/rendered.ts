import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { parse } from "yaml";
import { root } from "./case-folder.ts";

type Resources = Readonly<Record<string, readonly unknown[]>>;

const run = promisify(execFile);
let empty: Promise<Resources> | undefined;

/** The gateway's Envoy resources for these manifests, without those that a gateway has anyway. */
export async function renderFiles(files: ReadonlyMap<string, string>): Promise<Resources> {
  empty ??= render(new Map());
  const [without, all] = await Promise.all([empty, render(files)]);
  const own = Object.entries(all).map(([type, resources]) => {
    const known = new Set(without[type]?.map((one) => JSON.stringify(one)));
    return [type, resources.filter((one) => !known.has(JSON.stringify(one)))] as const;
  });
  return Object.fromEntries(own.filter(([, resources]) => resources.length > 0));
}

async function render(files: ReadonlyMap<string, string>): Promise<Resources> {
  const folder = mkdtempSync(join(tmpdir(), "diolkos-render-"));
  try {
    mkdirSync(join(folder, "manifests"));
    for (const [name, text] of files) writeFileSync(join(folder, "manifests", name), text);
    const { stdout } = await run(
      join(root, "bin", "diolkos"),
      ["render", join(folder, "manifests"), "-o", "yaml"],
      { maxBuffer: 2 ** 26 },
    );
    return (parse(stdout) as Readonly<Record<string, Resources>>).gateway ?? {};
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
