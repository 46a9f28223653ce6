import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Step } from "#model/program.ts";
import type { PathRewrite } from "#model/route.ts";
import type { FieldPath } from "#problems/object-ref.ts";
import { formatField } from "#problems/object-ref.ts";
import { otherPlugins } from "./other-plugins.ts";
import { parseConfig } from "./parse-config.ts";
import { type Plugin, phases, type RoutePatch } from "./plugin.ts";
import { plugins } from "./registry.ts";

const find = (name: string): Plugin => {
  const plugin = plugins.find((one) => one.name === name);
  if (plugin === undefined) throw new Error(`no plugin ${name}`);
  return plugin;
};

/** What a configuration comes to: the steps on the route, or what is wrong with it. */
function apply(
  plugin: Plugin,
  config: unknown,
): { steps: readonly Step[]; paths: readonly PathRewrite[]; problems: readonly string[] } {
  const problems: string[] = [];
  const report = (field: FieldPath, message: string, fix?: string) =>
    problems.push(`${formatField(field)}: ${message}${fix === undefined ? "" : ` (${fix})`}`);
  const steps: Step[] = [];
  const paths: PathRewrite[] = [];
  const parsed = parseConfig(plugin, config, report);
  const context = { instance: "route:r", service: "s", object: "KongPlugin/ns/p", report };
  const value = parsed && plugin.parse(parsed, context);
  const patch: RoutePatch = {
    step: (step) => steps.push(step),
    filter: () => {},
    path: (rewrite) => paths.push(rewrite),
    requestHeaders: () => {},
    responseHeaders: () => {},
  };
  if (value !== undefined) plugin.patch(value, patch);
  return { steps, paths, problems };
}

describe("the registry", () => {
  test("is what the folder makes it", async () => {
    const script = join(import.meta.dirname, "..", "..", "scripts", "generate-registry.mjs");
    const { registryText } = (await import(script)) as { registryText: () => string };
    expect(readFileSync(join(import.meta.dirname, "registry.ts"), "utf8")).toBe(registryText());
  });

  test("has every plugin once, in its own place of Kong's order, under its slot's name", () => {
    expect(new Set(plugins.map(({ name }) => name)).size).toBe(plugins.length);
    for (const plugin of plugins) {
      expect(phases).toContain(plugin.phase);
      expect(plugin.slot.name).toBe(plugin.name);
      expect(otherPlugins.has(plugin.name)).toBe(false);
    }
  });
});

describe.each(plugins.map((plugin) => [plugin.name, plugin] as const))("%s", (_, plugin) => {
  test.each(plugin.docs.examples.map(({ title, config }) => [title, config] as const))(
    "example: %s",
    (_title, config) => {
      const { steps, problems } = apply(plugin, config);
      expect(problems).toEqual([]);
      expect(steps).toHaveLength(1);
    },
  );

  test("takes null for absent and no unknown field", () => {
    const config = { ...(plugin.docs.examples[0]?.config as object), notAField: 1 };
    expect(apply(plugin, config).problems).toEqual([
      `notAField: notAField is no field of ${plugin.name} here`,
    ]);
    const nulls = Object.fromEntries(Object.keys(plugin.schema.shape).map((field) => [field, null]));
    expect(apply(plugin, { ...nulls, ...(plugin.docs.examples[0]?.config as object) }).problems).toEqual([]);
  });
});

