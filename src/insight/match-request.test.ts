import { describe, expect, test } from "vitest";
import type { Route, RouteMatch, VirtualHost } from "#model/route.ts";
import { chooseHost, chooseRoute, mismatch, type RequestShape } from "./match-request.ts";

const origin = { object: { kind: "Ingress", namespace: "a", name: "b" }, field: [] };

function host(name: string, domains: readonly string[]): VirtualHost {
  return { scope: "s", routeTable: "t", name, domains, routes: [] };
}

function request(more: Partial<RequestShape> = {}): RequestShape {
  return { method: "GET", host: "a", path: "/x", query: new Map(), headers: new Map(), ...more };
}

describe("the virtual host that Envoy takes", () => {
  const hosts = [
    host("all", ["*"]),
    host("suffix", ["*.example.com"]),
    host("longer", ["*.shop.example.com"]),
    host("prefix", ["shop.*"]),
    host("exact", ["shop.example.com"]),
    host("port", ["mesh.local:9080"]),
  ];

  test.each([
    ["shop.example.com", "exact"],
    ["SHOP.example.com", "exact"],
    ["shop.example.com:8000", "exact"],
    ["a.example.com", "suffix"],
    ["a.shop.example.com", "longer"],
    ["shop.test", "prefix"],
    ["example.com", "all"],
  ])("for %s at the edge is %s", (name, wanted) => {
    expect(chooseHost(hosts, name, true)?.host.name).toBe(wanted);
  });

  test("counts the port in the mesh", () => {
    expect(chooseHost(hosts, "mesh.local:9080", false)?.host.name).toBe("port");
    expect(chooseHost(hosts.slice(1), "mesh.local", false)).toBeUndefined();
  });
});

describe("a match", () => {
  test.each<[string, RouteMatch, Partial<RequestShape>, string | undefined]>([
    ["prefix", { path: { kind: "prefix", value: "/x" } }, { path: "/xy" }, undefined],
    ["segments", { path: { kind: "segments", value: "/x" } }, { path: "/xy" }, "path /xy is not /x or below"],
    ["segments below", { path: { kind: "segments", value: "/x" } }, { path: "/x/y" }, undefined],
    [
      "regex from the start",
      { path: { kind: "regex", pattern: "/x\\d", full: false } },
      { path: "/x1/y" },
      undefined,
    ],
    [
      "whole regex",
      { path: { kind: "regex", pattern: "/x", full: true } },
      { path: "/x/" },
      "path /x/ is not regex /x",
    ],
    [
      "method",
      { path: { kind: "prefix", value: "/" }, methods: ["POST"] },
      {},
      "method GET is not one of POST",
    ],
    [
      "a missing header",
      {
        path: { kind: "prefix", value: "/" },
        headers: [{ name: "X-A", match: { kind: "exact", value: "1" } }],
      },
      {},
      "header X-A is not exact 1",
    ],
    [
      "an inverted header",
      {
        path: { kind: "prefix", value: "/" },
        headers: [{ name: "x-a", match: { kind: "range", start: 1, end: 3 }, invert: true }],
      },
      { headers: new Map([["x-a", "2"]]) },
      "header x-a must not be in [1, 3)",
    ],
    [
      "a query argument",
      { path: { kind: "prefix", value: "/" }, query: [{ name: "q", match: { kind: "present" } }] },
      { query: new Map([["q", ""]]) },
      undefined,
    ],
    [
      "a regex that ignores case",
      {
        path: { kind: "prefix", value: "/" },
        headers: [{ name: "x-a", match: { kind: "regex", pattern: "v[0-9]+", ignoreCase: true } }],
      },
      { headers: new Map([["x-a", "V12"]]) },
      undefined,
    ],
  ])("%s", (_, match, more, because) => {
    expect(mismatch(match, request(more))).toBe(because);
  });

  test("of several routes the first one counts, and what was passed is told", () => {
    const route = (name: string, value: string): Route => ({
      name,
      match: { path: { kind: "exact", value } },
      action: { kind: "reply", status: 200 },
      policies: [],
      origins: [origin],
    });
    const { route: chosen, passed } = chooseRoute(
      [route("one", "/a"), route("two", "/x"), route("three", "/x")],
      request(),
    );
    expect(chosen?.name).toBe("two");
    expect(passed.map(({ because }) => because)).toEqual(["path /x is not exactly /a"]);
  });
});
