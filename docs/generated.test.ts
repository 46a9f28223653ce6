import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { kindsTable, pluginsPage } from "./generated.ts";

const updating = (process.env.UPDATE_DOCS ?? "") !== "";

test("docs/plugins.md is what the plugins say of themselves", () => {
  expectPage("plugins.md", () => pluginsPage());
});

test.each([
  ["kong.md", (version: string) => version.includes("konghq.com/")],
  ["app-mesh.md", (version: string) => version.startsWith("appmesh.k8s.aws/")],
  [
    "standalone.md",
    (version: string) => !version.includes("konghq.com/") && !version.startsWith("appmesh.k8s.aws/"),
  ],
])("docs/%s has the table of the kinds that are read", (page, isGroup) => {
  const table = kindsTable(({ apiVersions }) => isGroup(apiVersions[0] ?? ""));
  expectPage(page, (before) =>
    before.replace(
      /(<!-- Made .*-->\n)[\s\S]*?(<!-- End -->)/,
      (_, begin, end) => `${begin}${table}\n${end}`,
    ),
  );
});

/** Compares a page with what it should be, or rewrites it. */
function expectPage(name: string, page: (before: string) => string): void {
  const path = new URL(name, import.meta.url);
  const before = updating && name === "plugins.md" ? "" : readFileSync(path, "utf8");
  const wanted = page(before);
  if (updating) writeFileSync(path, wanted);
  else expect(before, `docs/${name} is stale; run: UPDATE_DOCS=1 npx vitest run docs/generated`).toBe(wanted);
}
