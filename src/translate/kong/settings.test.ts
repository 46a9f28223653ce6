import { describe, expect, test } from "vitest";
import type { Forward, Route } from "#model/route.ts";
import { setUpKong } from "./kong-test-setup.ts";

type Annotations = Readonly<Record<string, string>>;

const prefixed = (annotations: Annotations) =>
  Object.fromEntries(
    Object.entries(annotations).map(([key, value]) => [key.includes("/") ? key : `konghq.com/${key}`, value]),
  );

function service(annotations: Annotations = {}, port: object = { port: 9080 }): string {
  return `\n---\n${JSON.stringify({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "jazz", namespace: "prod", annotations: prefixed(annotations) },
    spec: { ports: [port] },
  })}`;
}

function ingress(
  annotations: Annotations = {},
  path: object = { path: "/dj", pathType: "Prefix" },
  host?: string,
): string {
  return `\n---\n${JSON.stringify({
    apiVersion: "networking.k8s.io/v1",
    kind: "Ingress",
    metadata: { name: "dj", namespace: "prod", annotations: prefixed(annotations) },
    spec: {
      ingressClassName: "kong",
      rules: [
        {
          ...(host === undefined ? {} : { host }),
          http: { paths: [{ ...path, backend: { service: { name: "jazz", port: { number: 9080 } } } }] },
        },
      ],
    },
  })}`;
}

function kongIngress(name: string, more: object): string {
  return `\n---\n${JSON.stringify({ apiVersion: "configuration.konghq.com/v1", kind: "KongIngress", metadata: { name, namespace: "prod" }, ...more })}`;
}

function routesOf(manifests: string): readonly Route[] {
  const kong = setUpKong(manifests);
  return [...kong.virtualHosts.keys()].flatMap((key) => kong.virtualHosts.get(key)?.routes ?? []);
}

function forwardOf(manifests: string): Forward | undefined {
  const [route] = routesOf(manifests);
  return route?.action.kind === "forward" ? route.action : undefined;
}

describe("a route without annotations", () => {
  test("has Kong's defaults", () => {
    expect(routesOf(service() + ingress())).toMatchObject([
      {
        name: "prod.dj.jazz..9080",
        match: { path: { kind: "segments", value: "/dj" } },
        action: {
          kind: "forward",
          backends: [{ cluster: "prod.jazz.9080", weight: 1 }],
          timeouts: { request: 0, idle: 60_000 },
          retry: { retries: 5 },
          websocket: true,
        },
      },
    ]);
    const action = forwardOf(service() + ingress());
    expect([action?.host, action?.path, action?.requestHeaders]).toEqual([undefined, undefined, undefined]);
  });

  test("has a cluster of the Service's name", () => {
    const { clusters } = setUpKong(service() + ingress());
    expect([...clusters.keys()].map((key) => clusters.get(key))).toMatchObject([
      {
        scope: "gateway",
        name: "prod.jazz.9080",
        protocol: "http1",
        connectTimeoutMs: 60_000,
        loadBalancing: "round-robin",
        discovery: { kind: "endpoints", key: "prod/jazz:9080" },
        origin: { object: { kind: "Service" } },
      },
    ]);
  });

  test("answers 503 while its Service is missing, and is told of", () => {
    const kong = setUpKong(ingress());
    expect(kong.route({ path: "/dj" })?.action).toMatchObject({
      backends: [{ cluster: undefined, weight: 1 }],
    });
    expect(kong.problems()).toEqual([
      "Ingress prod/dj spec.rules[0].http.paths[0].backend.service: backend-missing The Service prod/jazz does not exist; requests get 503.",
    ]);
    kong.apply(service({}, { port: 80 }));
    expect(kong.problems()).toEqual([
      "Ingress prod/dj spec.rules[0].http.paths[0].backend.service: backend-missing The Service prod/jazz has no port 9080; requests get 503.",
    ]);
    kong.apply(service());
    expect(kong.route({ path: "/dj" })?.action).toMatchObject({ backends: [{ cluster: "prod.jazz.9080" }] });
  });
});

