import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { PathMatch } from "#model/route.ts";
import { captureGroups, pathVariants } from "./path-rewrite.ts";

/** What Envoy does with the first variant that matches. */
function rewritten(path: PathMatch, prefix: string, request: string): string | undefined {
  for (const variant of pathVariants(path, { kind: "replace-matched", prefix })) {
    const matched = matchLength(variant.path, request);
    if (matched === undefined) continue;
    if (variant.rewrite === undefined) return request;
    if (variant.rewrite.kind === "prefix") return variant.rewrite.value + request.slice(matched);
    const substitution = variant.rewrite.substitution.replace(/\\(\d+)/g, "$$$1").replaceAll("\\\\", "\\");
    return request.replace(new RegExp(variant.rewrite.pattern), substitution);
  }
  return undefined;
}

function matchLength(path: PathMatch, request: string): number | undefined {
  switch (path.kind) {
    case "exact":
      return request === path.value ? path.value.length : undefined;
    case "prefix":
      return request.startsWith(path.value) ? path.value.length : undefined;
    case "segments":
      return path.value === "/" || request === path.value || request.startsWith(`${path.value}/`)
        ? path.value.length
        : undefined;
    case "regex":
      return new RegExp(`^(?:${path.pattern})${path.full ? "$" : ""}`).exec(request)?.[0].length;
  }
}

describe("replacing the matched prefix", () => {
  test.each<[PathMatch, string, string, string]>([
    [{ kind: "prefix", value: "/dj/jazz" }, "/", "/dj/jazz", "/"],
    [{ kind: "prefix", value: "/dj/jazz" }, "/", "/dj/jazz/", "/"],
    [{ kind: "prefix", value: "/dj/jazz" }, "/", "/dj/jazz/a", "/a"],
    [{ kind: "prefix", value: "/dj/jazz" }, "/", "/dj/jazzfoo", "/foo"],
    [{ kind: "prefix", value: "/dj" }, "/srv", "/dj", "/srv"],
    [{ kind: "prefix", value: "/dj" }, "/srv", "/dj/", "/srv/"],
    [{ kind: "prefix", value: "/dj" }, "/srv", "/djx", "/srv/x"],
    [{ kind: "prefix", value: "/dj/" }, "/srv", "/dj/x", "/srv/x"],
    [{ kind: "prefix", value: "/" }, "/", "/x/y", "/x/y"],
    [{ kind: "prefix", value: "/" }, "/srv", "/x", "/srv/x"],
    [{ kind: "segments", value: "/x" }, "/", "/x/1", "/1"],
    [{ kind: "segments", value: "/x" }, "/", "/x", "/"],
    [{ kind: "exact", value: "/x" }, "/y", "/x", "/y"],
    [{ kind: "regex", pattern: "/v\\d+", full: false }, "/", "/v12/a", "/a"],
    [{ kind: "regex", pattern: "/(a|b)", full: false }, "/srv", "/a", "/srv/"],
    [{ kind: "regex", pattern: "/(a|b)/(c)", full: true }, "/srv", "/a/c", "/srv"],
  ])("%j by %s: %s becomes %s", (path, prefix, request, wanted) => {
    expect(rewritten(path, prefix, request)).toBe(wanted);
  });

  test("joins with exactly one slash, whatever the path", () => {
    const text = fc.stringMatching(/^[ab/]{0,6}$/).map((value) => `/${value}`.replace(/\/+/g, "/"));
    fc.assert(
      fc.property(text, text, text, (prefix, to, rest) => {
        const request = (prefix + rest).replace(/\/+/g, "/");
        const result = rewritten({ kind: "prefix", value: prefix }, to, request);
        expect(result).toMatch(/^\//);
        expect(result).not.toContain("//");
      }),
    );
  });
});

test.each([
  ["/a", 0],
  ["/(a)(?:b)(?P<n>c)(?<m>d)", 3],
  ["\\(a\\)", 0],
  ["[(](a)", 1],
  ["[])(](a)", 1],
])("capture groups of %s: %i", (pattern, count) => {
  expect(captureGroups(pattern)).toBe(count);
});
