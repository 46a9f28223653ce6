import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { splitDocuments } from "./split-documents.ts";

const yaml = (text: string) => splitDocuments(text, "yaml").map(({ text: part, line }) => [line, part]);
const json = (text: string) => splitDocuments(text, "json").map(({ text: part, line }) => [line, part]);

describe("YAML is cut at markers", () => {
  test("that stand at the start of a line", () => {
    expect(yaml("a: 1\n---\nb: 2\n--- # three\nc: 3\n")).toEqual([
      [0, "a: 1\n"],
      [1, "---\nb: 2\n"],
      [3, "--- # three\nc: 3\n"],
    ]);
  });

  test("a marker in the first line starts the first document", () => {
    expect(yaml("---\na: 1\n---\nb: 2")).toEqual([
      [0, "---\na: 1\n"],
      [2, "---\nb: 2"],
    ]);
  });

  test("not where it is part of a value", () => {
    expect(yaml("a: |\n  ---\n  x\nb: ----\n---x: 1\n")).toHaveLength(1);
  });

  test("three dots end a document", () => {
    expect(yaml("a: 1\n...\nb: 2\n...\n---\nc: 3\n...\n")).toEqual([
      [0, "a: 1\n...\n"],
      [2, "b: 2\n...\n"],
      [4, "---\nc: 3\n...\n"],
    ]);
  });

  test("directives belong to the document after them", () => {
    expect(yaml("%YAML 1.2\n---\na: 1\n...\n%YAML 1.2\n---\nb: 2\n")).toEqual([
      [0, "%YAML 1.2\n---\na: 1\n...\n"],
      [4, "%YAML 1.2\n---\nb: 2\n"],
    ]);
  });

  test("Windows line ends count as well", () => {
    expect(yaml("a: 1\r\n---\r\nb: 2\r\n")).toEqual([
      [0, "a: 1\r\n"],
      [1, "---\r\nb: 2\r\n"],
    ]);
  });

  test("documents without any character are left out", () => {
    expect(yaml("\n\n---\na: 1\n")).toEqual([[2, "---\na: 1\n"]]);
    expect(yaml("")).toEqual([]);
  });
});

describe("JSON is cut after each value", () => {
  test("where several follow one another", () => {
    expect(json('{"a": "}{"}\n{"b": [{}]}\n')).toEqual([
      [0, '{"a": "}{"}'],
      [0, '\n{"b": [{}]}\n'],
    ]);
  });

  test("a single one stays whole", () => {
    expect(json('{\n"a": {}\n}\n')).toEqual([[0, '{\n"a": {}\n}\n']]);
  });
});

test("no character is lost, whatever the text", () => {
  const piece = fc.constantFrom(
    "---",
    "...",
    "%YAML 1.2",
    "a: 1",
    "  - b",
    "# c",
    "\n",
    "\r\n",
    " ",
    "{",
    "}",
    '"',
    "{}",
  );
  fc.assert(
    fc.property(
      fc.array(piece).map((parts) => parts.join("")),
      fc.constantFrom("yaml", "json"),
      (text, format) => {
        const parts = splitDocuments(text, format as "yaml" | "json");
        expect(
          parts
            .map((part) => part.text.trim())
            .join("")
            .replace(/\s/g, ""),
        ).toBe(text.replace(/\s/g, ""));
        for (const { text: part, line } of parts) {
          expect(text.split("\n").slice(line).join("\n").startsWith(part) || text.includes(part)).toBe(true);
        }
      },
    ),
  );
});
