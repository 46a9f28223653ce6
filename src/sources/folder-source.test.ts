import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { Graph } from "#incremental/graph.ts";
import { problem } from "#problems/problem.ts";
import { ObjectStore } from "#resources/object-store.ts";
import { serviceKind } from "#resources/service.ts";
import { FolderSource, type Patience } from "./folder-source.ts";
import { LastGoodFile } from "./last-good-file.ts";

const opened: FolderSource[] = [];
const folders: string[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((source) => source.close()));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const service = (name: string, port: unknown = 80) =>
  `apiVersion: v1\nkind: Service\nmetadata:\n  name: ${name}\nspec:\n  ports:\n    - port: ${port}\n`;
const ref = (name: string) => ({ kind: "Service", namespace: "default", name });

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "diolkos-folder-"));
  folders.push(folder);
  return folder;
}

async function open(
  folder: string,
  more: { directories?: string[]; state?: string; patience?: Patience } = {},
) {
  const graph = new Graph();
  const errors: unknown[] = [];
  const storage =
    more.state === undefined ? undefined : new LastGoodFile(more.state, (error) => errors.push(error));
  const store = new ObjectStore(graph, storage);
  const counts = { applied: 0, problems: 0 };
  const source = new FolderSource({
    directories: more.directories ?? [folder],
    store,
    ...(more.patience === undefined ? {} : { patience: more.patience }),
    onApplied: () => counts.applied++,
    onProblems: () => counts.problems++,
  });
  opened.push(source);
  await source.start();
  const ports = () => {
    const table = store.table(serviceKind);
    const entries = [...table.keys()]
      .sort()
      .map((key) => [key.slice("default/".length), table.get(key)?.spec.ports?.[0]?.port]);
    return Object.fromEntries(entries);
  };
  const problems = () =>
    [...store.problems().map((found) => source.place(found)), ...source.problems()].map(
      ({ code, file, line }) => `${code} ${file && relative(folder, file)}:${line}`,
    );
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  return { graph, store, source, counts, ports, problems, write, errors };
}

async function until(check: () => void, timeoutMs = 3000): Promise<number> {
  const began = performance.now();
  for (;;) {
    try {
      check();
      return performance.now() - began;
    } catch (error) {
      if (performance.now() - began > timeoutMs) throw error;
      await sleep(1);
    }
  }
}

describe("the first read", () => {
  test("takes all manifests of all folders, and leaves out what is none", async () => {
    const folder = makeFolder();
    const files: Record<string, string> = {
      "a.yaml": `${service("a")}---\n${service("b")}`,
      "deep/er/c.yml": service("c"),
      "d.json": '{"apiVersion":"v1","kind":"Service","metadata":{"name":"d"},"spec":{"ports":[{"port":80}]}}',
      ".hidden/x.yaml": service("x"),
      ".x.yaml": service("x"),
      "node_modules/p/x.yaml": service("x"),
      "notes.txt": service("x"),
      "a.yaml~": service("x"),
      "kustomization.yaml": "resources: [a.yaml]\n",
    };
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    symlinkSync("..", join(folder, "deep", "loop"));
    symlinkSync("nowhere", join(folder, "dangling.yaml"));
    symlinkSync("nowhere", join(folder, "dangling"));
    const { ports, problems, counts } = await open(folder);
    expect(ports()).toEqual({ a: 80, b: 80, c: 80, d: 80 });
    expect(problems()).toEqual(["file-ignored kustomization.yaml:1"]);
    expect(counts).toEqual({ applied: 1, problems: 1 });
  });

  test("places are shown as the user named the folder", async () => {
    const folder = makeFolder();
    writeFileSync(join(folder, "a.yaml"), `# first\n\n${service("a")}---\n${service("b", '"x"')}`);
    const shown = relative(process.cwd(), folder);
    const { source, store } = await open(folder, { directories: [`${shown}/`] });
    expect(source.locate(ref("a"))).toEqual({ file: join(shown, "a.yaml"), line: 3 });
    expect(source.locate(ref("a"), ["spec", "ports", 0, "port"])).toMatchObject({ line: 9 });
    expect(source.locate(ref("a"), ["spec", "ports", 0, "targetPort"])).toMatchObject({ line: 9 });
    expect(source.locate(ref("b"))).toMatchObject({ line: 11 });
    expect(store.problems().map((found) => source.place(found))).toMatchObject([{ line: 17 }]);
    expect(source.locate(ref("absent"))).toBeUndefined();
  });

  test("a single file may be named, too, and is followed", async () => {
    const folder = makeFolder();
    writeFileSync(join(folder, "a.yaml"), service("a"));
    writeFileSync(join(folder, "b.yaml"), service("b"));
    const { ports, write } = await open(folder, { directories: [join(folder, "a.yaml")] });
    expect(ports()).toEqual({ a: 80 });
    write("b.yaml", service("b", 81));
    write("a.yaml", service("a", 81));
    await until(() => expect(ports()).toEqual({ a: 81 }));
  });

  test("a folder that does not exist is a problem, and is read when it comes", async () => {
    const folder = makeFolder();
    const missing = join(folder, "missing");
    const { ports, problems, write } = await open(folder, { directories: [missing] });
    expect(problems()).toEqual(["file-unreadable missing:undefined"]);
    write("missing/a.yaml", service("a"));
    await until(() => expect(ports()).toEqual({ a: 80 }), 6000);
    expect(problems()).toEqual([]);
    rmSync(missing, { recursive: true });
    await until(() => expect(problems()).toEqual(["file-unreadable missing:undefined"]), 6000);
    expect(ports()).toEqual({ a: 80 });
  });
});

