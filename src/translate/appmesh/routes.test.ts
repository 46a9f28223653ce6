import { describe, expect, test } from "vitest";
import type { Forward, Route } from "#model/route.ts";
import { djManifests } from "./dj-manifests.ts";
import { instanceOf, setUpMesh } from "./mesh-test-setup.ts";

/** The routes that dj sees behind jazz when the router has these routes, and the problems. */
function route(routes: string, listeners = "[{portMapping: {port: 9080, protocol: http}}]") {
  const mesh = setUpMesh();
  mesh.apply(djManifests);
  mesh.start(instanceOf("dj", { app: "dj" }));
  mesh.apply(`
apiVersion: appmesh.k8s.aws/v1beta2
kind: VirtualRouter
metadata: {name: jazz-router, namespace: prod}
spec:
  listeners: ${listeners}
  routes: ${routes}`);
  const at = (port: number) => mesh.destinations.get(`prod/dj-0|jazz.prod.svc.cluster.local|${port}`)?.routes;
  return { mesh, at, routes: at(9080) ?? [], problems: mesh.problems() };
}

const action = "action: {weightedTargets: [{virtualNodeRef: {name: jazz-v1}, weight: 1}]}";
const forward = (found: Route | undefined): Forward => {
  if (found?.action.kind !== "forward") throw new Error("no forward");
  return found.action;
};

describe("order", () => {
  test("is by priority, then the longer path, then the file's order", () => {
    const { routes, problems } = route(`[
      {name: unset-root, httpRoute: {match: {prefix: /}, ${action}}},
      {name: unset-first, httpRoute: {match: {prefix: /aa}, ${action}}},
      {name: unset-second, httpRoute: {match: {prefix: /bb}, ${action}}},
      {name: low, priority: 1000, httpRoute: {match: {prefix: /}, ${action}}},
      {name: high, priority: 0, httpRoute: {match: {prefix: /}, ${action}}}]`);
    expect(routes.map((one) => one.name)).toEqual([
      "high",
      "low",
      "unset-first",
      "unset-second",
      "unset-root",
    ]);
    expect(problems).toEqual([]);
  });
});

describe("matches", () => {
  test("take everything that App Mesh knew", () => {
    const { routes, problems } = route(`[
      {name: all, httpRoute: {${action}, match: {
        path: {regex: '/v[0-9]+/.*'}, method: POST, scheme: https,
        headers: [
          {name: X-Exact, match: {exact: a}}, {name: prefix, match: {prefix: b}}, {name: suffix, match: {suffix: c}},
          {name: regex, match: {regex: d+}, invert: true}, {name: range, match: {range: {start: 1, end: 5}}}, {name: here}],
        queryParameters: [{name: page}, {name: sort, match: {exact: up}}]}}},
      {name: exact, httpRoute: {match: {path: {exact: /only}}, ${action}}}]`);
    expect(problems).toEqual([]);
    expect(routes.map((one) => one.match)).toEqual([
      {
        path: { kind: "regex", pattern: "/v[0-9]+/.*", full: true },
        methods: ["POST"],
        headers: [
          { name: ":scheme", match: { kind: "exact", value: "https" } },
          { name: "x-exact", match: { kind: "exact", value: "a" } },
          { name: "prefix", match: { kind: "prefix", value: "b" } },
          { name: "suffix", match: { kind: "suffix", value: "c" } },
          { name: "regex", match: { kind: "regex", pattern: "d+" }, invert: true },
          { name: "range", match: { kind: "range", start: 1, end: 5 } },
          { name: "here", match: { kind: "present" } },
        ],
        query: [
          { name: "page", match: { kind: "present" } },
          { name: "sort", match: { kind: "exact", value: "up" } },
        ],
      },
      { path: { kind: "exact", value: "/only" } },
    ]);
  });

  test("of gRPC name a service, perhaps a method", () => {
    const { routes } = route(
      `[
      {name: any, grpcRoute: {match: {}, ${action}}},
      {name: service, grpcRoute: {match: {serviceName: a.B}, ${action}}},
      {name: method, grpcRoute: {match: {serviceName: a.B, methodName: C, metadata: [{name: who, match: {exact: me}}]}, ${action}}}]`,
      "[{portMapping: {port: 9080, protocol: grpc}}]",
    );
    expect(routes.map((one) => one.match)).toEqual([
      {
        path: { kind: "exact", value: "/a.B/C" },
        grpc: true,
        headers: [{ name: "who", match: { kind: "exact", value: "me" } }],
      },
      { path: { kind: "prefix", value: "/a.B/" }, grpc: true },
      { path: { kind: "prefix", value: "/" }, grpc: true },
    ]);
  });
});