describe("the path", () => {
  const strip = { "strip-path": "true" };
  test.each<[string, string, Forward["path"]]>([
    ["stays", service() + ingress(), undefined],
    ["loses what was matched", service() + ingress(strip), { kind: "replace-matched", prefix: "/" }],
    [
      "gets the service's path for it",
      service({ path: "/srv/" }) + ingress(strip),
      { kind: "replace-matched", prefix: "/srv" },
    ],
    [
      "gets the service's path before it",
      service({ path: "/srv" }) + ingress(),
      { kind: "regex", pattern: "^(.*)$", substitution: "/srv\\1" },
    ],
    [
      "of Kong's older way is put together as it is",
      service({ path: "/srv" }) + ingress({ ...strip, "path-handling": "v1" }),
      { kind: "regex", pattern: "^/dj/?(.*)$", substitution: "/srv\\1" },
    ],
    [
      "is rewritten as a whole",
      service() + ingress({ rewrite: "/new" }),
      { kind: "replace-all", path: "/new" },
    ],
    [
      "is rewritten with captures",
      service() +
        ingress(
          { rewrite: "/$2/of/$1/\\$" },
          { path: "/~/dj/(\\w+)/(\\w+)", pathType: "ImplementationSpecific" },
        ),
      { kind: "regex", pattern: "^(?:/dj/(\\w+)/(\\w+)).*$", substitution: "/\\2/of/\\1/$" },
    ],
    [
      "keeps to the annotation, not to the KongIngress",
      service() + ingress({ ...strip, override: "ki" }) + kongIngress("ki", { route: { strip_path: false } }),
      { kind: "replace-matched", prefix: "/" },
    ],
    [
      "keeps to the KongIngress of the Ingress's name",
      service() + ingress() + kongIngress("dj", { route: { strip_path: true } }),
      { kind: "replace-matched", prefix: "/" },
    ],
    [
      "keeps to the KongIngress of the Service",
      service({ override: "ki" }) + ingress(strip) + kongIngress("ki", { proxy: { path: "/srv" } }),
      { kind: "replace-matched", prefix: "/srv" },
    ],
  ])("%s", (_, manifests, expected) => {
    expect(forwardOf(manifests)?.path).toEqual(expected);
  });

  test("that is stripped is told to the application", () => {
    expect(forwardOf(service() + ingress(strip))?.requestHeaders).toEqual([
      { op: "set", name: "x-forwarded-prefix", value: "/dj/" },
    ]);
  });

  test("of a service adds nothing to a bare slash", () => {
    const routes = routesOf(service({ path: "/srv" }) + ingress({}, { path: "/", pathType: "Prefix" }));
    expect(routes.map(({ match, action }) => [match.path, action.kind === "forward" && action.path])).toEqual(
      [
        [
          { kind: "exact", value: "/" },
          { kind: "replace-all", path: "/srv" },
        ],
        [
          { kind: "prefix", value: "/" },
          { kind: "regex", pattern: "^(.*)$", substitution: "/srv\\1" },
        ],
      ],
    );
  });
});

describe("the Host header", () => {
  const own = { "preserve-host": "false" };
  test.each<[string, string, Forward["host"]]>([
    ["is the client's", service({ "host-header": "x" }) + ingress(), undefined],
    ["is the endpoint's", service() + ingress(own), "upstream-address"],
    [
      "is the Service's where it is called itself",
      service({ "ingress.kubernetes.io/service-upstream": "true" }) + ingress(own),
      { value: "jazz.prod.svc:9080" },
    ],
    [
      "is what the Service says, with the endpoint's port",
      service({ "host-header": "x.example" }, { port: 9080, targetPort: 8080 }) + ingress(own),
      { value: "x.example:8080" },
    ],
    [
      "leaves out the usual port",
      service({ "host-header": "x.example" }, { port: 9080, targetPort: 80 }) + ingress(own),
      { value: "x.example" },
    ],
    [
      "is what the KongIngress says",
      service({ override: "ki" }) +
        ingress(own) +
        kongIngress("ki", { upstream: { host_header: "y.example" } }),
      { value: "y.example:9080" },
    ],
  ])("%s", (_, manifests, expected) => {
    expect(forwardOf(manifests)?.host).toEqual(expected);
  });
});

