import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { RouteAdditions } from "#envoy/route.ts";
import { Graph } from "#incremental/graph.ts";
import type { Cluster } from "#model/cluster.ts";
import type { Listener } from "#model/listener.ts";
import type { NamedMatch, PathMatch, PathRewrite, Route, RouteAction, VirtualHost } from "#model/route.ts";
import { resourceTables } from "./resource-tables.ts";
import { staticBootstrap } from "./static-bootstrap.ts";

const envoy = process.env.DIOLKOS_ENVOY ?? resolve(import.meta.dirname, "../../.tools/envoy");
const origin = { object: { kind: "Ingress", namespace: "a", name: "b" }, field: [] };
const none: RouteAdditions = { filters: new Map(), requestHeaders: [], responseHeaders: [] };

const path = fc.constantFrom("/", "/a", "/a/", "/a.b/c", "/ä%20", "/x+y");
const pathMatch: fc.Arbitrary<PathMatch> = fc.oneof(
  path.map((value) => ({ kind: "prefix", value }) as const),
  path.map((value) => ({ kind: "exact", value }) as const),
  fc.constantFrom("/", "/a", "/a.b/c").map((value) => ({ kind: "segments", value }) as const),
  fc
    .tuple(fc.constantFrom("/a/(\\d+)", "/(?P<id>x)|/y", "/[^/]+/b"), fc.boolean())
    .map(([pattern, full]) => ({ kind: "regex", pattern, full }) as const),
);
const named: fc.Arbitrary<NamedMatch> = fc.record({
  name: fc.constantFrom("x-a", "Version"),
  match: fc.oneof(
    fc.record({
      kind: fc.constantFrom("exact", "prefix", "suffix", "contains"),
      value: fc.constantFrom("a", "B c"),
    }),
    fc.record({
      kind: fc.constant("regex" as const),
      pattern: fc.constant("v[0-9]+"),
      ignoreCase: fc.boolean(),
    }),
    fc.constant({ kind: "present" as const }),
  ) as fc.Arbitrary<NamedMatch["match"]>,
  invert: fc.boolean(),
});
const rewrite: fc.Arbitrary<PathRewrite> = fc.oneof(
  fc.constantFrom("/", "/srv", "/srv/").map((prefix) => ({ kind: "replace-matched", prefix }) as const),
  fc.constant({ kind: "replace-all", path: "/back\\slash" } as const),
  fc.constant({ kind: "regex", pattern: "^/(.*)$", substitution: "/v/\\1" } as const),
);
const headers = fc.array(
  fc.record({
    op: fc.constantFrom("set", "append", "add-if-absent", "remove"),
    name: fc.constantFrom("x-one", "x-two"),
    value: fc.constantFrom("", "100%", "a b"),
  }),
  { maxLength: 3 },
) as fc.Arbitrary<NonNullable<Route["action"] & { kind: "reply" }>["headers"] & object>;
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const action = fc.oneof(
  fc.record({
    kind: fc.constant("forward"),
    backends: fc.array(
      fc.record({
        cluster: optional(fc.constantFrom("one", "two")),
        weight: fc.nat(100),
        origin: fc.constant(origin),
      }),
      { minLength: 1, maxLength: 3 },
    ),
    host: optional(fc.constantFrom({ value: "a.example" }, "upstream-address")),
    path: optional(rewrite),
    timeouts: fc.record({
      request: fc.nat(20_000),
      idle: fc.nat(5000),
      perTryIdle: fc.integer({ min: 1, max: 900 }),
    }),
    retry: optional(
      fc.record({
        on: fc.constant(["connect-failure", "reset", "retriable-status-codes"]),
        statusCodes: fc.constant([503]),
        retries: fc.nat(5),
        avoidPreviousHosts: fc.boolean(),
      }),
    ),
    hash: optional(
      fc.constant([
        { on: "ip" },
        { on: "header", name: "x-h" },
        { on: "query", name: "q" },
        { on: "cookie", name: "c", path: "/" },
        { on: "path" },
      ]),
    ),
    websocket: fc.boolean(),
    requestHeaders: headers,
    responseHeaders: headers,
  }),
  fc.record({
    kind: fc.constant("redirect"),
    status: fc.constantFrom(301, 302, 303, 307, 308),
    scheme: optional(fc.constant("https")),
    path: optional(rewrite),
  }),
  fc.record({
    kind: fc.constant("reply"),
    status: fc.constantFrom(200, 404, 503),
    body: optional(fc.string()),
    headers,
  }),
) as fc.Arbitrary<RouteAction>;
const route: fc.Arbitrary<Route> = fc.record({
  name: fc.constantFrom("r1", "r2"),
  match: fc.record({
    path: pathMatch,
    methods: fc.constantFrom([], ["GET"], ["GET", "POST"]),
    headers: fc.array(named, { maxLength: 2 }),
    query: fc.array(named, { maxLength: 1 }),
  }),
  action,
  policies: fc.constant([]),
  origins: fc.constant([origin]),
});

