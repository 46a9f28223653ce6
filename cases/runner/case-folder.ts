import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { z } from "zod";
import { type Behaviour, behavioursSchema } from "./behaviour.ts";

/** Root of the checkout. */
export const root = fileURLToPath(new URL("../..", import.meta.url));

const settingsSchema = z.strictObject({
  /** Which echo servers stand behind which Service: `{prod/jazz: [jazz-1, jazz-2]}`. */
  backends: z.record(z.string(), z.array(z.string())).default({}),
});

const caseSchema = z.strictObject({
  title: z.string(),
  why: z.string(),
  settings: settingsSchema.prefault({}),
});

const stepSchema = z.strictObject({
  title: z.string(),
  /** Files of `in/` that go away with this step. */
  delete: z.array(z.string()).default([]),
  // Absent: as in the step before (a schema with a default would make it an empty one).
  settings: settingsSchema.optional(),
});

/** One state of the manifests, and what is expected of it. */
export interface Stage {
  readonly name: string;
  readonly title: string;
  /** Where problems.yaml, xds.yaml and behaviours.yaml are. */
  readonly folder: string;
  /** All manifests of this state: file name → text. */
  readonly files: ReadonlyMap<string, string>;
  readonly backends: Readonly<Record<string, readonly string[]>>;
  readonly behaviours: readonly Behaviour[];
}

/** One case: its first state, then one more for each step. */
export interface Case {
  /** Path from the root of the checkout. */
  readonly name: string;
  readonly title: string;
  readonly stages: readonly Stage[];
}

/** Every case of the checkout: `cases/NAME/` and `src/plugins/PLUGIN.cases/NAME/`. */
export function findCases(): readonly Case[] {
  const plugins = join(root, "src", "plugins");
  const parents = readdirSync(plugins).filter((name) => name.endsWith(".cases"));
  return [join(root, "cases"), ...parents.map((name) => join(plugins, name))]
    .flatMap(foldersIn)
    .filter((folder) => existsSync(join(folder, "case.yaml")))
    .map(readCase);
}

function readCase(folder: string): Case {
  const { title, settings } = read(join(folder, "case.yaml"), caseSchema);
  let files = manifests(join(folder, "in"));
  let { backends } = settings;
  const stages: Stage[] = [{ ...stageOf(folder), name: "in", title, files, backends }];
  for (const step of foldersIn(join(folder, "steps"))) {
    const about = read(join(step, "step.yaml"), stepSchema);
    files = new Map([...files, ...manifests(join(step, "in"))]);
    for (const name of about.delete) {
      if (!files.delete(name)) throw new Error(`${step}: there is no file ${name} to delete`);
    }
    backends = about.settings?.backends ?? backends;
    stages.push({ ...stageOf(step), name: basename(step), title: about.title, files, backends });
  }
  return { name: relative(root, folder), title, stages };
}

function stageOf(folder: string): Pick<Stage, "folder" | "behaviours"> {
  const path = join(folder, "behaviours.yaml");
  return { folder, behaviours: existsSync(path) ? read(path, behavioursSchema) : [] };
}

function manifests(folder: string): Map<string, string> {
  const names = existsSync(folder) ? readdirSync(folder).sort() : [];
  return new Map(names.map((name) => [name, readFileSync(join(folder, name), "utf8")]));
}

function foldersIn(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .map((name) => join(folder, name));
}

function read<S extends z.ZodType>(path: string, schema: S): z.output<S> {
  const result = schema.safeParse(parse(readFileSync(path, "utf8")));
  if (!result.success) throw new Error(`${relative(root, path)}: ${z.prettifyError(result.error)}`);
  return result.data;
}
