import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { test } from "vitest";
import { problem } from "#problems/problem.ts";
import { kinds } from "#resources/registry.ts";
import { FolderSource } from "#sources/folder-source.ts";
import type { Resource } from "#xds/resource.ts";
import { staticBootstrap } from "#xds/static-bootstrap.ts";
import { findEnvoy, modulePath } from "./files.ts";
import { manifest, manifests } from "./manifests-test-setup.ts";
import { buildPipeline, type Pipeline } from "./pipeline.ts";
import type { Manifest } from "./random-values-test-setup.ts";

const runs = (usual: number) => Number(process.env.DIOLKOS_FUZZ_RUNS ?? usual);
const seed = process.env.DIOLKOS_FUZZ_SEED;
const envoy = findEnvoy();

test("whatever the manifests say, Envoy accepts what is made of them", { timeout: 600_000 }, async () => {
  await check(
    fc.asyncProperty(manifests, async (all) => shortly(all, faultOf)),
    runs(6),
  );
});

test("edits give what the final files give", { timeout: 600_000 }, async () => {
  const file = fc.constantFrom("a.yaml", "b.yaml", "diolkos.local.yaml");
  const edit = fc.oneof(
    { weight: 6, arbitrary: fc.record({ file, put: manifest }) },
    { weight: 2, arbitrary: fc.record({ file, drop: fc.nat(50) }) },
    {
      weight: 1,
      arbitrary: fc.record({ file, breakIt: fc.constantFrom("a: [", "kind: 3", "\t", "---\n---") }),
    },
    { weight: 1, arbitrary: fc.record({ file, removed: fc.constant(true) }) },
  );
  const edits = fc.array(fc.array(edit, { minLength: 1, maxLength: 4 }), { minLength: 5, maxLength: 15 });
  await check(
    fc.asyncProperty(manifests, edits, async (start, rounds) => {
      await editedFault(start, rounds);
    }),
    runs(6),
  );
});

/** Fails with a short message: fast-check's own would print the whole counterexample. */
async function check<T>(property: fc.IAsyncProperty<T>, numRuns: number): Promise<void> {
  const options = { numRuns, endOnFailure: true, ...(seed === undefined ? {} : { seed: Number(seed) }) };
  const result = await fc.check(property, options);
  if (!result.failed) return;
  const error = result.errorInstance instanceof Error ? result.errorInstance : undefined;
  throw new Error(`seed ${result.seed}, run ${result.numRuns}: ${error?.message ?? "failed"}`);
}

/** Throws when a set of manifests has a fault, after it has left out the manifests that do not take part in it. */
async function shortly(
  all: readonly Manifest[],
  find: (some: readonly Manifest[]) => Promise<string | undefined>,
): Promise<void> {
  const fault = await find(all);
  if (fault === undefined) return;
  let left = all;
  for (const one of all) {
    const without = left.filter((other) => other !== one);
    if ((await find(without)) !== undefined) left = without;
  }
  throw new Error(`${await find(left)}\nmanifests in ${keep(left)} (fault of all of them: ${fault})`);
}