test("timeouts and retries are the Service's", () => {
  const manifests = service({ "connect-timeout": "100", "read-timeout": "2000", retries: "2" }) + ingress();
  expect(forwardOf(manifests)).toMatchObject({
    timeouts: { request: 0, idle: 2000 },
    retry: {
      retries: 2,
      on: ["connect-failure", "refused-stream", "reset-before-request"],
      avoidPreviousHosts: true,
    },
  });
  const { clusters } = setUpKong(manifests);
  expect([...clusters.keys()].map((key) => clusters.get(key)?.connectTimeoutMs)).toEqual([100]);
  const once = forwardOf(service({ retries: "0" }) + ingress());
  expect([once?.timeouts, once?.retry]).toEqual([{ request: 0, idle: 60_000 }, undefined]);
});

describe("protocols", () => {
  const secure = { name: "x-forwarded-proto", match: { kind: "exact", value: "https" } };

  test("https only: plain requests get 426, and nothing else is tried", () => {
    const routes = routesOf(service() + ingress({ protocols: "https" }));
    expect(routes).toMatchObject([
      { match: { headers: [secure] }, action: { kind: "forward" } },
      {
        action: {
          kind: "reply",
          status: 426,
          body: '{\n  "message":"Please use HTTPS protocol"\n}',
          headers: [{ name: "content-type" }],
        },
      },
    ]);
    expect(routes[1]?.match.headers).toBeUndefined();
  });

  test.each<[string, Annotations, object]>([
    [
      "a redirect",
      { protocols: "https", "https-redirect-status-code": "301" },
      { kind: "redirect", status: 301, scheme: "https", host: "dj.example" },
    ],
    [
      "a forced redirect",
      { "ingress.kubernetes.io/force-ssl-redirect": "true" },
      { kind: "redirect", status: 302, scheme: "https", host: "dj.example" },
    ],
  ])("or %s", (_, annotations, expected) => {
    const routes = routesOf(
      service() + ingress(annotations, { path: "/dj", pathType: "Prefix" }, "dj.example"),
    );
    expect(routes[1]?.action).toEqual(expected);
  });

  test("grpc only: other requests get 415", () => {
    const manifests = service({ protocol: "grpc" }) + ingress({ protocols: "grpc,grpcs" });
    expect(routesOf(manifests)).toMatchObject([
      { match: { grpc: true }, action: { kind: "forward" } },
      {
        action: {
          kind: "reply",
          status: 415,
          body: '{\n  "message":"Non-gRPC request matched gRPC route"\n}',
        },
      },
    ]);
    const { clusters } = setUpKong(manifests);
    expect([...clusters.keys()].map((key) => clusters.get(key)?.protocol)).toEqual(["http2"]);
  });

  test("TLS to the application is refused aloud", () => {
    const kong = setUpKong(service({ protocol: "https" }) + ingress());
    expect(kong.route({ path: "/dj" })?.action).toMatchObject({ backends: [{ cluster: undefined }] });
    expect(kong.codes()).toEqual(["not-supported Service prod/jazz"]);
  });
});

