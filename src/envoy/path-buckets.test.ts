import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { PathMatch } from "#model/route.ts";
import { literalPrefix, pathBuckets } from "./path-buckets.ts";

const segment = fc.stringMatching(/^[ab.]{0,3}$/);
const path = fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => `/${parts.join("/")}`);
const match: fc.Arbitrary<PathMatch> = fc.oneof(
  path.map((value) => ({ kind: "prefix", value }) as const),
  path.map((value) => ({ kind: "exact", value }) as const),
  path.map((value) => ({ kind: "segments", value: value.replace(/\/+$/, "") || "/" }) as const),
  fc
    .tuple(path, fc.constantFrom("", ".*", "[ab]+", "(a|b)", "a?", "b*", "\\.a"), fc.boolean())
    .map(([value, end, full]) => ({ kind: "regex", pattern: `${value}${end}`, full }) as const),
);

describe("buckets of a long route table", () => {
  test("choose the same route as the linear table, for every path", () => {
    fc.assert(
      fc.property(
        fc.array(match, { minLength: 33, maxLength: 150 }),
        fc.array(path, { minLength: 5 }),
        (routes, paths) => {
          const buckets = pathBuckets(routes);
          for (const one of paths) {
            const bucket = buckets
              .filter((candidate) => one.startsWith(candidate.prefix))
              .sort((a, b) => b.prefix.length - a.prefix.length)[0];
            const chosen = bucket?.routes.find((at) => matches(routes[at] as PathMatch, one));
            const wanted = routes.findIndex((route) => matches(route, one));
            expect(chosen ?? -1).toBe(wanted);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  test("stay small for a table of many paths", () => {
    const routes = Array.from(
      { length: 5000 },
      (_, at): PathMatch => ({ kind: "segments", value: `/service-${at}` }),
    );
    const buckets = pathBuckets(routes);
    expect(Math.max(...buckets.map((bucket) => bucket.routes.length))).toBeLessThanOrEqual(40);
    expect(buckets.length).toBeLessThan(1000);
  });

  test.each([
    ["/a/b", "/a/b"],
    ["/a/b[0-9]+", "/a/b"],
    ["/a/b?", "/a/"],
    ["/a\\.b/.*", "/a.b/"],
    ["/a\\.*", "/a"],
    ["/(a|b)", "/"],
    ["(?i)/a", "/"],
    [".*", "/"],
    ["/a/\\d+", "/a/"],
    ["^/a", "/a"],
  ])("take from the expression %s the certain beginning %s", (pattern, literal) => {
    expect(literalPrefix({ kind: "regex", pattern, full: true })).toBe(literal);
  });
});

function matches(route: PathMatch, value: string): boolean {
  switch (route.kind) {
    case "prefix":
      return value.startsWith(route.value);
    case "exact":
      return value === route.value;
    case "segments":
      return route.value === "/" || value === route.value || value.startsWith(`${route.value}/`);
    case "regex":
      return new RegExp(route.full ? `^(?:${route.pattern})$` : `^(?:${route.pattern})`).test(value);
  }
}