describe("retries and timeouts", () => {
  test("follow the policy", () => {
    const { routes } = route(`[
      {name: a, httpRoute: {match: {prefix: /}, ${action}, timeout: {perRequest: {unit: s, value: 60}, idle: {unit: ms, value: 0}},
        retryPolicy: {httpRetryEvents: [gateway-error, client-error, stream-error], tcpRetryEvents: [connection-error],
          maxRetries: 4, perRetryTimeout: {unit: ms, value: 250}}}}]`);
    expect(forward(routes[0])).toMatchObject({
      timeouts: { request: 60_000, idle: 0 },
      retry: {
        on: ["reset", "refused-stream", "connect-failure", "retriable-status-codes"],
        statusCodes: [409, 502, 503, 504],
        retries: 4,
        perTryTimeoutMs: 250,
        avoidPreviousHosts: true,
      },
    });
  });

  test.each([
    [
      "httpRetryEvents: [server-error]",
      ["reset", "retriable-status-codes"],
      [500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511],
    ],
    ["httpRetryEvents: [client-error]", ["retriable-status-codes"], [409]],
    ["httpRetryEvents: [stream-error]", ["refused-stream"], undefined],
    ["tcpRetryEvents: [connection-error]", ["connect-failure"], undefined],
  ])("%s", (events, on, statusCodes) => {
    const { routes } = route(`[{name: a, httpRoute: {match: {prefix: /}, ${action},
      retryPolicy: {${events}, maxRetries: 1, perRetryTimeout: {unit: s, value: 0}}}}]`);
    expect(forward(routes[0]).retry).toEqual({
      on,
      ...(statusCodes === undefined ? {} : { statusCodes }),
      retries: 1,
      avoidPreviousHosts: true,
    });
  });

  test("of gRPC keep Envoy's words", () => {
    const { routes } = route(
      `[{name: a, grpcRoute: {match: {}, ${action}, retryPolicy: {grpcRetryEvents: [cancelled, unavailable],
        maxRetries: 1, perRetryTimeout: {unit: s, value: 1}}}}]`,
      "[{portMapping: {port: 9080, protocol: grpc}}]",
    );
    expect(forward(routes[0]).retry?.on).toEqual(["cancelled", "unavailable"]);
  });

  test("may be switched off, or forgotten", () => {
    const { routes, problems } = route(`[
      {name: off, httpRoute: {match: {prefix: /a}, ${action},
        retryPolicy: {httpRetryEvents: [server-error], maxRetries: 0, perRetryTimeout: {unit: s, value: 1}}}},
      {name: none, httpRoute: {match: {prefix: /b}, ${action},
        retryPolicy: {maxRetries: 2, perRetryTimeout: {unit: s, value: 1}}}}]`);
    expect(routes.map((one) => forward(one).retry)).toEqual([undefined, undefined]);
    expect(problems).toEqual([
      "VirtualRouter prod/jazz-router spec.routes[1].httpRoute.retryPolicy: invalid-field A retry policy names at least one event; without any, nothing is retried.",
    ]);
  });
});

