import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkFiles } from "#app/offline.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const pages = [
  ...readdirSync(root).filter((name) => name.endsWith(".md")),
  ...readdirSync(join(root, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
  "examples/dj/README.md",
];
const scratch = mkdtempSync(join(tmpdir(), "diolkos-docs-"));

beforeAll(() => {
  for (const page of pages) {
    const folder = folderOf(page);
    mkdirSync(folder, { recursive: true });
    for (const [at, text] of manifestsOf(page).entries()) {
      writeFileSync(join(folder, nameOf(text, at)), text);
    }
  }
});

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

test.each(pages.filter((page) => manifestsOf(page).length > 0))(
  "the manifests of %s have no error, taken together",
  async (page) => {
    const { problems } = await checkFiles([folderOf(page)], { validate: false });
    expect(problems.filter(({ severity }) => severity === "error")).toEqual([]);
  },
);

test.each(pages)("the commands of %s exist", (page) => {
  const text = read(page);
  const main = readFileSync(join(root, "src", "cli", "main.ts"), "utf8");
  const targets = readFileSync(join(root, "Makefile"), "utf8");
  for (const [, command = ""] of text.matchAll(/(?:^|`|bin\/)diolkos ([a-z]+)/gm)) {
    expect(main, `diolkos ${command}`).toContain(`${command}Command()`);
  }
  for (const [, target = ""] of text.matchAll(/(?:^|`)make ([a-z]+)/gm)) {
    expect(targets, `make ${target}`).toMatch(new RegExp(`^${target}:`, "m"));
  }
});

test.each(pages)("the files that %s links to exist", (page) => {
  const text = read(page);
  for (const [, target = ""] of text.matchAll(/\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)/g)) {
    expect(existsSync(join(root, page, "..", target)), target).toBe(true);
  }
});

/** Commands that start nothing and change nothing. */
const harmless = /^bin\/diolkos (?:check|render|explain\b.* --dir) .*$/gm;

test.each(pages.flatMap((page) => (read(page).match(harmless) ?? []).map((line) => [page, line] as const)))(
  "%s: %s",
  (_, line) => {
    const [program = "", ...args] = line.split(" ");
    const { status, stderr } = spawnSync(join(root, program), args, { cwd: root, encoding: "utf8" });
    expect(status, stderr).toBe(0);
  },
);

/** Fenced YAML blocks that are manifests. */
function manifestsOf(page: string): readonly string[] {
  const text = read(page);
  return [...text.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].flatMap(([, block = ""]) =>
    /^(?:apiVersion|_format_version):/m.test(block) ? [block] : [],
  );
}

function read(page: string): string {
  return readFileSync(join(root, page), "utf8");
}

function folderOf(page: string): string {
  return join(scratch, page.replaceAll("/", "_"));
}

/** LocalWorkloads objects are known by the name of their file. */
function nameOf(text: string, at: number): string {
  return text.includes("kind: LocalWorkloads") ? "diolkos.local.yaml" : `${String(at).padStart(3, "0")}.yaml`;
}
