import { expect, test } from "vitest";
import { parseServicesConfig } from "./services-config.ts";

const store = {
  id: "a",
  host: "redis",
  port: 6379,
  database: 0,
  ssl: false,
  sslVerify: false,
  timeoutMs: 2000,
};

test("a valid configuration is read", () => {
  const stores = [store, { ...store, id: "b", username: "u", password: "p", serverName: "redis.example" }];
  expect(parseServicesConfig(JSON.stringify({ stores }))).toEqual({ stores });
});

test.each([
  ["no JSON", '{"stores":[{"password":"hunter2"'],
  ["a wrong type", JSON.stringify({ stores: [{ ...store, password: ["hunter2"] }] })],
  ["an unknown field", JSON.stringify({ stores: [{ ...store, hunter2: true }] })],
  ["a port out of range", JSON.stringify({ stores: [{ ...store, password: "hunter2", port: 70000 }] })],
  ["a duplicate id", JSON.stringify({ stores: [store, { ...store, password: "hunter2" }] })],
  ["no list", '"hunter2"'],
])("%s is refused without quoting it", (_, text) => {
  const result = parseServicesConfig(text);
  expect(result).toHaveProperty("error");
  expect(JSON.stringify(result)).not.toContain("hunter2");
});
