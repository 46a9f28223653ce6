import { mkdtempSync, rmSync } from "node:fs";
import { createServer, request, type Server } from "node:http";
import { connect } from "node:http2";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { WorkloadInstance } from "#model/workload.ts";
import { DeltaServer } from "#xds/delta-server.ts";
import { EnvoyUnderTest, until } from "#xds/envoy-under-test.ts";
import type { Resource } from "#xds/resource.ts";
import { resourceTables } from "#xds/resource-tables.ts";
import { djManifests } from "./dj-manifests.ts";
import { instanceOf, setUpMesh } from "./mesh-test-setup.ts";

const scopes = ["prod/dj-0", "prod/jazz-v1-0", "prod/jazz-v2-0"] as const;
const folder = mkdtempSync(join(tmpdir(), "dx-mesh-"));
const socketPath = join(folder, "xds.sock");
const mesh = setUpMesh();
const tables = resourceTables(
  mesh.graph,
  {
    listeners: mesh.listeners,
    virtualHosts: mesh.virtualHosts,
    clusters: mesh.clusters,
    endpoints: mesh.services.endpoints,
    secrets: [],
    consumers: mesh.graph.input("consumers"),
  },
  { edgeFilters: [], additions: () => ({ filters: new Map(), requestHeaders: [], responseHeaders: [] }) },
);
const server = new DeltaServer();
const refusals: string[] = [];
server.on({ nacked: (_stream, type, refused) => refusals.push(`${type} ${JSON.stringify(refused)}`) });
let published = new Map<string, Resource>();
const envoys = new Map<string, EnvoyUnderTest>();
const applications: Server[] = [];
const requests: string[] = [];
let dj: WorkloadInstance;

/** Brings the newest resources to the proxies and waits until they have them. */
async function publish(): Promise<void> {
  const now = new Map<string, Resource>();
  for (const table of tables) {
    for (const key of table.keys()) {
      const resource = table.get(key);
      if (resource !== undefined) now.set(`${resource.scope} ${resource.type} ${resource.name}`, resource);
    }
  }
  for (const scope of scopes) {
    const come = [...now].filter(
      ([id, one]) => one.scope === scope && published.get(id)?.version !== one.version,
    );
    const gone = [...published].filter(([id, one]) => one.scope === scope && !now.has(id));
    server.apply(scope, [
      ...come.map(([, resource]) => ({ type: resource.type, name: resource.name, resource })),
      ...gone.map(([, { type, name }]) => ({ type, name, resource: undefined })),
    ]);
  }
  published = now;
  await until(
    () => [...server.streams()].length === scopes.length && [...server.streams()].every((one) => one.settled),
    10_000,
  );
  expect(refusals).toEqual([]);
}

async function apply(yaml: string): Promise<void> {
  mesh.apply(yaml);
  await publish();
}

function router(weights: readonly [number, number], more = ""): string {
  return `apiVersion: appmesh.k8s.aws/v1beta2
kind: VirtualRouter
metadata: {name: jazz-router, namespace: prod}
spec:
  listeners: [{portMapping: {port: 9080, protocol: http}}]
  routes:
    - name: jazz-route
      httpRoute:
        match: {prefix: /}
        action:
          weightedTargets:
            - {virtualNodeRef: {name: jazz-v1}, weight: ${weights[0]}}
            - {virtualNodeRef: {name: jazz-v2}, weight: ${weights[1]}}${more}`;
}

function egressFilter(type: string): string {
  return `apiVersion: appmesh.k8s.aws/v1beta2
kind: Mesh
metadata: {name: dj-app}
spec: {namespaceSelector: {matchLabels: {mesh: dj-app}}, egressFilter: {type: ${type}}}`;
}

/** What an application gets that uses its sidecar as its HTTP proxy. */
function call(url: string, headers: Record<string, string> = {}): Promise<{ status: number; body: string }> {
  const { host } = new URL(url);
  return new Promise((resolve, reject) => {
    // A connection of its own: an old one would still be with the listener's former version.
    const place = { host: "127.0.0.1", port: dj.egressPort, agent: false };
    const options = { ...place, path: url, headers: { host, ...headers } };
    const sent = request(options, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        body += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
    });
    sent.on("error", reject);
    sent.end();
  });
}