describe("weights", () => {
  test("of 0 are kept, but all of them give 503", () => {
    const { routes, problems } = route(`[
      {name: canary, httpRoute: {match: {prefix: /a}, action: {weightedTargets: [
        {virtualNodeRef: {name: jazz-v1}, weight: 100}, {virtualNodeRef: {name: jazz-v2}, weight: 0}]}}},
      {name: nobody, httpRoute: {match: {prefix: /b}, action: {weightedTargets: [{virtualNodeRef: {name: jazz-v1}, weight: 0}]}}}]`);
    expect(forward(routes[0]).backends.map((one) => one.weight)).toEqual([100, 0]);
    expect(routes[1]?.action).toEqual({ kind: "reply", status: 503 });
    expect(problems).toEqual([
      "VirtualRouter prod/jazz-router spec.routes[1].httpRoute.action.weightedTargets: invalid-field All weights are 0, so no node can be chosen; requests get 503.",
    ]);
  });

  test("of missing nodes keep their share", () => {
    const { routes, problems } = route(`[
      {name: a, httpRoute: {match: {prefix: /}, action: {weightedTargets: [
        {virtualNodeRef: {name: jazz-v1}, weight: 3}, {virtualNodeRef: {name: jazz-v3}, weight: 1}]}}}]`);
    expect(forward(routes[0]).backends.map((one) => [one.cluster, one.weight])).toEqual([
      ["cds_egress_dj-app_jazz-v1_prod_http_9080", 3],
      [undefined, 1],
    ]);
    expect(problems).toEqual([
      "VirtualRouter prod/jazz-router spec.routes[0].httpRoute.action.weightedTargets[1].virtualNodeRef: reference-missing VirtualNode prod/jazz-v3 does not exist.",
    ]);
  });

  test("go to nodes by ARN, too", () => {
    const { routes, problems } = route(`[
      {name: a, httpRoute: {match: {prefix: /}, action: {weightedTargets: [
        {virtualNodeARN: 'arn:aws:appmesh:us-west-2:000000000000:mesh/dj-app/virtualNode/jazz-v2_prod', weight: 1},
        {virtualNodeARN: 'arn:aws:appmesh:us-west-2:000000000000:mesh/dj-app/virtualNode/unknown', weight: 1},
        {weight: 1}]}}}]`);
    expect(forward(routes[0]).backends.map((one) => one.cluster)).toEqual([
      "cds_egress_dj-app_jazz-v2_prod_http_9080",
      undefined,
      undefined,
    ]);
    expect(problems).toEqual([
      "VirtualRouter prod/jazz-router spec.routes[0].httpRoute.action.weightedTargets[1].virtualNodeARN: reference-missing No VirtualNode of the mesh dj-app has the AWS name unknown, with which the ARN ends.",
      "VirtualRouter prod/jazz-router spec.routes[0].httpRoute.action.weightedTargets[2]: reference-missing Neither virtualNodeRef nor virtualNodeARN says which VirtualNode is meant.",
    ]);
  });
});

describe("several listeners", () => {
  test("have routes of their own", () => {
    const { at, mesh, problems } = route(
      `[
      {name: first, httpRoute: {match: {prefix: /, port: 80}, ${action}}},
      {name: second, httpRoute: {match: {prefix: /, port: 9090}, ${action}}},
      {name: both, httpRoute: {match: {prefix: /both}, ${action}}},
      {name: neither, httpRoute: {match: {prefix: /, port: 1}, ${action}}}]`,
      "[{portMapping: {port: 9090, protocol: http}}, {portMapping: {port: 80, protocol: http}}]",
    );
    expect(at(80)?.map((one) => one.name)).toEqual(["both", "first"]);
    expect(at(9090)?.map((one) => one.name)).toEqual(["both", "second"]);
    expect(at(9080)).toBeUndefined();
    const host = (port: number) =>
      mesh.find(mesh.virtualHosts, `prod/dj-0|jazz.prod.svc.cluster.local|${port}`);
    expect([host(80)?.name, ...(host(80)?.domains ?? [])]).toEqual([
      "jazz.prod.svc.cluster.local:80",
      "jazz.prod.svc.cluster.local",
      "jazz.prod.svc.cluster.local:80",
    ]);
    expect(host(9090)?.domains).toEqual(["jazz.prod.svc.cluster.local:9090"]);
    expect(mesh.identities.get("prod/dj-0")?.httpPorts).toEqual([80, 9080, 9090]);
    expect(problems).toEqual([
      "VirtualRouter prod/jazz-router spec.routes[2].httpRoute.match.port: invalid-field The router has several listeners, so a route should say to which port it belongs; this one is served on all.",
      "VirtualRouter prod/jazz-router spec.routes[3].httpRoute.match.port: invalid-field The router does not listen on port 1; the route never matches.",
    ]);
  });
});