describe("configurations as Kong reads them", () => {
  test.each<[string, unknown, object]>([
    [
      "key-auth",
      {},
      {
        step: "key-auth",
        names: ["apikey"],
        inHeader: true,
        inQuery: true,
        hideCredentials: false,
        runOnPreflight: true,
        realm: "",
      },
    ],
    ["basic-auth", {}, { step: "basic-auth", realm: "service", hideCredentials: false }],
    ["acl", { whitelist: ["a"] }, { step: "acl", allow: ["a"], deny: [], hideGroupsHeader: false }],
    [
      "ip-restriction",
      { deny: ["10.0.0.1", "fe80::/10"] },
      { step: "ip", allow: [], deny: ["10.0.0.1", "fe80::/10"], status: 403 },
    ],
    [
      "correlation-id",
      {},
      { step: "correlation-id", header: "Kong-Request-ID", generator: "uuid#counter", echo: false },
    ],
    ["request-termination", {}, { step: "reply", status: 503, message: "Service unavailable" }],
    ["request-termination", { status_code: 418 }, { step: "reply", status: 418 }],
    ["request-termination", { status_code: 200, body: "x" }, { step: "reply", status: 200, body: "x" }],
    [
      "request-termination",
      { trigger: "x-stop", message: "no" },
      { step: "reply", status: 503, message: "no", trigger: "x-stop" },
    ],
    [
      "rate-limiting",
      { year: 9, second: 1, minute: 2.5 },
      {
        step: "rate-limit",
        counter: "route:r",
        windows: [
          { unit: "second", limit: 1 },
          { unit: "minute", limit: 2 },
          { unit: "year", limit: 9 },
        ],
        by: { kind: "consumer" },
        hideHeaders: false,
        status: 429,
        message: "API rate limit exceeded",
        faultTolerant: true,
      },
    ],
    [
      "rate-limiting",
      { minute: 1, limit_by: "service" },
      { counter: "route:r|service:s", by: { kind: "service" } },
    ],
    [
      "rate-limiting",
      { minute: 1, limit_by: "header", header_name: "x-a" },
      { by: { kind: "header", name: "x-a" } },
    ],
    ["rate-limiting", { minute: 1, limit_by: "path", path: "/a" }, { by: { kind: "path", path: "/a" } }],
    [
      "rate-limiting",
      { minute: 1, policy: "redis", redis_host: "r", sync_rate: 0.5, redis_timeout: 100 },
      { shared: { store: "KongPlugin/ns/p", syncRate: 0.5, timeoutMs: 100 } },
    ],
    ["cors", { origins: ["*", "https://a.example"] }, { origins: [], originPatterns: [] }],
    [
      "cors",
      { origins: ["https://a.example", "^https://.*\\.b\\.example$", "(.*\\.)?c\\.example"] },
      {
        origins: ["https://a.example"],
        originPatterns: [
          "https://.*\\.b\\.example",
          "[A-Za-z][A-Za-z0-9+.-]*://(?:(.*\\.)?c\\.example)(?::[0-9]+)?",
        ],
      },
    ],
    [
      "request-transformer",
      {
        http_method: "POST",
        rename: { headers: ["a:b"] },
        replace: { headers: ["h:v:w"] },
        add: { querystring: ["q:1", "empty:"] },
      },
      {
        step: "transform-request",
        method: "POST",
        headers: {
          remove: [],
          rename: [{ from: "a", to: "b" }],
          replace: [{ name: "h", value: "v:w" }],
          add: [],
          append: [],
        },
        query: { remove: [], rename: [], replace: [], add: [{ name: "q", value: "1" }], append: [] },
      },
    ],
    [
      "response-transformer",
      { append: { headers: ["a:b"] } },
      {
        step: "transform-response",
        headers: { remove: [], rename: [], replace: [], add: [], append: [{ name: "a", value: "b" }] },
      },
    ],
  ])("%s %j", (name, config, expected) => {
    const { steps, problems } = apply(find(name), config);
    expect(problems).toEqual([]);
    expect(steps).toMatchObject([expected]);
  });

  test.each<[string, unknown, string]>([
    [
      "key-auth",
      { key_name: ["x"] },
      "key_name: key_name is no field of key-auth here (Did you mean key_names?)",
    ],
    [
      "key-auth",
      { key_in_body: true },
      "key_in_body: keys in request bodies are not supported (Let callers send the key in a header.)",
    ],
    [
      "key-auth",
      { anonymous: "guest" },
      "anonymous: an anonymous consumer is not supported (Remove it; callers without a key get 401.)",
    ],
    ["key-auth", { key_names: ["a b"] }, "key_names[0]: Is not a header name."],
    [
      "basic-auth",
      { anonymous: "guest" },
      "anonymous: an anonymous consumer is not supported (Remove it; callers without a password get 401.)",
    ],
    ["acl", {}, ": needs allow or deny"],
    ["acl", { allow: ["a"], deny: ["b"] }, ": allow and deny exclude each other"],
    ["ip-restriction", {}, ": needs allow or deny"],
    [
      "ip-restriction",
      { allow: ["10.0.0.0/33"] },
      "allow[0]: Is neither an IP address nor a range of them. (Write a range as 10.0.0.0/8.)",
    ],
    ["rate-limiting", {}, ": needs a limit: second, minute, hour, day, month, year"],
    [
      "rate-limiting",
      { minute: 5, hour: 3 },
      "hour: the limit for hour cannot be lower than the limit for minute",
    ],
    ["rate-limiting", { minute: 0 }, "minute: Must be more than 0, but is the number 0."],
    ["rate-limiting", { minute: 1, limit_by: "header" }, "header_name: limit_by header needs a header_name"],
    ["rate-limiting", { minute: 1, limit_by: "path" }, "path: limit_by path needs a path"],
    ["rate-limiting", { minute: 1, policy: "redis" }, "redis.host: the policy redis needs a redis.host"],
    [
      "rate-limiting",
      { minute: 1, sync_rate: 1 },
      "sync_rate: sync_rate can only be used with the redis policy",
    ],
    [
      "rate-limiting",
      { minute: 1, policy: "redis", redis: { host: "r" }, sync_rate: 0.01 },
      "sync_rate: sync_rate must be at least 0.02, or -1 to ask for each request",
    ],
    [
      "rate-limiting",
      { minute: 1, policy: "cluster" },
      "policy: the policy cluster needs Kong's database, which does not exist here (Use policy: redis to share counters, or policy: local.)",
    ],
    [
      "rate-limiting",
      { minute: 1, redis: { password: 4711 } },
      "redis.password: Must be text, but is a number. (Put it in quotes.)",
    ],
    [
      "request-termination",
      { message: "a", body: "b" },
      ": message cannot be used with content_type or body",
    ],
    ["request-termination", { content_type: "text/plain" }, ": content_type requires a body"],
    ["request-termination", { echo: true, body: "b" }, ": echo cannot be used with content_type and body"],
    [
      "cors",
      { origins: ["https://(?!a)b"] },
      "origins[0]: the regular expression uses look-around or a group of another kind",
    ],
    [
      "request-transformer",
      { add: { headers: ["x:$(headers.y)"] } },
      "add.headers[0]: templates such as $(headers.name) are not supported (Give a fixed value.)",
    ],
    [
      "request-transformer",
      { add: { body: ["x:1"] } },
      "add.body: changes of the body are not supported (Let the application make them.)",
    ],
    ["request-transformer", { replace: { uri: "x" } }, "replace.uri: does not begin with a slash"],
    [
      "request-transformer",
      { rename: { headers: ["x"] } },
      "rename.headers[0]: does not name a header after the colon (Write it as old-name:new-name.)",
    ],
    [
      "response-transformer",
      { remove: { json: ["x"] } },
      "remove.json: changes of JSON bodies are not supported (Let the application make them.)",
    ],
  ])("%s %j is refused", (name, config, expected) => {
    const { steps, problems } = apply(find(name), config);
    expect(problems).toEqual([expected]);
    expect(steps).toEqual([]);
  });
});

test("request-transformer leaves the path to the route", () => {
  const { steps, paths } = apply(find("request-transformer"), { replace: { uri: "/x" } });
  expect(paths).toEqual([{ kind: "replace-all", path: "/x" }]);
  expect(steps).not.toContainEqual(expect.objectContaining({ uri: "/x" }));
});
