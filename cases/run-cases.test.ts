import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ProblemAnswer } from "#admin/types.ts";
import { findCases, type Stage } from "./runner/case-folder.ts";
import { checkBehaviour } from "./runner/check-behaviour.ts";
import { EchoBackends } from "./runner/echo-backends.ts";
import { endpointSlices } from "./runner/endpoint-slices.ts";
import { expectFile, rewrittenFiles, updating } from "./runner/expected-file.ts";
import { renderManifests } from "./runner/rendered.ts";
import { RunningDiolkos } from "./runner/running-diolkos.ts";

const cases = findCases();
const backends = new EchoBackends();
const folder = mkdtempSync(join(tmpdir(), "diolkos-cases-"));
let running: RunningDiolkos;

beforeAll(async () => {
  running = await RunningDiolkos.start([folder], folder);
}, 90_000);

afterAll(async () => {
  await running?.stop();
  rmSync(folder, { recursive: true, force: true });
  await backends.close();
  if (updating) console.log(`UPDATE_CASES: ${rewrittenFiles()} expected files were rewritten`);
}, 60_000);

test("there are cases", () => {
  expect(cases.length).toBeGreaterThan(5);
});

describe.each(cases)("$name: $title", ({ stages }) => {
  test.each(stages)("$name: $title", async (stage) => {
    replaceManifests(await withBackends(stage));
    await running.ready();
    expectFile(join(stage.folder, "xds.yaml"), await renderManifests(withNumberedBackends(stage)));
    expectFile(join(stage.folder, "problems.yaml"), await problems());
    for (const behaviour of stage.behaviours) await checkBehaviour(behaviour, running.gatewayPort, backends);
  });
});

/** What is there in both states is overwritten, so that it is never away. */
function replaceManifests(files: ReadonlyMap<string, string>): void {
  for (const [name, text] of files) writeFileSync(join(folder, name), text);
  for (const name of readdirSync(folder)) if (!files.has(name)) rmSync(join(folder, name));
}

/** The present problems, with file names instead of paths. */
async function problems(): Promise<readonly ProblemAnswer[]> {
  const found = await running.problems();
  return JSON.parse(JSON.stringify(found).replaceAll(`${folder}/`, "")) as readonly ProblemAnswer[];
}

/** The manifests with EndpointSlices that lead to running echo servers. */
async function withBackends({ files, backends: wanted }: Stage): Promise<ReadonlyMap<string, string>> {
  const ports = new Map<string, number>();
  for (const name of Object.values(wanted).flat()) ports.set(name, await backends.port(name));
  return withSlices(files, wanted, (backend) => ports.get(backend) ?? 0);
}

/** The same with ports that are equal in every run, for xds.yaml. */
function withNumberedBackends({ files, backends: wanted }: Stage): ReadonlyMap<string, string> {
  const names = [...new Set(Object.values(wanted).flat())];
  return withSlices(files, wanted, (backend) => 9001 + names.indexOf(backend));
}

function withSlices(
  files: ReadonlyMap<string, string>,
  wanted: Stage["backends"],
  portOf: (backend: string) => number,
): ReadonlyMap<string, string> {
  if (Object.keys(wanted).length === 0) return files;
  return new Map([...files, ["endpoint-slices.yaml", endpointSlices(files, wanted, portOf)]]);
}