describe("what App Mesh refused", () => {
  test.each([
    [
      `{name: a, httpRoute: {match: {}, ${action}}}`,
      "A route matches by either prefix or path; neither is set, and the route is not served.",
    ],
    [
      `{name: a, httpRoute: {match: {prefix: /, path: {exact: /}}, ${action}}}`,
      "A route matches by either prefix or path; both are set, and the route is not served.",
    ],
    [
      `{name: a, httpRoute: {match: {path: {exact: /, regex: /}}, ${action}}}`,
      "A path is matched by either exact or regex; the route is not served.",
    ],
    [
      `{name: a, httpRoute: {match: {prefix: x}, ${action}}}`,
      "A prefix starts with a slash; x never matches.",
    ],
    [
      `{name: a, httpRoute: {match: {path: {regex: '/(?!x)'}}, ${action}}}`,
      "The regular expression has a negative look-ahead (?!…), which RE2 cannot hold; what it belongs to is not served.",
    ],
    [
      `{name: a, httpRoute: {match: {prefix: /, headers: [{name: h, match: {regex: '(a)\\1'}}]}, ${action}}}`,
      "The regular expression has the back-reference \\1, which RE2 cannot hold; what it belongs to is not served.",
    ],
    [
      `{name: a, httpRoute: {match: {prefix: /, headers: [{name: h, match: {exact: a, prefix: a}}]}, ${action}}}`,
      "A match is one of exact, prefix, suffix, regex and range; this one has exact and prefix.",
    ],
    [
      `{name: a, httpRoute: {match: {prefix: /, headers: [{name: h, match: {range: {start: 2, end: 2}}}]}, ${action}}}`,
      "A range's end must be greater than its start.",
    ],
    [
      `{name: a, grpcRoute: {match: {methodName: M}, ${action}}}`,
      "A methodName needs a serviceName; the route is not served.",
    ],
    [
      `{name: a}`,
      "A route is one of httpRoute, http2Route, grpcRoute and tcpRoute; this one is none. It is not served.",
    ],
    [
      `{name: a, tcpRoute: {${action}}}`,
      "A TCP route is not supported yet; it comes with a later version. It is not served.",
    ],
  ])("%s", (text, message) => {
    const { routes, problems } = route(`[${text}]`);
    expect(routes).toEqual([]);
    expect(
      problems.some((one) => one.endsWith(message)),
      problems.join("\n"),
    ).toBe(true);
  });

  test("two routes of one name are both served", () => {
    const { routes, problems } = route(
      `[{name: a, httpRoute: {match: {prefix: /}, ${action}}}, {name: a, httpRoute: {match: {prefix: /}, ${action}}}]`,
    );
    expect(routes).toHaveLength(2);
    expect(problems).toEqual([
      "VirtualRouter prod/jazz-router spec.routes[1].name: invalid-field Two routes are named a; both are served.",
    ]);
  });

  test("a route of another protocol than the listener's is served all the same", () => {
    const { routes, problems } = route(`[{name: a, http2Route: {match: {prefix: /}, ${action}}}]`);
    expect(routes).toHaveLength(1);
    expect(problems).toEqual([
      "VirtualRouter prod/jazz-router spec.routes[0].http2Route: invalid-field The router listens for http, but this route is for http2. It is served all the same.",
    ]);
  });
});
