import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { makeStateDirectory } from "./state-directory.ts";

const folder = mkdtempSync(join(tmpdir(), "diolkos-state-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("is made with all folders above it, for this user alone", () => {
  const state = join(folder, "a", "b");
  makeStateDirectory(state);
  makeStateDirectory(state);
  expect(statSync(state).mode & 0o777).toBe(0o700);
});

test.each([
  ["a file", () => join(folder, "file")],
  ["a folder below a file", () => join(folder, "file", "state")],
  ["a place that takes no folders", () => "/proc/diolkos"],
])("%s is refused with the option to use", (_, path) => {
  writeFileSync(join(folder, "file"), "");
  expect(() => makeStateDirectory(path())).toThrow(/cannot be used .* --state/);
});