describe("changes", () => {
  test("an edit is applied well under 50 ms, and touches its own object alone", async () => {
    const folder = makeFolder();
    const documents = Array.from({ length: 200 }, (_, at) => service(`s${at}`));
    writeFileSync(join(folder, "many.yaml"), documents.join("---\n"));
    const { ports, write, graph, store } = await open(folder);
    graph.flush();
    const took: number[] = [];
    for (let port = 1000; port < 1010; port++) {
      documents[7] = service("s7", port);
      write("many.yaml", documents.join("---\n"));
      took.push(
        await until(() => expect(store.get(ref("s7"))).toMatchObject({ spec: { ports: [{ port }] } })),
      );
      const { changed } = graph.flush();
      expect([...changed.values()].flatMap((keys) => [...keys])).toEqual(["default/s7"]);
    }
    // Other tests share the machine: the quickest ones tell what the work itself takes.
    expect(took.sort((a, b) => a - b)[2]).toBeLessThan(50);
    expect(Object.keys(ports())).toHaveLength(200);
  });

  test("written in place, replaced by a rename, deleted and made anew", async () => {
    const folder = makeFolder();
    const path = join(folder, "a.yaml");
    writeFileSync(path, `${service("a")}---\n${service("b")}`);
    const { ports, write, counts } = await open(folder);
    write("a.yaml", `${service("a", 81)}---\n${service("b")}`);
    await until(() => expect(ports()).toEqual({ a: 81, b: 80 }));
    writeFileSync(join(folder, "a.yaml.new"), `${service("a", 82)}---\n${service("b")}`);
    renameSync(join(folder, "a.yaml.new"), path);
    await until(() => expect(ports()).toEqual({ a: 82, b: 80 }));
    write("a.yaml", service("a", 82));
    await until(() => expect(ports()).toEqual({ a: 82 }));
    const { applied } = counts;
    unlinkSync(path);
    writeFileSync(path, service("a", 83));
    await until(() => expect(ports()).toEqual({ a: 83 }));
    expect(counts.applied).toBe(applied + 1);
    renameSync(path, join(folder, "z.yaml"));
    await sleep(100);
    expect(ports()).toEqual({ a: 83 });
    unlinkSync(join(folder, "z.yaml"));
    await until(() => expect(ports()).toEqual({}));
  });

  test("a slow writer's empty and half-written file removes nothing", async () => {
    const folder = makeFolder();
    const text = `${service("a")}---\n${service("b")}`;
    writeFileSync(join(folder, "a.yaml"), text);
    const patience = { shortened: 800, emptied: 800, gone: 800 };
    const { ports, store, write } = await open(folder, { patience });
    const { version } = store;
    write("a.yaml", "");
    await sleep(40);
    write("a.yaml", text.slice(0, text.indexOf("---")));
    await sleep(40);
    write("a.yaml", text);
    await sleep(40);
    unlinkSync(join(folder, "a.yaml"));
    await sleep(40);
    write("a.yaml", text);
    await sleep(900);
    expect(store.version).toBe(version);
    write("a.yaml", "");
    await until(() => expect(ports()).toEqual({}));
  });

  test("new folders, renamed folders, deleted folders", async () => {
    const folder = makeFolder();
    const { ports, write } = await open(folder);
    write("new/folder/a.yaml", service("a"));
    await until(() => expect(ports()).toEqual({ a: 80 }));
    write("new/folder/a.yaml", service("a", 81));
    await until(() => expect(ports()).toEqual({ a: 81 }));
    renameSync(join(folder, "new"), join(folder, "other"));
    write("other/folder/b.yaml", service("b"));
    await until(() => expect(ports()).toEqual({ a: 81, b: 80 }));
    // Another folder in the place of the watched one.
    write(".next/c.yaml", service("c"));
    rmSync(join(folder, "other"), { recursive: true });
    renameSync(join(folder, ".next"), join(folder, "other"));
    await until(() => expect(ports()).toEqual({ c: 80 }));
    write("other/c.yaml", service("c", 81));
    await until(() => expect(ports()).toEqual({ c: 81 }));
    rmSync(join(folder, "other"), { recursive: true });
    await until(() => expect(ports()).toEqual({}));
  });

  test("a ConfigMap as Kubernetes mounts it", async () => {
    const folder = makeFolder();
    const put = (version: string, port: number) => {
      mkdirSync(join(folder, version));
      writeFileSync(join(folder, version, "a.yaml"), service("a", port));
      symlinkSync(version, join(folder, "..data_tmp"));
      renameSync(join(folder, "..data_tmp"), join(folder, "..data"));
    };
    put("..1", 80);
    symlinkSync("..data/a.yaml", join(folder, "a.yaml"));
    const { ports } = await open(folder);
    expect(ports()).toEqual({ a: 80 });
    put("..2", 81);
    const took = await until(() => expect(ports()).toEqual({ a: 81 }));
    expect(took).toBeLessThan(1000);
  });

  test("where no change is told, the regular look at all files finds it", async () => {
    const folder = makeFolder();
    const elsewhere = makeFolder();
    writeFileSync(join(elsewhere, "target.yaml"), service("a"));
    symlinkSync(join(elsewhere, "target.yaml"), join(folder, "a.yaml"));
    const { ports } = await open(folder);
    writeFileSync(join(elsewhere, "target.yaml"), service("a", 81));
    await until(() => expect(ports()).toEqual({ a: 81 }), 6000);
  });

  test("documents that move give no change", async () => {
    const folder = makeFolder();
    writeFileSync(join(folder, "a.yaml"), `${service("a")}---\n${service("b")}`);
    const { source, store, write, counts } = await open(folder);
    const { version } = store;
    write("a.yaml", `# moved\n# down\n${service("c")}---\n${service("a")}---\n${service("b")}`);
    await until(() => expect(store.get(ref("c"))).toBeDefined());
    expect(store.version).toBe(version + 1);
    expect(source.locate(ref("b"))?.line).toBe(19);
    expect(counts.applied).toBe(2);
  });
});

