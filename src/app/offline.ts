import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import type { JsonObject } from "@bufbuild/protobuf";
import type { ProblemAnswer } from "#admin/types.ts";
import { type ExplainRequest, type Explanation, explain } from "#insight/explain.ts";
import type { Origin } from "#problems/object-ref.ts";
import { type Problem, problem } from "#problems/problem.ts";
import { kinds } from "#resources/registry.ts";
import { FolderSource } from "#sources/folder-source.ts";
import { renderResources } from "#xds/render.ts";
import type { Resource } from "#xds/resource.ts";
import { staticBootstrap } from "#xds/static-bootstrap.ts";
import { findEnvoy, modulePath } from "./files.ts";
import { defaultPorts } from "./options.ts";
import { buildPipeline, type Pipeline } from "./pipeline.ts";
import { problemAnswers } from "./problem-answers.ts";

interface Offline {
  readonly pipeline: Pipeline;
  readonly source: FolderSource;
}

/** Reads manifests once, without starting anything; local ports are made up, in a fixed order. */
async function readFiles(directories: readonly string[]): Promise<Offline> {
  const missing = directories.find((directory) => !existsSync(directory));
  if (missing !== undefined) throw new Error(`there is no ${missing}: name a folder (or file) of manifests`);
  let port = 20_000;
  const chosen = new Map<string, number>();
  const defects: Problem[] = [];
  let source: FolderSource | undefined;
  const pipeline = buildPipeline({
    gateway: { address: "127.0.0.1", port: defaultPorts.gateway, tlsPort: defaultPorts.gatewayTls },
    modulePath: modulePath(),
    servicesSocket: "services.sock",
    portFor: (key) => {
      const known = chosen.get(key) ?? port++;
      chosen.set(key, known);
      return known;
    },
    folderOf: (object) => dirname(resolve(source?.locate(object)?.file ?? ".")),
    onDefect: (table, key, error) => {
      const found = problem(
        "internal",
        { kind: "Translation", namespace: "", name: table },
        [],
        `${key}: ${error}`,
      );
      defects.push(found);
      return found;
    },
  });
  source = new FolderSource({ directories, store: pipeline.store });
  await source.start();
  await source.close();
  for (const scope of pipeline.workloads.replicas.keys()) pipeline.workloads.readiness.set(scope, true);
  pipeline.graph.flush();
  // Offline every local workload counts as running, or nothing would have an endpoint.
  for (const scope of pipeline.workloads.replicas.keys()) pipeline.workloads.readiness.set(scope, true);
  pipeline.graph.flush();
  return { pipeline, source };
}

/** All problems of the manifests; with `validate`, what only Envoy itself refuses is among them. */
export async function checkFiles(
  directories: readonly string[],
  { validate }: { readonly validate: boolean },
): Promise<{ readonly problems: readonly ProblemAnswer[]; readonly objects: number }> {
  const { pipeline, source } = await readFiles(directories);
  const found = [...pipeline.store.problems(), ...pipeline.graph.problems()];
  if (validate) found.push(...refusedByEnvoy(pipeline));
  const placed = [...source.problems(), ...found.map((one) => source.place(one))];
  return {
    problems: problemAnswers(placed),
    objects: kinds.reduce((sum, kind) => sum + pipeline.store.table(kind).size, 0),
  };
}

/** The Envoy resources of each proxy, by its name. */
export async function renderFiles(
  directories: readonly string[],
  secrets: boolean,
): Promise<Readonly<Record<string, JsonObject>>> {
  const { pipeline } = await readFiles(directories);
  const scopes = resourcesByScope(pipeline);
  return Object.fromEntries(
    [...scopes.keys()].sort().map((scope) => [scope, renderResources(scopes.get(scope) ?? [], secrets)]),
  );
}

/** What would answer a request. */
export async function explainFiles(
  directories: readonly string[],
  request: ExplainRequest,
): Promise<Explanation> {
  const { pipeline, source } = await readFiles(directories);
  const locate = ({ object, field }: Origin) => source.locate(object, field);
  return explain(request, { model: pipeline.model, locate });
}

function resourcesByScope(pipeline: Pipeline): Map<string, Resource[]> {
  const scopes = new Map<string, Resource[]>();
  for (const table of pipeline.resources) {
    for (const key of table.keys()) {
      const resource = table.get(key);
      if (resource === undefined) continue;
      const known = scopes.get(resource.scope);
      if (known === undefined) scopes.set(resource.scope, [resource]);
      else known.push(resource);
    }
  }
  return scopes;
}

/** Lets Envoy validate each proxy's whole configuration, and finds the objects behind a refusal by halving. */
function refusedByEnvoy(pipeline: Pipeline): readonly Problem[] {
  let envoy: string;
  try {
    envoy = findEnvoy();
  } catch (error) {
    const object = { kind: "Proxy", namespace: "", name: "gateway" };
    const message = `the result was not validated: ${error instanceof Error ? error.message : String(error)}`;
    return [problem("not-validated", object, [], message)];
  }
  const folder = mkdtempSync(join(tmpdir(), "diolkos-check-"));
  try {
    return [...resourcesByScope(pipeline)].flatMap(([scope, resources]) =>
      refusedOf(scope, resources, pipeline, (subset) => validate(envoy, folder, subset)),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

type Validate = (resources: readonly Resource[]) => string | undefined;

function refusedOf(
  scope: string,
  resources: readonly Resource[],
  pipeline: Pipeline,
  refusal: Validate,
): Problem[] {
  if (refusal(resources) === undefined) return [];
  const fixed = resources.filter(({ type }) => type !== "virtualHost" && type !== "cluster");
  const suspects = resources.filter(({ type }) => type === "virtualHost" || type === "cluster");
  return halve(suspects, (some) => refusal([...fixed, ...some])).flatMap((culprit) => {
    const parts = pipeline.parts(culprit);
    const pieces = parts.map((part) => ({ ...culprit, body: part.body, origins: part.origins }));
    const bad =
      pieces.length < 2
        ? [culprit]
        : halve(pieces, (some) =>
            some.map((one) => refusal([...fixed, one])).find((text) => text !== undefined),
          );
    return bad.flatMap((one) => {
      const message = refusal([...fixed, one]) ?? "refused";
      const [first] = one.origins;
      const object = first?.object ?? { kind: "Proxy", namespace: "", name: scope };
      return [problem("rejected-by-envoy", object, first?.field ?? [], message)];
    });
  });
}

/** The members without which the rest is accepted. */
function halve(members: readonly Resource[], refusal: Validate): readonly Resource[] {
  if (members.length === 0 || refusal(members) === undefined) return [];
  if (members.length === 1) return members;
  const middle = members.length >> 1;
  return [...halve(members.slice(0, middle), refusal), ...halve(members.slice(middle), refusal)];
}

function validate(envoy: string, folder: string, resources: readonly Resource[]): string | undefined {
  const file = join(folder, "bootstrap.pb");
  writeFileSync(file, staticBootstrap(resources), { mode: 0o600 });
  const result = spawnSync(envoy, ["--mode", "validate", "-c", file, "-l", "error"], { encoding: "utf8" });
  if (result.status === 0) return undefined;
  const line =
    result.stderr.split("\n").find((one) => one.includes("error initializing configuration")) ??
    result.stderr;
  return line.replace(/^.*error initializing configuration '[^']*': /, "").trim();
}
