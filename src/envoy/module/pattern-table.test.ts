import fc from "fast-check";
import { expect, test } from "vitest";
import { buildPatternTable, patternProblem } from "./pattern-table.ts";

/** Runs a table as the module does. */
function matches(table: Uint8Array, text: string): boolean {
  const view = new DataView(table.buffer, table.byteOffset);
  const states = view.getUint32(0, true);
  const classes = view.getUint32(4, true);
  const accepts = 12 + 256;
  const next = accepts + ((states + 3) & ~3);
  let state = view.getUint32(8, true);
  for (const byte of Buffer.from(text)) {
    state = view.getUint16(next + 2 * (state * classes + view.getUint8(12 + byte)), true);
  }
  return view.getUint8(accepts + state) === 1;
}

test.each([
  ["abc", ["abc"], ["", "ab", "abcd", "xabc"]],
  ["", [""], ["a"]],
  ["a|bc|", ["a", "bc", ""], ["abc", "b"]],
  ["(a|b)*c", ["c", "abbac"], ["ab", "cc"]],
  ["^abc$", ["abc"], ["abcd"]],
  ["a^b|^c$", ["c"], ["ab", "a^b"]],
  ["(^a|b$)+", ["a", "ab", "b"], ["ba", "bb"]],
  ["a{2,3}", ["aa", "aaa"], ["a", "aaaa"]],
  ["a{2}", ["aa"], ["a", "aaa"]],
  ["a{2,}b?", ["aa", "aaaaab"], ["a", "ab"]],
  ["a{0}b", ["b"], ["ab"]],
  ["a{x}", ["a{x}"], ["aa"]],
  ["(?:x+?)*?", ["", "xxx"], ["y"]],
  ["[a-c-]+", ["a-c"], ["d"]],
  ["[]a]", ["]", "a"], ["b"]],
  ["[^a-c]", ["d", "-"], ["a", ""]],
  ["[\\d\\-x]+", ["1-x"], ["\\"]],
  ["[[:alpha:]][[:^digit:]]", ["ab", "a-"], ["1b", "a1"]],
  ["\\w+\\.\\D\\s\\x41\\x{42}", ["ab.x AB"], ["ab.1 AB", "abx AB"]],
  [".", ["a", "\u007f"], ["\n", ""]],
  ["(?s).", ["\n"], [""]],
  ["(?i)Ab[c-d](?-i)e", ["aBCe", "ABde"], ["abcE"]],
  ["(?i:a)b", ["Ab"], ["aB"]],
  ["a(?i)b|c", ["aB", "C"], ["AB"]],
  ["(?P<name>a)(?<other>b)", ["ab"], ["a"]],
  ["\\Qa.b\\E+", ["a.b", "a.b"], ["axb"]],
  ["é+", ["é"], ["e"]],
  ["\\A(a)\\z", ["a"], ["aa"]],
  [
    "https?://[a-z0-9-]+\\.example\\.(com|org)(:\\d+)?",
    ["http://a-1.example.org:80"],
    ["http://a.example.net"],
  ],
])("%s matches %j, not %j", (pattern, good, bad) => {
  const table = buildPatternTable(pattern);
  for (const text of good) expect([text, matches(table, text)]).toEqual([text, true]);
  for (const text of bad) expect([text, matches(table, text)]).toEqual([text, false]);
});

test("agrees with JavaScript's regular expressions", () => {
  const atom = fc.constantFrom("a", "b", "c", ".", "[ab]", "[^a]", "\\w", "\\d", "\\.", "(?:)", "^", "$");
  const { pattern } = fc.letrec<{ pattern: string }>((tie) => ({
    pattern: fc.oneof(
      { maxDepth: 4, depthSize: "small" },
      atom,
      fc.tuple(tie("pattern"), tie("pattern")).map(([a, b]) => `${a}${b}`),
      fc.tuple(tie("pattern"), tie("pattern")).map(([a, b]) => `(?:${a}|${b})`),
      fc
        .tuple(tie("pattern"), fc.constantFrom("*", "+", "?", "{2}", "{1,3}", "*?", "+?"))
        .map(([a, times]) => `(?:${a})${times}`),
    ),
  }));
  const text = fc.string({ unit: fc.constantFrom("a", "b", "c", "1", ".", "\n"), maxLength: 6 });
  fc.assert(
    fc.property(pattern, fc.array(text, { maxLength: 8 }), (one, texts) => {
      const table = buildPatternTable(one);
      const known = new RegExp(`^(?:${one})$`);
      for (const sample of texts) {
        // JavaScript's dot stops at other line ends, too; only \n is among the samples.
        if (matches(table, sample) !== known.test(sample)) return false;
      }
      return true;
    }),
    { numRuns: 2000 },
  );
});

test.each([
  ["(", "has a parenthesis that is not closed"],
  ["a)", "has a parenthesis that closes nothing"],
  ["*a", "has a * that repeats nothing"],
  ["a(?=b)", "uses look-around or a group of another kind"],
  ["(?<!a)b", "uses look-around or a group of another kind"],
  ["(a)\\1", "uses \\1"],
  ["\\bword", "uses \\b"],
  ["(?m)^a", "uses the flag m"],
  ["[b-a]", "has a range in the wrong order"],
  ["[a-\\d]", "has a range that ends with a class"],
  ["[é]", "has a set with characters that are not ASCII"],
  ["[a", "ends too early"],
  ["a\\", "ends too early"],
  ["a{1001}", "repeats more than 1000 times, or in the wrong order"],
  ["(a{1000}){1000}", "is too large"],
  ["(a|b)*a(a|b){12}", "is too large"],
  ["(".repeat(500), "is nested too deeply"],
])("refuses %s", (pattern, problem) => {
  expect(patternProblem(pattern)).toBe(problem);
});

test("accepts what it can build", () => {
  expect(patternProblem("https?://.*\\.example\\.com")).toBeUndefined();
});
