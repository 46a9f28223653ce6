import { describe, expect, test } from "vitest";
import { labelSelectorSchema, matchesSelector } from "./label-selector.ts";

const labels = { app: "kong", tier: "edge" };

describe("a selector", () => {
  test.each([
    [{}, true],
    [{ matchLabels: { app: "kong" } }, true],
    [{ matchLabels: { app: "kong", tier: "core" } }, false],
    [{ matchLabels: { toString: "x" } }, false],
    [{ matchExpressions: [{ key: "app", operator: "In", values: ["a", "kong"] }] }, true],
    [{ matchExpressions: [{ key: "app", operator: "NotIn", values: ["kong"] }] }, false],
    [{ matchExpressions: [{ key: "absent", operator: "NotIn", values: ["kong"] }] }, true],
    [{ matchExpressions: [{ key: "absent", operator: "In", values: ["kong"] }] }, false],
    [{ matchExpressions: [{ key: "tier", operator: "Exists" }] }, true],
    [{ matchExpressions: [{ key: "tier", operator: "DoesNotExist" }] }, false],
    [{ matchExpressions: [{ key: "constructor", operator: "Exists" }] }, false],
    [{ matchLabels: { app: "kong" }, matchExpressions: [{ key: "tier", operator: "DoesNotExist" }] }, false],
  ])("%j matches: %s", (selector, expected) => {
    expect(matchesSelector(labelSelectorSchema.parse(selector), labels)).toBe(expected);
  });

  test.each([
    { matchExpressions: [{ key: "a", operator: "In" }] },
    { matchExpressions: [{ key: "a", operator: "Exists", values: ["b"] }] },
    { matchExpressions: [{ key: "a", operator: "Like", values: ["b"] }] },
    { matchLabels: { a: 1 } },
  ])("%j is invalid", (selector) => {
    expect(labelSelectorSchema.safeParse(selector).success).toBe(false);
  });
});
