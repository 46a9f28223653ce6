import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { problemCodes } from "./codes.ts";

const page = readFileSync(new URL("../../docs/problems.md", import.meta.url), "utf8");
const sections = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((section) => [section.slice(0, section.indexOf("\n")), section] as const),
);

test("docs/problems.md has one section for each code, and none for anything else", () => {
  expect([...sections.keys()]).toEqual(Object.keys(problemCodes));
});

test.each(Object.entries(problemCodes))(
  "the section %s gives its severity and explains it",
  (code, { severity }) => {
    const [, first, ...rest] = sections.get(code)?.split("\n\n") ?? [];
    expect(first).toBe(`Severity: ${severity}.`);
    expect(rest.join(" ").length).toBeGreaterThan(60);
  },
);

test("every link of docs/problems.md to a code leads to a section", () => {
  for (const [, code = ""] of page.matchAll(/\]\(#([a-z-]+)\)/g)) expect(sections.has(code), code).toBe(true);
});
