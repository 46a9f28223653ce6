import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, test } from "vitest";

/** Who may import whom, by folder of src/. Everyone may also import what `foundations` names; biome.json must agree. */
const directions: Record<string, readonly string[] | "everything"> = {
  problems: [],
  telemetry: [],
  incremental: [],
  resources: ["incremental"],
  sources: ["resources", "incremental"],
  model: ["incremental"],
  plugins: ["resources", "model", "envoy"],
  translate: ["resources", "model", "plugins", "incremental"],
  envoy: ["model"],
  xds: ["envoy", "model", "incremental"],
  identity: ["model"],
  services: ["model", "plugins"],
  kubernetes: ["resources", "identity"],
  standalone: ["envoy", "model", "resources", "incremental", "admin"],
  insight: ["model", "resources", "incremental"],
  admin: ["model"],
  app: "everything",
  cli: ["app", "insight", "admin", "standalone"],
};

/** Importable from every folder but each other. */
const foundations = ["problems", "telemetry"];

/** Who may import the generated API; the others know no Envoy words. */
const knowEnvoy = ["envoy", "plugins", "xds", "services", "app"];

const src = import.meta.dirname;

type Import = { specifier: string; kind: "value" | "type" | "dynamic" };

const statement = new RegExp(
  [
    // import a from "x", import { a, b } from "x", import a, * as b from "x", export * from "x", with or without `type`
    /^(?:import|export)\s+(?<type>type\s+)?(?:[\w$]+|\*(?:\s+as\s+[\w$]+)?|\{[^}]*\})(?:\s*,\s*(?:\{[^}]*\}|\*\s+as\s+[\w$]+))?\s*from\s*"(?<from>[^"]+)"/,
    /^import\s+"(?<bare>[^"]+)"/,
    /\bimport\(\s*"(?<dynamic>[^"]+)"\s*\)/,
  ]
    .map((part) => part.source)
    .join("|"),
  "gm",
);

function parseImports(text: string): Import[] {
  return [...text.matchAll(statement)].map(({ groups = {} }) => {
    if (groups.dynamic !== undefined) return { specifier: groups.dynamic, kind: "dynamic" };
    return {
      specifier: groups.from ?? groups.bare ?? "",
      kind: groups.type === undefined ? "value" : "type",
    };
  });
}

function listFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return listFiles(path);
    return entry.name.endsWith(".ts") ? [relative(src, path)] : [];
  });
}

const isTest = (file: string) => file.endsWith(".test.ts");
const folderOf = (file: string) => (file.includes("/") ? (file.split("/")[0] ?? "") : "");

/** The file of src/ that an import in `file` leads to; undefined when it leads elsewhere. */
function target(file: string, specifier: string): string | undefined {
  if (specifier.startsWith("#")) return specifier.slice(1);
  if (specifier.startsWith(".")) return relative(src, resolve(src, dirname(file), specifier));
  return undefined;
}

function allowedFor(folder: string): string[] {
  const own = directions[folder] ?? [];
  if (own === "everything")
    return Object.keys(directions).filter((name) => name !== folder && name !== "cli");
  return foundations.includes(folder) ? [...own] : [...own, ...foundations];
}

/** What is wrong with one import, in words; undefined when nothing is. */
function violation(file: string, { specifier }: Import): string | undefined {
  const folder = folderOf(file);
  if (specifier.startsWith("@diolkos/envoy-api")) {
    return knowEnvoy.includes(folder) ? undefined : `${folder} must not import the generated API`;
  }
  const to = target(file, specifier);
  if (to === undefined) return undefined;
  if (to.startsWith("..")) return "leads out of src/";
  const toFolder = folderOf(to);
  if (toFolder === folder)
    return specifier.startsWith("#") ? "inside a folder, import relatively" : undefined;
  if (specifier.startsWith(".")) return `across folders, import as #${to}`;
  return allowedFor(folder).includes(toFolder) ? undefined : `${folder} must not import ${toFolder}`;
}

/** The files of one cycle, first file repeated at the end; undefined when there is none. */
function findCycle(graph: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    path.push(file);
    for (const next of graph.get(file) ?? []) {
      const cycle = visit(next);
      if (cycle) return cycle;
    }
    path.pop();
    done.add(file);
    return undefined;
  };
  for (const file of graph.keys()) {
    const cycle = visit(file);
    if (cycle) return cycle;
  }
  return undefined;
}