describe("what is broken harms only itself", () => {
  test("a syntax error keeps the other documents and the last good version of its own", async () => {
    const folder = makeFolder();
    const [a, b, c] = [service("a"), service("b"), service("c")];
    writeFileSync(join(folder, "all.yaml"), [a, b, c].join("---\n"));
    const { ports, problems, write, source } = await open(folder);
    write("all.yaml", [service("a", 81), "kind: [Service\nmetadata: {name: b}\n", c].join("---\n"));
    await until(() => expect(ports()).toEqual({ a: 81, b: 80, c: 80 }));
    expect(problems()).toEqual(["yaml-syntax all.yaml:10"]);
    expect(source.locate(ref("b"))?.file).toBe(join(folder, "all.yaml"));
    // The others go on being editable, and a removal waits for the fix.
    write("all.yaml", [service("a", 82), "kind: [Service\nmetadata: {name: b}\n"].join("---\n"));
    await until(() => expect(ports()).toEqual({ a: 82, b: 80, c: 80 }));
    write("all.yaml", [service("a", 82), service("b", 83)].join("---\n"));
    await until(() => expect(ports()).toEqual({ a: 82, b: 83 }));
    expect(problems()).toEqual([]);
  });

  test("an invalid object keeps its last good version until it is fixed or removed", async () => {
    const folder = makeFolder();
    writeFileSync(join(folder, "a.yaml"), service("a"));
    const { ports, problems, write } = await open(folder);
    write("a.yaml", service("a", "true"));
    await until(() => expect(problems()).toEqual(["invalid-field a.yaml:7"]));
    expect(ports()).toEqual({ a: 80 });
    write("a.yaml", service("a", 81));
    await until(() => expect(ports()).toEqual({ a: 81 }));
    write("a.yaml", service("a", "true"));
    await until(() => expect(problems()).toHaveLength(1));
    unlinkSync(join(folder, "a.yaml"));
    await until(() => expect(ports()).toEqual({}));
    expect(problems()).toEqual([]);
  });

  test("an object defined twice counts once, the first by file, and heals when one goes", async () => {
    const folder = makeFolder();
    writeFileSync(join(folder, "b.yaml"), service("a", 81));
    const { ports, problems, write } = await open(folder);
    write("c.yaml", service("a", 82));
    await until(() => expect(problems()).toEqual(["duplicate-object c.yaml:1"]));
    expect(ports()).toEqual({ a: 81 });
    write("a.yaml", service("a", 80));
    await until(() => expect(ports()).toEqual({ a: 80 }));
    await until(() => expect(problems()).toEqual(["duplicate-object b.yaml:1", "duplicate-object c.yaml:1"]));
    unlinkSync(join(folder, "a.yaml"));
    unlinkSync(join(folder, "b.yaml"));
    await until(() => expect(ports()).toEqual({ a: 82 }));
    expect(problems()).toEqual([]);
  });

  test("a file that is a folder of that name, a link to itself, or not UTF-8 is a problem", async () => {
    const folder = makeFolder();
    writeFileSync(join(folder, "a.yaml"), service("a"));
    const { ports, problems } = await open(folder);
    writeFileSync(join(folder, "a.yaml"), Buffer.from([0x61, 0x3a, 0xff, 0xfe]));
    await until(() => expect(problems()).toEqual(["yaml-syntax a.yaml:1"]));
    expect(ports()).toEqual({ a: 80 });
    unlinkSync(join(folder, "a.yaml"));
    symlinkSync("a.yaml", join(folder, "a.yaml"));
    await until(() => expect(problems()).toEqual(["file-unreadable a.yaml:undefined"]));
    expect(ports()).toEqual({ a: 80 });
    unlinkSync(join(folder, "a.yaml"));
    mkdirSync(join(folder, "a.yaml"));
    await until(() => expect(ports()).toEqual({}));
    await until(() => expect(problems()).toEqual([]));
  });
});

