import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { parseObject } from "./parse-object.ts";
import { kinds } from "./registry.ts";
import { checkSchema } from "./schema-problems.ts";
import { suggest } from "./suggest.ts";
import { unknownFields } from "./unknown-fields.ts";

describe("parseObject", () => {
  test("takes random data under every kind without throwing, and never shows what is invalid", () => {
    const versioned = kinds.flatMap(({ kind, apiVersions }) =>
      apiVersions.map((version) => [kind, version] as const),
    );
    const fields = fc.dictionary(
      fc.constantFrom(
        "spec",
        "data",
        "config",
        "rules",
        "route",
        "listeners",
        "http",
        "match",
        "credentials",
        "status",
      ),
      fc.oneof(
        fc.jsonValue({ maxDepth: 5 }),
        fc.record({ rules: fc.jsonValue(), listeners: fc.array(fc.jsonValue()) }),
      ),
    );
    fc.assert(
      fc.property(fc.constantFrom(...versioned), fields, ([kind, apiVersion], content) => {
        const document = { ...structuredClone(content), apiVersion, kind, metadata: { name: "a" } };
        for (const { candidate } of parseObject(document, { place: "a.yaml" }).objects) {
          const errors = candidate.problems.filter(({ severity }) => severity === "error");
          expect(candidate.object === undefined).toBe(errors.length > 0);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("an older apiVersion keeps its name and tells that it is read as the newer one", () => {
    const old = kinds.find(({ upgrade, apiVersions }) => upgrade !== undefined && apiVersions.length > 1);
    const apiVersion = old?.apiVersions[1] ?? "";
    const document = { apiVersion, kind: old?.kind, metadata: { name: "a" }, spec: {} };
    const [parsed] = parseObject(document, { place: "a.yaml" }).objects;
    expect(parsed?.candidate.problems.map(({ code }) => code)).toContain("deprecated-form");
    expect(parsed?.candidate.object?.apiVersion ?? apiVersion).toBe(apiVersion);
  });
});

describe("unknownFields", () => {
  const schema = z.object({
    plain: z.string().optional(),
    nested: z.object({ inner: z.number() }).optional(),
    list: z.array(z.object({ item: z.number() })).optional(),
    map: z.record(z.string(), z.object({ value: z.number() })).optional(),
    either: z.union([z.object({ a: z.number() }), z.object({ b: z.number() }), z.string()]).optional(),
    tagged: z
      .discriminatedUnion("type", [
        z.object({ type: z.literal("x"), x: z.number() }),
        z.object({ type: z.literal("y"), y: z.number() }),
      ])
      .optional(),
    any: z.unknown().optional(),
    loose: z.looseObject({ known: z.number() }).optional(),
    transformed: z.object({ t: z.string() }).transform(String).optional(),
    prepared: z.preprocess((value) => value, z.object({ p: z.string() })).optional(),
    open: z.object({ o: z.string() }).optional(),
  });
  const find = (document: Record<string, unknown>) =>
    unknownFields(schema, document, [["open"]]).map(({ path }) => path.join("."));

  test.each([
    [{ plain: "a", other: 1 }, ["other"]],
    [{ nested: { inner: 1, outer: 2 } }, ["nested.outer"]],
    [{ list: [{ item: 1 }, { thing: 1 }] }, ["list.1.thing"]],
    [{ map: { x: { value: 1, valve: 2 } } }, ["map.x.valve"]],
    [{ either: { a: 1, b: 1 } }, []],
    [{ either: { a: 1, c: 1 } }, ["either.c"]],
    [{ either: "text" }, []],
    [{ tagged: { type: "x", x: 1, y: 1 } }, ["tagged.y"]],
    [{ tagged: { type: "x", y: 1, z: 1 } }, ["tagged.z"]],
    [{ any: { a: 1 }, loose: { known: 1, b: 1 } }, []],
    [{ transformed: { t: "", u: "" } }, ["transformed.u"]],
    [{ prepared: { p: "", q: "" } }, ["prepared.q"]],
    [{ open: { anything: 1 } }, []],
    [{ plain: { wrong: "type" }, list: { wrong: "type" }, nested: [1] }, []],
  ])("%j", (document, expected) => {
    expect(find(document)).toEqual(expected);
  });
});

describe("checkSchema", () => {
  const messages = (schema: z.ZodType, document: unknown) =>
    checkSchema(schema, { document, mayShow: () => true }).faults.map(
      ({ field, message, fix }) => `${field.join(".")}: ${message}${fix === undefined ? "" : ` ${fix}`}`,
    );

  test.each([
    [z.object({ a: z.literal("x") }), { a: "y" }, ['a: Must be "x", but is the text "y".']],
    [z.object({ a: z.string().min(1) }), { a: "" }, ["a: Must not be empty."]],
    [z.object({ a: z.string().max(2) }), { a: "abc" }, ["a: Must have at most 2 characters, but has 3."]],
    [z.object({ a: z.number().gt(1) }), { a: 1 }, ["a: Must be more than 1, but is the number 1."]],
    [z.object({ a: z.int() }), { a: 1.5 }, ["a: Must be a whole number, but is the number 1.5."]],
    [
      z.object({ a: z.array(z.string()) }),
      { a: "b" },
      ['a: Must be a list, but is the text "b". Write it as a list, with a dash before each entry.'],
    ],
    [z.object({ a: z.string().regex(/^b$/) }), { a: "c" }, ["a: Must have the form /^b$/."]],
    [z.object({ a: z.string().regex(/^b$/, "must be b") }), { a: "c" }, ["a: Must be b."]],
    [
      z.object({ a: z.string("needs a text") }),
      { a: 1 },
      ['a: Needs a text, but is the number 1. Put it in quotes: "1".'],
    ],
    [z.object({ a: z.object({}) }), { a: null }, ["a: Must be a map of fields, but is empty."]],
    [z.record(z.string().regex(/^b$/, "must be b"), z.string()), { c: "d" }, ["c: The key must be b."]],
    [
      z.union([z.object({ a: z.string() }), z.object({ b: z.string(), c: z.string() })]),
      { a: 1 },
      ['a: Must be text, but is the number 1. Put it in quotes: "1".'],
    ],
  ])("%#", (schema, document, expected) => {
    expect(messages(schema, document)).toEqual(expected);
  });
});

test.each([
  ["selektor", ["selector", "type"], "selector"],
  ["Selector", ["selector"], "selector"],
  ["strip-path", ["strip_path"], "strip_path"],
  ["prot", ["port"], "port"],
  ["x", ["selector"], undefined],
  ["host", ["hostname", "path"], undefined],
])("%s may be meant as one of %j: %s", (word, candidates, expected) => {
  expect(suggest(word, candidates)).toBe(expected);
});
