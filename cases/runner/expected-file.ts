import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { relative } from "node:path";
import { expect } from "vitest";
import { parse, stringify } from "yaml";
import { root } from "./case-folder.ts";

/** True when the expected files are to be rewritten: `UPDATE_CASES=1`. */
export const updating = (process.env.UPDATE_CASES ?? "") !== "";

let rewritten = 0;

/** Compares a value with the YAML file that holds it, or rewrites that file. */
export function expectFile(path: string, value: unknown): void {
  const text = stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
  const before = existsSync(path) ? readFileSync(path, "utf8") : undefined;
  if (updating) {
    if (before === text) return;
    writeFileSync(path, text);
    rewritten++;
    return;
  }
  const hint = `${relative(root, path)} (UPDATE_CASES=1 rewrites it)`;
  expect(before, `${hint} is missing`).toBeDefined();
  expect(parse(text), hint).toEqual(parse(before ?? ""));
}

/** How many files were rewritten so far. */
export function rewrittenFiles(): number {
  return rewritten;
}
