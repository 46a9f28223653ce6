import { describe, expect, test } from "vitest";
import { setUpKong, type TestRequest } from "./kong-test-setup.ts";

const services = ["a", "b", "c", "d", "e"]
  .map(
    (name) =>
      `{apiVersion: v1, kind: Service, metadata: {name: ${name}, namespace: prod}, spec: {ports: [{port: 80}]}}`,
  )
  .join("\n---\n");

interface PathSpec {
  readonly path?: string;
  readonly type?: string;
  readonly to: string;
}

/** One Ingress in one line of a test. */
function ingress(
  name: string,
  rules: readonly { readonly host?: string; readonly paths: readonly PathSpec[] }[],
  annotations: Readonly<Record<string, string>> = {},
  more: Readonly<Record<string, unknown>> = {},
): string {
  return `\n---\n${JSON.stringify({
    apiVersion: "networking.k8s.io/v1",
    kind: "Ingress",
    metadata: {
      name,
      namespace: "prod",
      annotations: Object.fromEntries(
        Object.entries(annotations).map(([key, value]) => [`konghq.com/${key}`, value]),
      ),
      ...more,
    },
    spec: {
      ingressClassName: "kong",
      rules: rules.map(({ host, paths }) => ({
        ...(host === undefined ? {} : { host }),
        http: {
          paths: paths.map(({ path, type, to }) => ({
            ...(path === undefined ? {} : { path }),
            ...(type === undefined ? {} : { pathType: type }),
            backend: { service: { name: to, port: { number: 80 } } },
          })),
        },
      })),
    },
  })}`;
}

/** The Service that answers, or nothing. */
function asker(manifests: string) {
  const kong = setUpKong(services + manifests);
  return (request: TestRequest): string | undefined => {
    const action = kong.route(request)?.action;
    return action?.kind === "forward" ? action.backends[0]?.cluster?.split(".")[1] : action?.kind;
  };
}

describe("path kinds", () => {
  const ask = asker(
    ingress("paths", [
      {
        paths: [
          { path: "/segments", type: "Prefix", to: "a" },
          { path: "/exact", type: "Exact", to: "b" },
          { path: "/string", type: "ImplementationSpecific", to: "c" },
          { path: "/~/regex/\\d+", type: "ImplementationSpecific", to: "d" },
          { path: "/v1.0", type: "Prefix", to: "e" },
          { path: "/~$", type: "ImplementationSpecific", to: "a" },
        ],
      },
    ]),
  );
  test.each([
    ["/segments", "a"],
    ["/segments/", "a"],
    ["/segments/more", "a"],
    ["/segmentsmore", undefined],
    ["/exact", "b"],
    ["/exact/", undefined],
    ["/exact/more", undefined],
    ["/string", "c"],
    ["/stringmore", "c"],
    ["/regex/12/more", "d"],
    ["/regex/x", undefined],
    // Kong does not quote the dot of an expression that it makes of a path.
    ["/v1.0", "e"],
    ["/v1x0", "e"],
    ["/v1.0/more", "e"],
    ["/v1x0/more", undefined],
    ["/", undefined],
  ])("%s leads to %s", (path, service) => {
    expect(ask({ path })).toBe(service);
  });
});