async function faultOf(all: readonly Manifest[]): Promise<string | undefined> {
  const folder = mkdtempSync(join(tmpdir(), "diolkos-fuzz-"));
  try {
    writeManifests(folder, all);
    const { pipeline, defects } = layOut();
    const source = new FolderSource({ directories: [folder], store: pipeline.store });
    await source.start();
    await source.close();
    settle(pipeline);
    if (defects.length > 0) return defects[0];
    for (const [scope, resources] of byScope(pipeline)) {
      const refusal = refused(folder, resources);
      if (refusal !== undefined) return `${scope}: ${refusal}`;
    }
    return undefined;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface Edit {
  readonly file: string;
  readonly put?: Manifest;
  readonly drop?: number;
  readonly breakIt?: string;
  readonly removed?: boolean;
}

async function editedFault(start: readonly Manifest[], rounds: readonly (readonly Edit[])[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "diolkos-fuzz-"));
  const ports = new Map<string, number>();
  const patience = { shortened: 0, emptied: 0, gone: 0 };
  const edited = layOut(ports);
  const source = new FolderSource({ directories: [folder], store: edited.pipeline.store, patience });
  const files = new Map<string, { texts: Manifest[]; broken: string }>([
    ["a.yaml", { texts: start.filter(({ kind }) => kind !== "LocalWorkloads"), broken: "" }],
    ["diolkos.local.yaml", { texts: start.filter(({ kind }) => kind === "LocalWorkloads"), broken: "" }],
  ]);
  const write = () => {
    for (const name of ["a.yaml", "b.yaml", "diolkos.local.yaml"]) {
      const file = files.get(name);
      if (file === undefined) rmSync(join(folder, name), { force: true });
      else writeFileSync(join(folder, name), `${textOf(file.texts)}${file.broken}`);
    }
  };
  try {
    write();
    await source.start();
    settle(edited.pipeline);
    for (const [at, edits] of [...rounds, []].entries()) {
      if (at === rounds.length) for (const file of files.values()) file.broken = "";
      for (const one of edits) apply(files, one);
      write();
      await source.catchUp();
      settle(edited.pipeline);
      compare(edited, ofObjects(edited.pipeline, ports), `after round ${at}`);
    }
    // An object whose newest version is unusable may serve with an earlier one; without these both must be equal.
    const sound = withoutFaulty(edited.pipeline, files);
    write();
    await source.catchUp();
    settle(edited.pipeline);
    const fresh = layOut(ports);
    const again = new FolderSource({ directories: [folder], store: fresh.pipeline.store });
    await again.start();
    await again.close();
    settle(fresh.pipeline);
    compare(edited, fresh, `from ${sound} final manifests`);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(`${message}\nedits in ${keep([...start, { rounds }])}`);
  } finally {
    await source.close();
    rmSync(folder, { recursive: true });
  }
}

function apply(files: Map<string, { texts: Manifest[]; broken: string }>, edit: Edit): void {
  if (edit.removed === true) {
    files.delete(edit.file);
    return;
  }
  const file = files.get(edit.file) ?? { texts: [], broken: "" };
  files.set(edit.file, file);
  if (edit.breakIt !== undefined) file.broken = `---\n${edit.breakIt}\n`;
  else file.broken = "";
  if (edit.drop !== undefined) file.texts.splice(edit.drop % Math.max(file.texts.length, 1), 1);
  if (edit.put === undefined) return;
  const id = idOf(edit.put);
  const at = file.texts.findIndex((one) => idOf(one) === id);
  if (at < 0) file.texts.push(edit.put);
  else file.texts[at] = edit.put;
}

/** Takes out the manifests whose newest version is not the one in use. */
function withoutFaulty(
  pipeline: Pipeline,
  files: Map<string, { texts: Manifest[]; broken: string }>,
): number {
  const faulty = new Set(
    pipeline.store.problems().map(({ object }) => `${object.kind} ${object.namespace}/${object.name}`),
  );
  for (const file of files.values()) file.texts = file.texts.filter((one) => !faulty.has(idOf(one)));
  return [...files.values()].reduce((sum, { texts }) => sum + texts.length, 0);
}

function idOf({ kind, metadata }: Manifest): string {
  const { namespace = "", name = "" } = (metadata ?? {}) as { namespace?: string; name?: string };
  return `${String(kind)} ${kind === "Mesh" || kind === "Namespace" ? "" : namespace}/${name}`;
}

interface LaidOut {
  readonly pipeline: Pipeline;
  readonly defects: string[];
}

function layOut(ports = new Map<string, number>()): LaidOut {
  const defects: string[] = [];
  const pipeline = buildPipeline({
    gateway: { address: "127.0.0.1", port: 8000, tlsPort: 8443 },
    modulePath: modulePath(),
    servicesSocket: "services.sock",
    portFor: (key) => {
      const known = ports.get(key) ?? 20_000 + ports.size;
      ports.set(key, known);
      return known;
    },
    folderOf: () => "/",
    onDefect: (table, key, error) => {
      const stack = error instanceof Error ? error.stack?.split("\n").slice(0, 4).join("\n") : String(error);
      defects.push(`the table ${table} failed for ${key}: ${stack}`);
      return problem("internal", { kind: "Translation", namespace: "", name: table }, [], key);
    },
  });
  return { pipeline, defects };
}

/** A pipeline that has seen nothing but the versions that another one uses now. */
function ofObjects(pipeline: Pipeline, ports: Map<string, number>): LaidOut {
  const fresh = layOut(ports);
  for (const kind of kinds) {
    const table = pipeline.store.table(kind);
    for (const key of table.keys()) {
      const object = table.get(key);
      if (object === undefined) continue;
      const { namespace, name } = object.metadata;
      fresh.pipeline.store.put({ ref: { kind: kind.kind, namespace, name }, object, problems: [] });
    }
  }
  settle(fresh.pipeline);
  return fresh;
}

/** Translates, with every local workload running. */
function settle({ graph, workloads }: Pipeline): void {
  for (let pass = 0; pass < 2; pass++) {
    for (const scope of workloads.readiness.keys()) {
      if (workloads.replicas.get(scope) === undefined) workloads.readiness.delete(scope);
    }
    for (const scope of workloads.replicas.keys()) workloads.readiness.set(scope, true);
    graph.flush();
  }
}

function byScope(pipeline: Pipeline): Map<string, Map<string, Resource>> {
  const scopes = new Map<string, Map<string, Resource>>();
  for (const table of pipeline.resources) {
    for (const key of table.keys()) {
      const resource = table.get(key);
      if (resource === undefined) continue;
      const scope = scopes.get(resource.scope) ?? new Map<string, Resource>();
      scopes.set(resource.scope, scope.set(`${resource.type} ${resource.name}`, resource));
    }
  }
  return scopes;
}

function compare(one: LaidOut, other: LaidOut, when: string): void {
  const defect = one.defects[0] ?? other.defects[0];
  if (defect !== undefined) throw new Error(`${when}: ${defect}`);
  const [left, right] = [versions(one.pipeline), versions(other.pipeline)];
  const different = [...new Set([...left.keys(), ...right.keys()])].filter(
    (key) => left.get(key) !== right.get(key),
  );
  if (different.length === 0) return;
  const shown = different
    .slice(0, 3)
    .map((key) => `${key}: ${left.get(key)} by edits, ${right.get(key)} afresh`);
  throw new Error(`${when}, ${different.length} resources differ:\n${shown.join("\n")}`);
}

function versions(pipeline: Pipeline): Map<string, string> {
  return new Map(
    [...byScope(pipeline)].flatMap(([scope, resources]) =>
      [...resources].map(([id, { version }]) => [`${scope} ${id}`, version] as const),
    ),
  );
}

function refused(folder: string, resources: ReadonlyMap<string, Resource>): string | undefined {
  const file = join(folder, "bootstrap.pb");
  writeFileSync(file, staticBootstrap([...resources.values()]));
  const result = spawnSync(envoy, ["--mode", "validate", "-c", file, "-l", "error"], { encoding: "utf8" });
  if (result.status === 0) return undefined;
  const said = result.stderr.replace(/^.*error initializing configuration '[^']*': /s, "").trim();
  // Envoy repeats the whole message between its complaint and the reason.
  return said.length < 800 ? said : `... ${said.slice(-500)}`;
}

function writeManifests(folder: string, all: readonly Manifest[]): void {
  writeFileSync(join(folder, "all.yaml"), textOf(all.filter(({ kind }) => kind !== "LocalWorkloads")));
  writeFileSync(
    join(folder, "diolkos.local.yaml"),
    textOf(all.filter(({ kind }) => kind === "LocalWorkloads")),
  );
}

function textOf(all: readonly Manifest[]): string {
  return all.map((one) => `---\n${JSON.stringify(one)}\n`).join("");
}

/** Leaves a failing set for whoever looks into it. */
function keep(all: readonly Manifest[]): string {
  const folder = join(mkdtempSync(join(tmpdir(), "diolkos-fuzz-failed-")), "in");
  mkdirSync(folder);
  writeManifests(folder, all);
  return folder;
}