describe("the imports of src/", () => {
  const texts = new Map(listFiles(src).map((file) => [file, readFileSync(join(src, file), "utf8")]));
  const imports = new Map([...texts].map(([file, text]) => [file, parseImports(text)]));

  test("are all seen", () => {
    // Counted apart from the walk above: a check that looks at nothing must not pass.
    const existing = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((path) =>
      path.endsWith(".ts"),
    );
    expect([...imports.keys()].sort()).toEqual(existing.sort());
    expect(imports.has("import-directions.test.ts")).toBe(true);
    for (const [file, text] of texts) {
      if (isTest(file)) continue; // Tests hold code in strings.
      const endings = text.match(/^(?:import |export |\}).*\bfrom "[^"]+";$/gm) ?? [];
      const parsed = imports.get(file)?.filter(({ kind }) => kind !== "dynamic") ?? [];
      expect(parsed.length, file).toBeGreaterThanOrEqual(endings.length);
    }
  });

  test("come from files in a known folder", () => {
    const unknown = [...imports.keys()].filter((file) => !isTest(file) && !(folderOf(file) in directions));
    expect(unknown).toEqual([]);
  });

  test("go in the allowed directions", () => {
    const violations = [...imports].flatMap(([file, list]) =>
      isTest(file)
        ? []
        : list.flatMap((one) => {
            const wrong = violation(file, one);
            return wrong === undefined ? [] : [`src/${file}: "${one.specifier}": ${wrong}`];
          }),
    );
    expect(violations).toEqual([]);
  });

  test("have no cycle by value", () => {
    const graph = new Map(
      [...imports].map(([file, list]) => [
        file,
        list.filter(({ kind }) => kind === "value").flatMap(({ specifier }) => target(file, specifier) ?? []),
      ]),
    );
    expect(findCycle(graph)).toBeUndefined();
  });
});

test("biome.json restricts the same imports, so that editors show them", () => {
  const biome = JSON.parse(readFileSync(join(src, "..", "biome.json"), "utf8"));
  const restricted = Object.fromEntries(
    biome.overrides
      .filter(({ includes }: { includes: string[] }) => includes[0]?.startsWith("src/"))
      .map(
        ({
          includes,
          linter,
        }: {
          includes: string[];
          linter: { rules: { style: Record<string, unknown> } };
        }) => [includes[0]?.split("/")[1], { includes, rule: linter.rules.style.noRestrictedImports }],
      ),
  );
  const expected = Object.fromEntries(
    Object.keys(directions).map((folder) => [
      folder,
      {
        includes: [`src/${folder}/**`, "!**/*.test.ts"],
        rule: {
          level: "error",
          options: {
            patterns: [
              {
                group: ["#*/**", ...allowedFor(folder).map((name) => `!#${name}/**`)],
                message: "Not an allowed direction: see src/import-directions.test.ts.",
              },
            ],
          },
        },
      },
    ]),
  );
  expect(restricted).toEqual(expected);
});

describe("this test itself", () => {
  test("sees every form of import", () => {
    const text = [
      'import a from "1";',
      'import { b,\n  c } from "2";',
      'import type { D } from "3";',
      'import * as e from "4";',
      'import f, { g } from "5";',
      'import "6";',
      'export { h } from "7";',
      'export * from "8";',
      'export type { I } from "9";',
      'const j = await import("10");',
      'export const k = "from";',
    ].join("\n");
    expect(parseImports(text).map(({ specifier, kind }) => `${specifier} ${kind}`)).toEqual([
      ...["1 value", "2 value", "3 type", "4 value", "5 value"],
      ...["6 value", "7 value", "8 value", "9 type", "10 dynamic"],
    ]);
  });

  test.each([
    ["model/route.ts", "#envoy/route.ts", "model must not import envoy"],
    ["model/route.ts", "../envoy/route.ts", "across folders, import as #envoy/route.ts"],
    ["model/route.ts", "#model/backend.ts", "inside a folder, import relatively"],
    ["model/route.ts", "@diolkos/envoy-api/x_pb.js", "model must not import the generated API"],
    ["problems/problem.ts", "#telemetry/log.ts", "problems must not import telemetry"],
    ["app/run.ts", "#cli/main.ts", "app must not import cli"],
    ["model/route.ts", "../../bench/run.ts", "leads out of src/"],
    ["model/route.ts", "./backend.ts", undefined],
    ["translate/kong/route.ts", "../ingress/route.ts", undefined],
    ["xds/server.ts", "#incremental/graph.ts", undefined],
    ["model/route.ts", "#problems/problem.ts", undefined],
    ["app/run.ts", "#xds/server.ts", undefined],
    ["model/route.ts", "node:path", undefined],
  ])("%s importing %s: %s", (file, specifier, expected) => {
    expect(violation(file, { specifier, kind: "value" })).toBe(expected);
  });

  test("finds a cycle", () => {
    const graph = new Map([
      ["a", ["b"]],
      ["b", ["c", "d"]],
      ["c", []],
      ["d", ["b"]],
    ]);
    expect(findCycle(graph)).toEqual(["b", "d", "b"]);
  });
});
