import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingHttpHeaders, request, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DeltaServer } from "#xds/delta-server.ts";
import { EnvoyUnderTest, until } from "#xds/envoy-under-test.ts";
import { resourceTables } from "#xds/resource-tables.ts";
import { setUpKong } from "./kong-test-setup.ts";

const folder = mkdtempSync(join(tmpdir(), "dx-kong-"));
const socketPath = join(folder, "xds.sock");
const server = new DeltaServer();
const refusals: string[] = [];
server.on({ nacked: (_stream, type, refused) => refusals.push(`${type} ${JSON.stringify(refused)}`) });
const applications: Server[] = [];
let envoy: EnvoyUnderTest | undefined;
let gatewayPort = 0;

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** What the application got, when it was asked. */
  readonly got:
    | { readonly app: string; readonly url: string; readonly headers: IncomingHttpHeaders }
    | undefined;
}

function call(path: string, headers: Record<string, string> = {}, method = "GET"): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: "127.0.0.1", port: gatewayPort, path, method, headers, agent: false },
      (response) => {
        let body = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          body += chunk;
        });
        response.on("end", () => {
          const own = response.headers["x-app"] !== undefined;
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body,
            got: own ? JSON.parse(body) : undefined,
          });
        });
      },
    );
    sent.on("error", reject);
    sent.end();
  });
}

async function startApplication(app: string): Promise<number> {
  const application = createServer(({ url, headers }, response) => {
    response.setHeader("x-app", app);
    response.end(JSON.stringify({ app, url, headers }));
  });
  applications.push(application);
  await new Promise<void>((resolve) => application.listen(0, "127.0.0.1", resolve));
  return (application.address() as AddressInfo).port;
}

