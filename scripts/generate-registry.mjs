// Writes src/plugins/registry.ts from the files of that folder that define a plugin. With --check it only compares, and
// fails when the file is stale.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { root } from "./root.mjs";

const folder = join(root, "src", "plugins");
const file = join(folder, "registry.ts");

/** The text of the registry as the folder's files make it. */
export function registryText() {
  const plugins = readdirSync(folder)
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
    .sort()
    .flatMap((name) => {
      const match = /^export const (\w+) = definePlugin\(/m.exec(readFileSync(join(folder, name), "utf8"));
      return match === null ? [] : [{ file: name, constant: match[1] }];
    });
  const imports = plugins.map(({ file, constant }) => `import { ${constant} } from "./${file}";`);
  imports.push('import type { Plugin } from "./plugin.ts";');
  imports.sort((a, b) => order(fileOf(a), fileOf(b)));
  return `// Made by scripts/generate-registry.mjs from the files of this folder; do not edit.
${imports.join("\n")}

/** Every plugin, in alphabetical order. */
export const plugins: readonly Plugin[] = [
${plugins.map(({ constant }) => `  ${constant},`).join("\n")}
];
`;
}

const fileOf = (line) => /from "([^"]+)"/.exec(line)[1];
const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = registryText();
  if (!process.argv.includes("--check")) {
    writeFileSync(file, text);
  } else if (readFileSync(file, "utf8") !== text) {
    console.error("src/plugins/registry.ts is stale; run: node scripts/generate-registry.mjs");
    process.exitCode = 1;
  }
}
