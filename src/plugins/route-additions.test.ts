import { expect, test } from "vitest";
import type { Policy } from "#model/policy.ts";
import type { Route, RouteMatch } from "#model/route.ts";
import { keyAuth } from "./key-auth.ts";
import { parseConfig } from "./parse-config.ts";
import { plugins } from "./registry.ts";
import { routeAdditions } from "./route-additions.ts";

const origin = { object: { kind: "KongPlugin", namespace: "a", name: "b" }, field: [] };

function markOf(config: unknown, match: RouteMatch): string | undefined {
  const report = () => {
    throw new Error("the configuration is invalid");
  };
  const parsed = parseConfig(keyAuth, config, report);
  if (parsed === undefined) throw new Error("the configuration is invalid");
  const value = keyAuth.parse(parsed, { instance: "i", service: "s", object: "o", report });
  const policy: Policy = { slot: keyAuth.slot, value, instance: "i", origin };
  const route: Route = {
    name: "r",
    match,
    action: { kind: "reply", status: 200 },
    policies: [policy],
    origins: [],
  };
  return routeAdditions(plugins)(route).mark;
}

test("a route that asks for the header that its key-auth hides is marked, so that the request stays there", () => {
  const path = { kind: "prefix", value: "/" } as const;
  const headers = [{ name: "apikey", match: { kind: "present" } }] as const;
  expect(markOf({ hide_credentials: true }, { path, headers })).toMatch(/^[\w-]{16}$/);
  expect(markOf({ hide_credentials: true }, { path })).toBeUndefined();
  expect(markOf({}, { path, headers })).toBeUndefined();
});