async function freePort(): Promise<number> {
  const probe = createTcpServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

const service = (name: string, port: number, annotations = "{}") => `---
{apiVersion: v1, kind: Service, metadata: {name: ${name}, namespace: prod, annotations: ${annotations}}, spec: {ports: [{port: 9080}]}}
---
{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, addressType: IPv4,
 metadata: {name: ${name}-1, namespace: prod, labels: {kubernetes.io/service-name: ${name}}},
 endpoints: [{addresses: [127.0.0.1]}], ports: [{port: ${port}}]}
`;
let ingresses = 0;
const ingress = (path: string, annotations: string, to = "app", more = "", type = "Prefix") => `---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: i${ingresses++}, namespace: prod, annotations: {${annotations}}}
spec:
  ingressClassName: kong
  rules: [{${more} http: {paths: [{path: ${JSON.stringify(path)}, pathType: ${type}, backend: {service: {name: ${to}, port: {number: 9080}}}}]}}]
`;

beforeAll(async () => {
  gatewayPort = await freePort();
  const [app, other] = [await startApplication("app"), await startApplication("other")];
  const strip = 'konghq.com/strip-path: "true"';
  const plain = "ImplementationSpecific";
  const kong = setUpKong(
    [
      service("app", app),
      service("other", other),
      service("srv", app, '{konghq.com/path: "/srv"}'),
      service("named", app, "{konghq.com/host-header: named.example}"),
      ingress("/strip", strip),
      ingress("/string", strip, "app", "", plain),
      ingress("/~/regex/\\d+", strip, "app", "", plain),
      ingress("/~/full/(\\w+)$", strip, "app", "", plain),
      ingress("/srv-strip", strip, "srv"),
      ingress("/srv-keep", "", "srv"),
      ingress("/", "", "srv", "host: srv.example,"),
      ingress("/v1", 'konghq.com/strip-path: "true", konghq.com/path-handling: v1', "srv", "", plain),
      ingress("/~/rewrite/(\\w+)/(\\w+)", 'konghq.com/rewrite: "/new/$2/$1"', "app", "", plain),
      ingress("/fixed", "konghq.com/rewrite: /fixed/path"),
      ingress("/named", 'konghq.com/preserve-host: "false"', "named"),
      ingress("/address", 'konghq.com/preserve-host: "false"'),
      ingress("/https", "konghq.com/protocols: https"),
      ingress(
        "/https",
        'konghq.com/protocols: https, konghq.com/https-redirect-status-code: "301"',
        "app",
        "host: tls.example,",
      ),
      ingress("/missing", "", "nowhere"),
      ingress("/grpc", "konghq.com/protocols: grpc"),
      ingress("/method", "konghq.com/methods: POST"),
      ingress("/header", 'konghq.com/headers.x-a: "~*v[0-9]+,exact"'),
      ingress("/v1.0", "", "other"),
      ingress("/exact", "", "other", "", "Exact"),
      ingress("/wild", "", "other", 'host: "*.wild.example",'),
      ingress("/crossing", "konghq.com/host-aliases: shop.*", "other", "host: alias.example,"),
      ingress("/only", "", "app", "host: plain.wild.example,"),
      "---\n{apiVersion: configuration.konghq.com/v1, kind: KongPlugin, metadata: {name: broken, namespace: prod}, plugin: acl}\n",
      ingress("/closed", "konghq.com/plugins: broken"),
    ].join(""),
    gatewayPort,
  );
  const tables = resourceTables(
    kong.graph,
    {
      listeners: [kong.listeners],
      virtualHosts: [kong.virtualHosts],
      clusters: [kong.clusters],
      endpoints: kong.endpoints,
      secrets: [kong.secrets],
      consumers: kong.consumers,
    },
    { edgeFilters: [], additions: () => ({ filters: new Map(), requestHeaders: [], responseHeaders: [] }) },
  );
  kong.graph.flush();
  await server.listen(socketPath);
  server.apply(
    "gateway",
    tables.flatMap((table) =>
      [...table.keys()].flatMap((key) => {
        const resource = table.get(key);
        return resource === undefined ? [] : [{ type: resource.type, name: resource.name, resource }];
      }),
    ),
  );
  envoy = new EnvoyUnderTest({ socketPath, scope: "gateway" });
  await until(
    () => [...server.streams()].length === 1 && [...server.streams()].every((one) => one.settled),
    10_000,
  );
  await envoy.untilReady();
});

afterAll(async () => {
  await envoy?.stop();
  await server.close();
  for (const application of applications) application.close();
  rmSync(folder, { recursive: true });
});

test("Envoy takes everything", () => {
  expect(refusals).toEqual([]);
});

describe("the application gets", () => {
  test.each([
    ["/strip", "/"],
    ["/strip/", "/"],
    ["/strip/a/b?q=/strip", "/a/b?q=/strip"],
    ["/string", "/"],
    ["/stringmore", "/more"],
    ["/string/more", "/more"],
    ["/regex/12", "/"],
    ["/regex/12/rest", "/rest"],
    ["/regex/12rest", "/rest"],
    ["/full/word", "/"],
    ["/srv-strip", "/srv"],
    ["/srv-strip/", "/srv/"],
    ["/srv-strip/a?q", "/srv/a?q"],
    ["/srv-keep/a", "/srv/srv-keep/a"],
    ["/v1/a", "/srv/a"],
    ["/v1a", "/srva"],
    ["/rewrite/a/b/rest?q=1", "/new/b/a?q=1"],
    ["/fixed/x?q=1", "/fixed/path?q=1"],
    // The path is normalised first.
    ["/strip/./a//b/../c", "/a/c"],
  ])("of %s the path %s", async (path, expected) => {
    expect((await call(path)).got).toMatchObject({ app: "app", url: expected });
  });

  test.each([
    ["/", "/srv"],
    ["/a", "/srv/a"],
  ])("of %s with a service path %s", async (path, expected) => {
    expect((await call(path, { host: "srv.example" })).got?.url).toBe(expected);
  });

  test("the prefix that was stripped, and no other's", async () => {
    const headers = { "x-forwarded-prefix": "/spoofed" };
    expect((await call("/strip/a", headers)).got?.headers["x-forwarded-prefix"]).toBe("/strip/");
  });

  test.each([
    ["/strip", "client.example:123"],
    ["/named", "named.example:9080"],
  ])("of %s the Host %s", async (path, host) => {
    expect((await call(path, { host: "client.example:123" })).got?.headers.host).toBe(host);
  });
});

describe("the gateway answers itself", () => {
  const json = "application/json; charset=utf-8";
  test.each([
    ["/https", 426, "Please use HTTPS protocol"],
    ["/missing", 503, "failure to get a peer from the ring-balancer"],
    ["/nothing", 404, "no Route matched with those values"],
    ["/grpc", 415, "Non-gRPC request matched gRPC route"],
    ["/closed", 503, "Service unavailable"],
  ])("%s with %i", async (path, status, message) => {
    const answer = await call(path);
    expect([answer.status, answer.body, answer.headers["content-type"]]).toEqual([
      status,
      `{\n  "message":"${message}"\n}`,
      json,
    ]);
  });

  test("plain requests with a redirect where that is asked for", async () => {
    const redirect = await call("/https/a?q=1", { host: "tls.example:8000" });
    expect([redirect.status, redirect.headers.location]).toEqual([301, "https://tls.example/https/a?q=1"]);
  });
});

describe("the route is found by", () => {
  test.each([
    ["/method", "POST", {}, "app"],
    ["/method", "GET", {}, undefined],
    ["/header", "GET", { "x-a": "now v12!" }, "app"],
    ["/header", "GET", { "x-a": "EXACT" }, "app"],
    ["/header", "GET", { "x-a": "exactly" }, undefined],
    ["/v1.0", "GET", {}, "other"],
    ["/v1x0", "GET", {}, "other"],
    ["/v1.0/more", "GET", {}, "other"],
    ["/exact", "GET", {}, "other"],
    ["/exact/", "GET", {}, undefined],
    ["/wild", "GET", { host: "a.b.wild.example:80" }, "other"],
    ["/wild", "GET", { host: "PLAIN.wild.example" }, "other"],
    ["/only", "GET", { host: "plain.wild.example" }, "app"],
    ["/strip", "GET", { host: "plain.wild.example" }, "app"],
    ["/crossing", "GET", { host: "shop.org" }, "other"],
    ["/crossing", "GET", { host: "shop.wild.example:8000" }, "other"],
    ["/crossing", "GET", { host: "a.wild.example" }, undefined],
  ] as const)("%s %s %j: %s", async (path, method, headers, app) => {
    const answer = await call(path, headers, method);
    expect(answer.got?.app).toBe(app);
    if (app === undefined) expect(answer.status).toBe(404);
  });
});