describe("a restart comes back to the same state", () => {
  test("with a broken document, an invalid object and a refused one", async () => {
    const folder = makeFolder();
    const state = join(makeFolder(), "state", "last-good.json");
    const files = {
      "a.yaml": service("a"),
      "b.yaml": service("b"),
      "c.yaml": service("c"),
      "d.yaml": service("d"),
    };
    for (const [path, text] of Object.entries(files)) writeFileSync(join(folder, path), text);
    const first = await open(folder, { state });
    first.store.settle();
    first.write("a.yaml", "kind: [");
    first.write("b.yaml", service("b", "true"));
    first.write("c.yaml", service("c", 81));
    await until(() => expect(first.ports()).toEqual({ a: 80, b: 80, c: 81, d: 80 }));
    await until(() => expect(first.problems()).toHaveLength(2));
    first.store.quarantine(ref("c"), problem("rejected-by-envoy", ref("c"), [], "Envoy says no."));
    expect(first.ports()).toEqual({ a: 80, b: 80, c: 80, d: 80 });
    const problems = first.problems();
    await first.source.close();
    expect(statSync(state).mode & 0o777).toBe(0o600);

    const second = await open(folder, { state });
    expect(second.ports()).toEqual({ a: 80, b: 80, c: 80, d: 80 });
    expect(second.problems().sort()).toEqual(problems.sort());
    second.write("a.yaml", service("a", 81));
    second.write("b.yaml", service("b", 81));
    second.write("c.yaml", service("c", 82));
    await until(() => expect(second.ports()).toEqual({ a: 81, b: 81, c: 82, d: 80 }));
    expect(second.problems()).toEqual([]);
    expect(JSON.parse(readFileSync(state, "utf8")).objects).toEqual([]);
    expect([...first.errors, ...second.errors]).toEqual([]);
  });

  test("a state file that is no good is reported and does no harm", async () => {
    const folder = makeFolder();
    const state = join(makeFolder(), "last-good.json");
    writeFileSync(join(folder, "a.yaml"), service("a"));
    writeFileSync(state, "{");
    const { ports, errors } = await open(folder, { state });
    expect(ports()).toEqual({ a: 80 });
    expect(errors).toHaveLength(1);
  });
});