describe("Kong's order", () => {
  const old = { creationTimestamp: "2020-01-01T00:00:00Z" };
  const young = { creationTimestamp: "2024-01-01T00:00:00Z" };
  const all = (path: string, to: string, type = "ImplementationSpecific") => [
    { paths: [{ path, type, to }] },
  ];
  const on = (host: string, path: string, to: string, type = "ImplementationSpecific") => [
    { host, paths: [{ path, type, to }] },
  ];
  const request = { host: "shop.example.com", path: "/long/path" };
  test.each<[string, string, string, TestRequest]>([
    [
      "a host beats a longer path",
      ingress("x", on("shop.example.com", "/", "a")) + ingress("y", all("/long/path", "b")),
      "a",
      request,
    ],
    [
      "path, method and header beat host and path",
      ingress("x", on("shop.example.com", "/long/path", "a")) +
        ingress("y", all("/", "b"), { methods: "GET", "headers.x-a": "1" }),
      "b",
      { ...request, headers: { "x-a": "1" } },
    ],
    [
      "of as many kinds, the host counts most",
      ingress("x", on("shop.example.com", "/", "a")) +
        ingress("y", all("/long/path", "b"), { methods: "GET" }),
      "a",
      request,
    ],
    [
      "headers count more than methods",
      ingress("x", all("/long/path", "a"), { methods: "GET" }) +
        ingress("y", all("/", "b"), { "headers.x-a": "1" }),
      "b",
      { ...request, headers: { "x-a": "1" } },
    ],
    [
      "a plain host beats a wildcard one with a longer path",
      ingress("x", on("*.example.com", "/long/path", "a")) + ingress("y", on("shop.example.com", "/", "b")),
      "b",
      request,
    ],
    [
      "more header names beat fewer",
      ingress("x", all("/long/path", "a"), { "headers.x-a": "1" }) +
        ingress("y", all("/", "b"), { "headers.x-a": "1", "headers.x-b": "2" }),
      "b",
      { ...request, headers: { "x-a": "1", "x-b": "2" } },
    ],
    [
      "an expression beats a longer prefix",
      ingress("x", all("/long/path", "a")) + ingress("y", all("/~/l", "b")),
      "b",
      request,
    ],
    [
      "an Exact path beats a longer match of another kind",
      ingress("x", all("/long/path", "a", "Exact")) + ingress("y", all("/long/path", "b", "Prefix")),
      "a",
      request,
    ],
    [
      "the higher priority of two expressions counts",
      ingress("x", all("/~/long/path/?$", "a")) + ingress("y", all("/~/l", "b"), { "regex-priority": "5" }),
      "b",
      request,
    ],
    [
      "of equal expressions the longer one counts",
      ingress("x", all("/~/l", "a")) + ingress("y", all("/~/long", "b")),
      "b",
      request,
    ],
    [
      "the longer prefix wins",
      ingress("x", all("/long", "a")) + ingress("y", all("/long/p", "b")),
      "b",
      request,
    ],
    [
      "the older object wins",
      ingress("x", all("/long", "a"), {}, young) + ingress("y", all("/long", "b"), {}, old),
      "b",
      request,
    ],
    [
      "without an age the name decides",
      ingress("x", all("/long", "a")) + ingress("y", all("/long", "b")),
      "a",
      request,
    ],
    [
      "a route's priority lifts the exact part of its prefixes over lower expressions, not the rest",
      ingress("x", all("/long/path", "a", "Prefix"), { "regex-priority": "3" }) +
        ingress("y", all("/~/long/.*", "b"), { "regex-priority": "1" }),
      "a",
      request,
    ],
    [
      "… and the rest stays behind them",
      ingress("x", all("/long", "a", "Prefix"), { "regex-priority": "3" }) +
        ingress("y", all("/~/long/.*", "b"), { "regex-priority": "1" }),
      "b",
      request,
    ],
  ])("%s", (_, manifests, expected, asked) => {
    expect(asker(manifests)(asked)).toBe(expected);
  });

  test("what does not match falls through to wider hosts", () => {
    const ask = asker(
      ingress("plain", on("shop.example.com", "/only", "a", "Exact")) +
        ingress("wild", on("*.example.com", "/wild", "b")) +
        ingress("prefixed", on("other.example.org", "/nothing", "e"), { "host-aliases": "shop.*" }) +
        ingress("any", all("/", "c")),
    );
    expect(ask({ host: "shop.example.com", path: "/only" })).toBe("a");
    expect(ask({ host: "shop.example.com", path: "/wild" })).toBe("b");
    expect(ask({ host: "shop.example.com", path: "/nothing" })).toBe("e");
    expect(ask({ host: "shop.example.com", path: "/else" })).toBe("c");
    expect(ask({ host: "deep.down.example.com", path: "/wild" })).toBe("b");
    expect(ask({ host: "shop.unknown", path: "/nothing" })).toBe("e");
    expect(ask({ host: "shop.unknown", path: "/wild" })).toBe("c");
  });

  test("hosts with a wildcard at their end count on hosts with one at their start", () => {
    const ask = asker(
      ingress("wild", on("*.com", "/", "a")) +
        ingress("prefixed", on("x.org", "/p", "b"), { "host-aliases": "shop.*" }),
    );
    expect(ask({ host: "shop.com", path: "/p" })).toBe("b");
    expect(ask({ host: "hop.com", path: "/p" })).toBe("a");
  });

  test("a method or header that is not there is no match, not an answer", () => {
    const ask = asker(ingress("x", all("/", "a"), { methods: "get, POST", "headers.x-a": "One,two" }));
    expect(ask({ path: "/", headers: { "x-a": "one" } })).toBe("a");
    expect(ask({ path: "/", method: "POST", headers: { "x-a": "TWO" } })).toBe("a");
    expect(ask({ path: "/", method: "PUT", headers: { "x-a": "one" } })).toBeUndefined();
    expect(ask({ path: "/" })).toBeUndefined();
  });

  test("header values may be expressions, looked for anywhere in the value", () => {
    const ask = asker(ingress("x", all("/", "a"), { "headers.x-a": "~*v[0-9]+" }));
    expect(ask({ path: "/", headers: { "x-a": "now V12!" } })).toBe("a");
    expect(ask({ path: "/", headers: { "x-a": "vx" } })).toBeUndefined();
  });
});

