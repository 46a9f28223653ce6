import { describe, expect, test } from "vitest";
import { mentionedNames, messagesByName, readableMessage } from "./refusal-message.ts";

describe("Envoy's list of bad clusters or listeners", () => {
  test("is cut into one message for each name", () => {
    const error = "Error adding/updating cluster(s) y3: no such socket, with: colon, y700: bad size";
    expect(messagesByName(["y1", "y3", "y700", "y70"], error)).toEqual(
      new Map([
        ["y3", "no such socket, with: colon"],
        ["y700", "bad size"],
      ]),
    );
  });

  test("is not seen in other messages", () => {
    expect(messagesByName(["a"], "a: b").size).toBe(0);
  });
});

describe("names in a message", () => {
  test("count as whole words only", () => {
    const error = 'Duplicate entry in route "t/a.test" of t/a.test.de';
    expect(mentionedNames(["t/a", "t/a.test", "a.test", "t/b"], error)).toEqual(["t/a.test"]);
  });
});

describe("a readable message", () => {
  test.each([
    ["missing ]: [a-z", "missing ]: [a-z"],
    ["Error adding/updating cluster(s) proof-3: bad  size", "bad size"],
    [
      'Proto constraint validation failed (VirtualHostValidationError.Routes[0]: embedded message failed validation | caused by RouteValidationError.DirectResponse: embedded message failed validation | caused by DirectResponseActionValidationError.Status: value must be inside range [200, 600)): name: "x"',
      "routes[0].directResponse.status: value must be inside range [200, 600)",
    ],
  ])("%s", (error, expected) => {
    expect(readableMessage(error, ["proof-3"])).toBe(expected);
  });

  test("is never endless", () => {
    expect(readableMessage("x".repeat(10_000)).length).toBeLessThan(600);
  });
});