test("what the model can hold, Envoy accepts", { timeout: 120_000 }, () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(route, { maxLength: 20 }), { minLength: 20, maxLength: 40 }),
      fc.array(route, { minLength: 70, maxLength: 120 }),
      (hosts, many) => {
        const result = validate([...hosts, many]);
        expect(result.status === 0 ? "" : result.stderr).toBe("");
      },
    ),
    { numRuns: 5, endOnFailure: true },
  );
});

function validate(hosts: readonly (readonly Route[])[]) {
  const graph = new Graph();
  const listeners = graph.input<Listener>("listeners");
  const virtualHosts = graph.input<VirtualHost>("virtual-hosts");
  const clusters = graph.input<Cluster>("clusters");
  const base = { scope: "s", statPrefix: "edge", origins: [origin], address: "127.0.0.1" } as const;
  for (const role of ["edge", "mesh-ingress", "mesh-egress"] as const) {
    listeners.set(role, {
      ...base,
      kind: "http",
      role,
      name: role,
      port: 0,
      routeTable: "table",
      idleTimeoutMs: 1000,
    });
  }
  listeners.set("tcp", { ...base, kind: "tcp", name: "tcp", port: 0, cluster: "one" });
  for (const [at, routes] of hosts.entries()) {
    const host = { scope: "s", routeTable: "table", name: `h${at}`, domains: [`h${at}.example`], routes };
    virtualHosts.set(`${at}`, host);
  }
  const shared = {
    scope: "s",
    origin,
    connectTimeoutMs: 1000,
    loadBalancing: "round-robin",
    protocol: "http1",
  } as const;
  clusters.set("one", { ...shared, name: "one", discovery: { kind: "endpoints", key: "one" } });
  clusters.set("two", {
    ...shared,
    name: "two",
    protocol: "http2",
    loadBalancing: "ring-hash",
    discovery: { kind: "static", endpoints: [{ address: "127.0.0.1", port: 1, weight: 2 }] },
    healthCheck: {
      protocol: "http",
      path: "/",
      intervalMs: 5000,
      timeoutMs: 2000,
      healthyThreshold: 2,
      unhealthyThreshold: 2,
    },
    outlierDetection: { consecutive5xx: 5, intervalMs: 1000, baseEjectionMs: 1000, maxEjectionPercent: 50 },
    circuitBreaker: { maxConnections: 1, maxPendingRequests: 1, maxRequests: 1 },
  });
  for (const discovery of [
    { kind: "dns", host: "a.example", port: 80, all: true },
    { kind: "dns", host: "a.example", port: 81, all: false },
    { kind: "forward-proxy" },
    { kind: "original-destination" },
    { kind: "socket", path: "/tmp/none.sock" },
  ] as const) {
    const name = `${discovery.kind}-${"all" in discovery ? discovery.all : ""}`;
    clusters.set(name, { ...shared, name, discovery });
  }
  const tables = resourceTables(
    graph,
    {
      listeners: [listeners],
      virtualHosts: [virtualHosts],
      clusters: [clusters],
      endpoints: graph.input("endpoints"),
      secrets: [],
      consumers: graph.input("consumers"),
    },
    { edgeFilters: [], additions: () => none },
  );
  graph.flush();
  expect(graph.problems()).toEqual([]);
  const resources = tables.flatMap((table) => [...table.keys()].flatMap((key) => table.get(key) ?? []));
  expect(resources.filter((one) => one.type === "virtualHost")).toHaveLength(hosts.length);
  const folder = mkdtempSync(join(tmpdir(), "diolkos-validate-"));
  try {
    const file = join(folder, "bootstrap.pb");
    writeFileSync(file, staticBootstrap(resources));
    return spawnSync(envoy, ["--mode", "validate", "-c", file, "-l", "error"], { encoding: "utf8" });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
