import { expect, test } from "vitest";
import { closestName } from "./closest-name.ts";

const known = ["key-auth", "rate-limiting", "cors", "acl", "minute"];

test.each([
  ["key-atuh", "key-auth"],
  ["rate-limitng", "rate-limiting"],
  ["Cors", "cors"],
  ["minutes", "minute"],
  ["my-own-plugin", undefined],
  ["", undefined],
])("%s means %s", (name, expected) => {
  expect(closestName(name, known)).toBe(expected);
});