test("whatever is edited, the end is the same as a fresh read", async () => {
  const file = fc.constantFrom("a.yaml", "b.yaml", "d/a.yaml", "d/c.yaml", "e/a.yaml");
  const part = fc.oneof(
    { weight: 4, arbitrary: fc.tuple(fc.constantFrom("x", "y", "z"), fc.integer({ min: 1, max: 9 })) },
    { weight: 1, arbitrary: fc.constantFrom("broken", "invalid") },
  );
  const edit = fc.oneof(
    fc.record({
      kind: fc.constant("write"),
      file,
      parts: fc.array(part, { maxLength: 4 }),
      inPlace: fc.boolean(),
    }),
    fc.record({ kind: fc.constant("remove"), file }),
    fc.record({ kind: fc.constant("rename"), file, to: file }),
    fc.record({
      kind: fc.constant("move folder"),
      from: fc.constantFrom("d", "e"),
      to: fc.constantFrom("d", "e"),
    }),
    fc.record({ kind: fc.constant("wait"), ms: fc.constantFrom(1, 15, 40) }),
  );
  type Part = typeof part extends fc.Arbitrary<infer T> ? T : never;
  const textOf = (parts: readonly Part[]) =>
    parts
      .map((one) =>
        one === "broken"
          ? "kind: [\n"
          : one === "invalid"
            ? service("x", "true")
            : service(String(one[0]), one[1]),
      )
      .join("---\n");

  await fc.assert(
    fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 12 }), async (edits) => {
      const folder = makeFolder();
      const live = await open(folder);
      const bad = new Set<string>();
      for (const one of edits) {
        if (one.kind === "write" && "parts" in one) {
          const path = join(folder, one.file);
          mkdirSync(dirname(path), { recursive: true });
          writeFileSync(one.inPlace ? path : `${path}.new`, textOf(one.parts));
          if (!one.inPlace) renameSync(`${path}.new`, path);
          if (one.parts.some((each) => typeof each === "string")) bad.add(one.file);
        } else if (one.kind === "remove" && "file" in one) {
          rmSync(join(folder, one.file), { force: true });
        } else if (one.kind === "rename" && "to" in one && "file" in one) {
          mkdirSync(dirname(join(folder, one.to)), { recursive: true });
          if (existsSync(join(folder, one.file))) renameSync(join(folder, one.file), join(folder, one.to));
          if (bad.has(one.file)) bad.add(one.to);
        } else if (one.kind === "move folder" && "from" in one && one.from !== one.to) {
          rmSync(join(folder, one.to), { recursive: true, force: true });
          if (existsSync(join(folder, one.from))) renameSync(join(folder, one.from), join(folder, one.to));
          for (const each of [...bad]) bad.add(each.replace(/^[de]\//, `${one.to}/`));
        } else if ("ms" in one) {
          await sleep(one.ms);
        }
      }
      // A fresh read has no last good versions, so nothing may be broken in the end.
      for (const each of bad) {
        if (existsSync(join(folder, each))) writeFileSync(join(folder, each), service("w"));
      }
      const fresh = await open(folder);
      await until(() => {
        expect(live.ports()).toEqual(fresh.ports());
        expect(live.problems().sort()).toEqual(fresh.problems().sort());
      });
      await Promise.all([live.source.close(), fresh.source.close()]);
    }),
    { numRuns: 25 },
  );
}, 60_000);

describe("catching up", () => {
  test("reads what was written a moment ago, and names a file that is perhaps only half written", async () => {
    const folder = makeFolder();
    const file = join(folder, "a.yaml");
    writeFileSync(file, `${service("one")}---\n${service("two")}`);
    const { source, store } = await open(folder);
    writeFileSync(file, `${service("one")}---\n${service("two", 81)}`);
    expect(await source.catchUp()).toEqual([]);
    expect(store.get(ref("two"))).toMatchObject({ spec: { ports: [{ port: 81 }] } });
    writeFileSync(file, service("one"));
    expect(await source.catchUp()).toEqual([file]);
    while ((await source.catchUp()).length > 0) await sleep(5);
    expect(store.get(ref("two"))).toBeUndefined();
  });
});