describe("objects of the older versions", () => {
  const older = (version: string, path: string) => `
---
apiVersion: ${version}
kind: Ingress
metadata: {name: old, namespace: prod, annotations: {kubernetes.io/ingress.class: kong}}
spec:
  backend: {serviceName: b, servicePort: 80}
  rules: [{http: {paths: [{path: ${path}, backend: {serviceName: a, servicePort: "80"}}]}}]`;
  test.each(["extensions/v1beta1", "networking.k8s.io/v1beta1"])("%s is read", (version) => {
    const ask = asker(older(version, "/dj/jazz"));
    expect(ask({ path: "/dj/jazz" })).toBe("a");
    expect(ask({ path: "/dj/jazzy" })).toBe("a");
    expect(ask({ path: "/" })).toBe("b");
  });

  test("paths with other than plain characters are expressions, as in Kong 2", () => {
    const ask = asker(older("extensions/v1beta1", "'/users/[0-9]+'"));
    expect(ask({ path: "/users/12" })).toBe("a");
    expect(ask({ path: "/users/x" })).toBe("b");
  });
});

describe("classes", () => {
  const plain = (spec: string, annotations = "{}") => `
---
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: one, namespace: prod, annotations: ${annotations}},
 spec: {${spec} rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: a, port: {number: 80}}}}]}}]}}`;
  const isDefault = `
---
{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: kong, annotations: {ingressclass.kubernetes.io/is-default-class: "true"}}}`;
  test.each([
    ["a class by name", plain("ingressClassName: kong,"), "a"],
    [
      "a class by annotation, which wins",
      plain("ingressClassName: nginx,", "{kubernetes.io/ingress.class: kong}"),
      "a",
    ],
    ["another class", plain("ingressClassName: nginx,"), undefined],
    [
      "another class by annotation",
      plain("ingressClassName: kong,", "{kubernetes.io/ingress.class: nginx}"),
      undefined,
    ],
    ["no class", plain(""), undefined],
    ["no class, where Kong's is the default one", plain("") + isDefault, "a"],
  ])("%s", (_, manifests, service) => {
    expect(asker(manifests)({ path: "/" })).toBe(service);
  });

  test("an Ingress that names no class is told so", () => {
    expect(setUpKong(services + plain("")).codes()).toEqual(["no-ingress-class Ingress prod/one"]);
    expect(setUpKong(services + plain("ingressClassName: nginx,")).codes()).toEqual([]);
  });
});

test("of the default backends of a class the oldest one counts", () => {
  const one = (name: string, service: string, created: string) => `
---
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: ${name}, namespace: prod, creationTimestamp: "${created}"},
 spec: {ingressClassName: kong, defaultBackend: {service: {name: ${service}, port: {number: 80}}}}}`;
  const manifests = one("new", "a", "2024-01-01T00:00:00Z") + one("old", "b", "2023-01-01T00:00:00Z");
  expect(asker(manifests)({ host: "any.example", path: "/any" })).toBe("b");
  const kong = setUpKong(services + manifests);
  expect(kong.codes()).toEqual(["backend-no-endpoints Service prod/b", "route-conflict Ingress prod/new"]);
});

test("two routes that take the same requests are told of", () => {
  const kong = setUpKong(
    services +
      ingress("one", [{ host: "a.example", paths: [{ path: "/x", type: "Prefix", to: "a" }] }]) +
      ingress("two", [{ host: "a.example", paths: [{ path: "/x", type: "Prefix", to: "b" }] }]),
  );
  expect(kong.problems().filter((one) => one.includes("route-conflict"))).toEqual([
    "Ingress prod/two spec.rules[0].http.paths[0].path: route-conflict Ingress prod/one has the same path for a.example and wins.",
  ]);
});