describe("an annotation that is", () => {
  test.each<[string, string, string]>([
    ["no boolean", ingress({ "strip-path": "yes" }), "Ingress prod/dj"],
    ["no method", ingress({ methods: "GET,P0ST" }), "Ingress prod/dj"],
    ["no protocol", ingress({ protocols: "https,htp" }), "Ingress prod/dj"],
    ["no code", ingress({ "https-redirect-status-code": "303" }), "Ingress prod/dj"],
    ["no number", ingress({ "regex-priority": "high" }), "Ingress prod/dj"],
    ["no path handling", ingress({ "path-handling": "v2" }), "Ingress prod/dj"],
    ["no template", ingress({ rewrite: "/$x" }), "Ingress prod/dj"],
    ["no host", ingress({ "host-aliases": "a.example,b_" }), "Ingress prod/dj"],
    ["the Host header", ingress({ "headers.host": "x" }), "Ingress prod/dj"],
    ["no server name", ingress({ snis: "*.x" }), "Ingress prod/dj"],
    ["no time", service({ "read-timeout": "1s" }) + ingress(), "Service prod/jazz"],
    ["no count", service({ retries: "-1" }) + ingress(), "Service prod/jazz"],
    ["no path", service({ path: "srv" }) + ingress(), "Service prod/jazz"],
    ["no protocol of a service", service({ protocol: "htp" }) + ingress(), "Service prod/jazz"],
  ])("%s has no effect and is told of", (_, manifests, object) => {
    const kong = setUpKong(service() + manifests);
    expect(kong.codes()).toEqual(["backend-no-endpoints Service prod/jazz", `invalid-annotation ${object}`]);
    const plain = setUpKong(service() + ingress());
    expect(kong.virtualHosts.get("*")).toEqual(plain.virtualHosts.get("*"));
  });

  test.each<[string, string, string]>([
    ["the server name", ingress({ snis: "dj.example" }), "not-supported Ingress prod/dj"],
    ["a port below HTTP", ingress({ protocols: "tcp" }), "not-supported Ingress prod/dj"],
    ["a client certificate", service({ "client-cert": "c" }) + ingress(), "not-supported Service prod/jazz"],
    [
      "a write timeout of its own",
      service({ "write-timeout": "1000" }) + ingress(),
      "not-supported Service prod/jazz",
    ],
    ["a missing KongIngress", ingress({ override: "nowhere" }), "reference-missing Ingress prod/dj"],
    [
      "a missing KongIngress of a Service",
      service({ override: "nowhere" }) + ingress(),
      "reference-missing Service prod/jazz",
    ],
    [
      "a missing policy",
      service({ "upstream-policy": "nowhere" }) + ingress(),
      "reference-missing Service prod/jazz",
    ],
    [
      "an older name",
      ingress({ "configuration.konghq.com/protocols": "http" }),
      "deprecated-form Ingress prod/dj",
    ],
    [
      "an expression of another engine",
      ingress({}, { path: "/~/dj(?=x)", pathType: "ImplementationSpecific" }),
      "regex-unsupported Ingress prod/dj",
    ],
  ])("about %s is told of", (_, manifests, code) => {
    expect(setUpKong(service() + manifests).codes()).toContain(code);
  });
});

test("balancing follows the policy, else the KongIngress", () => {
  const policy = (spec: object) =>
    `\n---\n${JSON.stringify({ apiVersion: "configuration.konghq.com/v1beta1", kind: "KongUpstreamPolicy", metadata: { name: "p", namespace: "prod" }, spec })}`;
  const balancing = (manifests: string) => {
    const kong = setUpKong(manifests + ingress());
    const action = kong.route({ path: "/dj" })?.action;
    const [cluster] = [...kong.clusters.keys()].map((key) => kong.clusters.get(key)?.loadBalancing);
    return [cluster, action?.kind === "forward" ? action.hash : undefined];
  };
  const hash = {
    algorithm: "consistent-hashing",
    hashOn: { header: "x-user" },
    hashOnFallback: { input: "ip" },
  };
  expect(balancing(service({ "upstream-policy": "p" }) + policy(hash))).toEqual([
    "ring-hash",
    [
      { on: "header", name: "x-user", terminal: true },
      { on: "ip", terminal: true },
    ],
  ]);
  expect(balancing(service({ "upstream-policy": "p" }) + policy({ algorithm: "least-connections" }))).toEqual(
    ["least-request", undefined],
  );
  const older = kongIngress("ki", {
    upstream: { algorithm: "consistent-hashing", hash_on: "cookie", hash_on_cookie: "c" },
  });
  expect(balancing(service({ override: "ki" }) + older)).toEqual([
    "ring-hash",
    [{ on: "cookie", name: "c", path: "/", terminal: true }],
  ]);
});

test("an expression that Envoy cannot hold leaves the last good version in place", () => {
  const kong = setUpKong(service() + ingress());
  const regex = (text: string) => ingress({}, { path: `/~${text}`, pathType: "ImplementationSpecific" });
  kong.apply(regex("/dj(?=x)"));
  expect(kong.route({ path: "/dj" })?.action.kind).toBe("forward");
  expect(kong.problems().filter((one) => one.startsWith("Ingress"))).toEqual([
    "Ingress prod/dj spec.rules[0].http.paths[0].path: regex-unsupported The regular expression uses a look-ahead (?=…); the path is not served.",
  ]);
  kong.apply(regex("/d[aj]x"));
  expect(kong.route({ path: "/dj" })).toBeUndefined();
  expect(kong.route({ path: "/dax" })?.action.kind).toBe("forward");
});