async function startApplication(name: string, port: number): Promise<void> {
  const application = createServer((received, response) => {
    if (received.url === "/ping") return response.end();
    requests.push(`${name} ${received.url} ${received.headers.host}`);
    if (received.url?.startsWith("/fail")) response.statusCode = 503;
    return response.end(name);
  });
  applications.push(application);
  await new Promise<void>((resolve) => application.listen(port, "127.0.0.1", resolve));
}

/** So many ports that were free a moment ago. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createTcpServer());
  await Promise.all(
    servers.map((one) => new Promise<void>((resolve) => one.listen(0, "127.0.0.1", resolve))),
  );
  const ports = servers.map((one) => (one.address() as AddressInfo).port);
  await Promise.all(servers.map((one) => new Promise((resolve) => one.close(resolve))));
  return ports;
}

beforeAll(async () => {
  const ports = await freePorts(12);
  const next = (): number => ports[taken++] ?? 0;
  let taken = 0;
  const running = (app: string, labels: Record<string, string>): WorkloadInstance => ({
    ...instanceOf(app, labels),
    ports: [{ containerPort: 9080, appPort: next(), sidecarPort: next() }],
    egressPort: next(),
  });
  dj = running("dj", { app: "dj" });
  const all = [
    dj,
    running("jazz-v1", { app: "jazz", version: "v1" }),
    running("jazz-v2", { app: "jazz", version: "v2" }),
  ];
  for (const {
    pod,
    ports: [port],
  } of all)
    await startApplication(pod, port?.appPort ?? 0);
  mesh.apply(djManifests);
  mesh.start(...all);
  await server.listen(socketPath);
  for (const scope of scopes) envoys.set(scope, new EnvoyUnderTest({ socketPath, scope }));
  await publish();
  for (const envoy of envoys.values()) await envoy.untilReady();
});

afterAll(async () => {
  for (const envoy of envoys.values()) await envoy.stop();
  await server.close();
  for (const application of applications) application.close();
  rmSync(folder, { recursive: true });
});

const jazz = "http://jazz.prod.svc.cluster.local:9080";

test("a call obeys the router's weights, through both sidecars", async () => {
  await apply(router([50, 50]));
  const counts = new Map<string, number>();
  for (let at = 0; at < 400; at++) {
    const { body } = await call(`${jazz}/`);
    counts.set(body, (counts.get(body) ?? 0) + 1);
  }
  expect([...counts.keys()].sort()).toEqual(["jazz-v1-0", "jazz-v2-0"]);
  // 400 calls at one half: 200 with a standard deviation of 10.
  expect(Math.abs((counts.get("jazz-v1-0") ?? 0) - 200)).toBeLessThan(50);
  expect(requests.at(-1)).toMatch(/ \/ jazz\.prod\.svc\.cluster\.local:9080$/);
  const client = await envoys.get("prod/dj-0")?.admin.stats("jazz-v1_prod_http_9080.upstream_rq_2xx");
  expect(client?.get("cluster.cds_egress_dj-app_jazz-v1_prod_http_9080.upstream_rq_2xx")).toBeGreaterThan(
    100,
  );
  const callee = await envoys.get("prod/jazz-v1-0")?.admin.stats("downstream_rq_2xx");
  expect(callee?.get("http.ingress.downstream_rq_2xx")).toBeGreaterThan(100);
});

test("a changed weight acts at once and fails no call", async () => {
  await apply(router([100, 0]));
  let stop = false;
  const failures: string[] = [];
  const load = (async () => {
    while (!stop) {
      const { status, body } = await call(`${jazz}/`);
      if (status !== 200) failures.push(`${status} ${body}`);
    }
  })();
  for (const weights of [
    [0, 100],
    [100, 0],
    [0, 100],
  ] as const) {
    await apply(router(weights));
    expect((await call(`${jazz}/`)).body).toBe(weights[0] === 0 ? "jazz-v2-0" : "jazz-v1-0");
  }
  stop = true;
  await load;
  expect(failures).toEqual([]);
});

test("weights of nothing but 0 answer 503", async () => {
  await apply(router([0, 0]));
  expect((await call(`${jazz}/`)).status).toBe(503);
  await apply(router([1, 1]));
});

test("App Mesh's default policy retries a 503 twice", async () => {
  requests.length = 0;
  expect((await call(`${jazz}/fail`)).status).toBe(503);
  expect(requests.filter((one) => one.includes("/fail"))).toHaveLength(3);
});

test("a retry policy without retries tries once", async () => {
  await apply(
    router(
      [1, 1],
      "\n        retryPolicy: {httpRetryEvents: [server-error], maxRetries: 0, perRetryTimeout: {unit: s, value: 1}}",
    ),
  );
  requests.length = 0;
  expect((await call(`${jazz}/fail`)).status).toBe(503);
  expect(requests.filter((one) => one.includes("/fail"))).toHaveLength(1);
  await apply(router([1, 1]));
});

test("a path stays as it is where routes match by prefix", async () => {
  await call(`${jazz}/a//b/../c`);
  expect(requests.at(-1)).toContain(" /a//b/../c ");
});

test("routes match by path, header and query, in order of priority", async () => {
  const route = (name: string, priority: number, match: string, node: string) => `
    - name: ${name}
      priority: ${priority}
      httpRoute:
        match: ${match}
        action: {weightedTargets: [{virtualNodeRef: {name: ${node}}, weight: 1}]}`;
  await apply(`apiVersion: appmesh.k8s.aws/v1beta2
kind: VirtualRouter
metadata: {name: jazz-router, namespace: prod}
spec:
  listeners: [{portMapping: {port: 9080, protocol: http}}]
  routes:${[
    route("catch", 10, "{prefix: /}", "jazz-v1"),
    route(
      "header",
      1,
      "{prefix: /, headers: [{name: X-Who, match: {range: {start: 1, end: 3}}}]}",
      "jazz-v2",
    ),
    route("regex", 2, "{path: {regex: '/v[0-9]+'}}", "jazz-v2"),
    route("query", 3, "{prefix: /q/, queryParameters: [{name: a, match: {exact: b}}]}", "jazz-v2"),
    route("scheme", 4, "{prefix: /s/, scheme: http}", "jazz-v2"),
    route("method", 5, "{prefix: /m, method: POST}", "jazz-v2"),
  ].join("")}`);
  const chosen = async (path: string, headers?: Record<string, string>) =>
    (await call(`${jazz}${path}`, headers)).body;
  expect(await chosen("/")).toBe("jazz-v1-0");
  expect(await chosen("/", { "x-who": "2" })).toBe("jazz-v2-0");
  expect(await chosen("/", { "x-who": "3" })).toBe("jazz-v1-0");
  expect(await chosen("/v12")).toBe("jazz-v2-0");
  expect(await chosen("/v12/more")).toBe("jazz-v1-0");
  expect(await chosen("/q/?a=b")).toBe("jazz-v2-0");
  expect(await chosen("/q?a=b")).toBe("jazz-v1-0");
  expect(await chosen("/q/?a=c")).toBe("jazz-v1-0");
  expect(await chosen("/s/")).toBe("jazz-v2-0");
  expect(await chosen("/m")).toBe("jazz-v1-0");
  // Matching by path turns on normalisation.
  expect(await chosen("//x/../v12")).toBe("jazz-v2-0");
  await apply(router([1, 1]));
});

test("what is not among the backends answers 404 until the mesh allows it, without a new listener", async () => {
  const admin = envoys.get("prod/dj-0")?.admin;
  const listeners = "listener_manager.listener_(added|modified|removed|in_place_updated)";
  const before = await admin?.stats(listeners);
  const [port] = dj.ports;
  const urls = [
    "http://jazz-v1.prod.svc.cluster.local:9080/",
    "http://jazz-v1.prod:9080/",
    "http://jazz-v1:9080/",
    // Real DNS.
    `http://localhost:${port?.appPort}/`,
  ];
  const statuses = () => Promise.all(urls.map(async (url) => (await call(url)).status));
  expect(await statuses()).toEqual([404, 404, 404, 404]);
  await apply(egressFilter("ALLOW_ALL"));
  expect(await statuses()).toEqual([200, 200, 200, 200]);
  expect((await call(`${jazz}/`)).status).toBe(200);
  await apply(egressFilter("DROP_ALL"));
  expect(await statuses()).toEqual([404, 404, 404, 404]);
  expect(await admin?.stats(listeners)).toEqual(before);
});

test("an application may speak HTTP/2 with its sidecar", async () => {
  const session = connect(`http://127.0.0.1:${dj.egressPort}`);
  try {
    const status = await new Promise((resolve, reject) => {
      session.on("error", reject);
      const stream = session.request({ ":path": "/", ":authority": "jazz.prod.svc.cluster.local:9080" });
      stream.on("error", reject);
      stream.on("response", (headers) => resolve(headers[":status"]));
      stream.resume();
      stream.end();
    });
    expect(status).toBe(200);
  } finally {
    session.close();
  }
});
