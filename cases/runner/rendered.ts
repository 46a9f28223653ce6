import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JsonValue } from "@bufbuild/protobuf";
import { renderFiles } from "#app/offline.ts";

type Resources = Readonly<Record<string, readonly JsonValue[]>>;

let empty: Promise<Resources> | undefined;

/** The gateway's Envoy resources for these manifests, as `diolkos render` has them, without those of an empty gateway. */
export async function renderManifests(files: ReadonlyMap<string, string>): Promise<Resources> {
  empty ??= render(new Map());
  const without = await empty;
  const own = Object.entries(await render(files)).map(([type, resources]) => {
    const known = new Set(without[type]?.map((one) => JSON.stringify(one)));
    return [type, resources.filter((one) => !known.has(JSON.stringify(one)))] as const;
  });
  return Object.fromEntries(own.filter(([, resources]) => resources.length > 0));
}

async function render(files: ReadonlyMap<string, string>): Promise<Resources> {
  const folder = mkdtempSync(join(tmpdir(), "diolkos-render-"));
  try {
    for (const [name, text] of files) writeFileSync(join(folder, name), text);
    const { gateway = {} } = await renderFiles([folder], false);
    return gateway as unknown as Resources;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
