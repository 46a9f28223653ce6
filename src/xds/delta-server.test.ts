import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DeltaServer, type DeltaServerOptions } from "./delta-server.ts";
import { EnvoyUnderTest, until } from "./envoy-under-test.ts";
import { fetchText, freePort, startBackend, startLoad } from "./http-under-test.ts";
import type { Resource, ResourceType } from "./resource.ts";
import { certificate, privateKey } from "./sample-certificate.ts";
import {
  sample,
  sampleCluster,
  sampleEndpoints,
  sampleForward,
  sampleHost,
  sampleListener,
  sampleRoutes,
} from "./sample-resources.ts";

const scope = "gw";
const ads = { ads: {}, resourceApiVersion: "V3" };
const withoutGrace: DeltaServerOptions = { deliveryOf: () => ({ graceMs: 0 }) };

let directory: string;
let socketPath: string;
let closers: (() => Promise<unknown>)[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "dx-"));
  socketPath = join(directory, "s");
  closers = [];
});

afterEach(async () => {
  for (const close of closers.reverse()) await close();
  rmSync(directory, { recursive: true, force: true });
});

async function serve(options = withoutGrace): Promise<DeltaServer> {
  const server = new DeltaServer(options);
  closers.push(() => server.close());
  await server.listen(socketPath);
  return server;
}

function startEnvoy(): EnvoyUnderTest {
  const envoy = new EnvoyUnderTest({ socketPath, scope });
  closers.push(() => envoy.stop());
  return envoy;
}

async function backend(text: string): Promise<number> {
  const server = await startBackend(text);
  closers.push(() => server.close());
  return server.port;
}

function put(server: DeltaServer, ...resources: Resource[]): void {
  server.apply(
    scope,
    resources.map((resource) => ({ type: resource.type, name: resource.name, resource })),
  );
}

function remove(server: DeltaServer, ...keys: [ResourceType, string][]): void {
  server.apply(
    scope,
    keys.map(([type, name]) => ({ type, name, resource: undefined })),
  );
}

function settled(server: DeltaServer, withinMs = 4000): Promise<void> {
  return until(() => {
    const streams = [...server.streams()];
    return streams.length > 0 && streams.every((stream) => stream.settled);
  }, withinMs);
}

describe("a real Envoy", () => {
  test("gets everything, then each change, and loses what is removed", async () => {
    const server = await serve();
    const port = await freePort();
    put(
      server,
      sampleListener(scope, "l", port, "t"),
      sampleRoutes(scope, "t"),
      sampleHost(scope, "t", "a.test", "one"),
      sampleCluster(scope, "c1"),
      sampleEndpoints(scope, "c1", [await backend("from c1")]),
      sampleForward(scope, "t", "b.test", "c1"),
    );
    const envoy = startEnvoy();
    await settled(server);
    await envoy.untilReady();
    expect(await fetchText(port, "a.test")).toBe("200 one");
    expect(await fetchText(port, "b.test")).toBe("200 from c1");
    expect(await fetchText(port, "c.test")).toBe("404");

    const before = { ...server.counters };
    put(server, sampleHost(scope, "t", "a.test", "two"));
    await settled(server);
    expect(await fetchText(port, "a.test")).toBe("200 two");
    expect(server.counters.pushes - before.pushes).toBe(1);
    expect(server.counters.resourcesSent - before.resourcesSent).toBe(1);
    expect(server.counters.bytesSent - before.bytesSent).toBeLessThan(300);

    put(server, sampleHost(scope, "t", "c.test", "three"));
    await settled(server);
    expect(await fetchText(port, "c.test")).toBe("200 three");

    remove(server, ["virtualHost", "t/b.test"], ["cluster", "c1"], ["endpoints", "e-c1"]);
    await until(async () => !(await envoy.admin.get("/clusters")).body.includes("c1::"));
    expect(await fetchText(port, "b.test")).toBe("404");
    expect(await fetchText(port, "c.test")).toBe("200 three");
  });

  test("takes further listeners with tables of their own, and gives them back", async () => {
    const server = await serve();
    const [one, two] = [await freePort(), await freePort()];
    put(server, sampleListener(scope, "l1", one, "t1"), sampleRoutes(scope, "t1"));
    startEnvoy();
    await settled(server);
    // Envoy does not ask for virtual hosts a second time.
    const second = [
      sampleListener(scope, "l2", two, "t2"),
      sampleRoutes(scope, "t2"),
      sampleHost(scope, "t2", "a.test", "second"),
    ];
    put(server, ...second, sampleHost(scope, "t1", "a.test", "first"));
    await settled(server);
    await until(async () => (await fetchText(two, "a.test")) === "200 second", 3000);
    expect(await fetchText(one, "a.test")).toBe("200 first");
    remove(server, ["listener", "l2"], ["routes", "t2"], ["virtualHost", "t2/a.test"]);
    await settled(server);
    await until(async () => (await fetchText(two, "a.test")).startsWith("failed"), 3000);
    put(server, ...second);
    await settled(server);
    await until(async () => (await fetchText(two, "a.test")) === "200 second", 3000);
  });

  test("never waits for what does not exist: endpoints, routes, hosts, secrets, extensions", async () => {
    const server = await serve();
    const [plain, tls] = [await freePort(), await freePort()];
    put(
      server,
      // No route table, no endpoints, no secret, no extension.
      sampleListener(scope, "l1", plain, "nowhere"),
      sampleCluster(scope, "c1"),
      sampleCluster(scope, "c2", {
        transportSocket: {
          name: "tls",
          typedConfig: {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            commonTlsContext: { tlsCertificateSdsSecretConfigs: [{ name: "no-such", sdsConfig: ads }] },
          },
        },
      }),
      tlsListener(tls),
    );
    const envoy = startEnvoy();
    await settled(server);
    await envoy.untilReady(2000);
    await until(async () => (await fetchText(plain, "a.test")) === "404", 2000);
    await until(
      async () => (await envoy.admin.stats("total_listeners_active")).get(activeListeners) === 2,
      2000,
    );
    // And takes it when it comes.
    put(server, sample(scope, "secret", "server", sampleSecret), sampleRoutes(scope, "t"));
    put(server, sampleHost(scope, "t", "a.test", "secure"));
    await settled(server);
    await until(async () => (await tlsSubject(tls)) === "gateway.test", 2000);
  });

  test("a changed cluster is warm at once", async () => {
    const server = await serve();
    const port = await freePort();
    put(
      server,
      sampleListener(scope, "l", port, "t"),
      sampleRoutes(scope, "t"),
      sampleCluster(scope, "c1"),
      sampleEndpoints(scope, "c1", [await backend("hello")]),
      sampleForward(scope, "t", "a.test", "c1"),
    );
    startEnvoy();
    await settled(server);
    for (const connectTimeout of ["2s", "3s", "4s"]) {
      put(server, sampleCluster(scope, "c1", { connectTimeout }));
      await settled(server, 3000);
    }
    expect(await fetchText(port, "a.test")).toBe("200 hello");
  });

  test("50 swaps of the backend under load: no request fails", async () => {
    const server = await serve();
    const port = await freePort();
    const backends = [await backend("old"), await backend("new")];
    put(
      server,
      sampleListener(scope, "l", port, "t"),
      sampleRoutes(scope, "t"),
      sampleCluster(scope, "c0"),
      sampleEndpoints(scope, "c0", [backends[0] ?? 0]),
      sampleForward(scope, "t", "a.test", "c0"),
    );
    const envoy = startEnvoy();
    await settled(server);
    await envoy.untilReady();
    const stop = startLoad(port, "a.test", 6);
    for (let swap = 1; swap <= 50; swap += 1) {
      server.apply(scope, [
        { type: "cluster", name: `c${swap - 1}`, resource: undefined },
        { type: "endpoints", name: `e-c${swap - 1}`, resource: undefined },
        ...[
          sampleForward(scope, "t", "a.test", `c${swap}`),
          sampleCluster(scope, `c${swap}`),
          sampleEndpoints(scope, `c${swap}`, [backends[swap % 2] ?? 0]),
        ].map((resource) => ({ type: resource.type, name: resource.name, resource })),
      ]);
      await settled(server);
    }
    const answers = await stop();
    expect([...answers.keys()].sort()).toEqual(["200 new", "200 old"]);
    // And without a grace time only the last one is left.
    await until(async () => !(await envoy.admin.get("/clusters")).body.includes("c49::"));
    expect(server.counters.refusals).toBe(0);
  });

  test("a cluster stays for its grace time", async () => {
    const server = await serve({ deliveryOf: () => ({ graceMs: 1500 }) });
    const port = await freePort();
    put(
      server,
      sampleListener(scope, "l", port, "t"),
      sampleRoutes(scope, "t"),
      sampleCluster(scope, "c1"),
      sampleEndpoints(scope, "c1", [1]),
      sampleForward(scope, "t", "a.test", "c1"),
    );
    const envoy = startEnvoy();
    await settled(server);
    remove(server, ["virtualHost", "t/a.test"], ["cluster", "c1"], ["endpoints", "e-c1"]);
    const start = performance.now();
    await settled(server);
    expect(performance.now() - start).toBeLessThan(1300);
    expect((await envoy.admin.get("/clusters")).body).toContain("c1::127.0.0.1:1");
    await until(async () => !(await envoy.admin.get("/clusters")).body.includes("c1::"));
    expect(performance.now() - start).toBeGreaterThan(1450);
  });

  test("is sent nothing when another server with the same content takes over", async () => {
    const first = await serve();
    const port = await freePort();
    const resources = [
      sampleListener(scope, "l", port, "t"),
      sampleRoutes(scope, "t"),
      sampleCluster(scope, "c1"),
      sampleEndpoints(scope, "c1", [await backend("hello")]),
      sampleForward(scope, "t", "a.test", "c1"),
      sampleHost(scope, "t", "b.test", "text"),
    ];
    put(first, ...resources);
    startEnvoy();
    await settled(first);
    const stop = startLoad(port, "a.test", 2);
    // The second one binds while the first one still lives.
    const second = await serve();
    const acknowledged = new Set<string>();
    second.on({
      acknowledged: (_, type, versions) =>
        [...versions.keys()].map((name) => acknowledged.add(`${type} ${name}`)),
    });
    await first.close();
    await until(() => [...second.streams()].length === 1);
    // A proxy that comes back before there is content is not told that there is none.
    await new Promise((resolve) => setTimeout(resolve, 100));
    put(second, ...resources);
    await settled(second);
    expect(second.counters.pushes).toBe(0);
    expect([...acknowledged].sort()).toEqual(resources.map(({ type, name }) => `${type} ${name}`).sort());
    put(second, sampleHost(scope, "t", "b.test", "changed"));
    remove(second, ["virtualHost", "t/a.test"]);
    await settled(second);
    expect(await fetchText(port, "b.test")).toBe("200 changed");
    expect(await fetchText(port, "a.test")).toBe("404");
    expect((await stop()).get("200 hello")).toBeGreaterThan(10);
  });

  test("a bad host is refused, and reported with its resource; all others go on", async () => {
    const server = await serve();
    const port = await freePort();
    put(
      server,
      sampleListener(scope, "l", port, "t"),
      sampleRoutes(scope, "t"),
      sampleHost(scope, "t", "h3.test", "old"),
    );
    startEnvoy();
    await settled(server);
    const refused: string[] = [];
    server.on({ refused: (_, resource, message) => refused.push(`${resource.name}: ${message}`) });
    put(
      server,
      ...Array.from({ length: 8 }, (_, at) =>
        at === 3 ? badHost(`h${at}.test`) : sampleHost(scope, "t", `h${at}.test`, `new ${at}`),
      ),
    );
    await settled(server);
    expect(refused).toEqual(["t/h3.test: missing ]: [a-z"]);
    expect(await fetchText(port, "h3.test")).toBe("200 old");
    for (const at of [0, 1, 2, 4, 5, 6, 7])
      expect(await fetchText(port, `h${at}.test`)).toBe(`200 new ${at}`);
    put(server, sampleHost(scope, "t", "h3.test", "mended"));
    await settled(server);
    expect(await fetchText(port, "h3.test")).toBe("200 mended");
  });
});

const activeListeners = "listener_manager.total_listeners_active";
const sampleSecret = {
  name: "server",
  tlsCertificate: {
    certificateChain: { inlineString: certificate },
    privateKey: { inlineString: privateKey },
  },
};

function badHost(host: string): Resource {
  const name = `t/${host}`;
  return sample(scope, "virtualHost", name, {
    name,
    domains: [host],
    routes: [{ match: { safeRegex: { regex: "[a-z" } }, directResponse: { status: 200 } }],
  });
}

/** A TLS listener whose certificate and one of whose filters come from elsewhere. */
function tlsListener(port: number): Resource {
  return sample(scope, "listener", "l2", {
    name: "l2",
    address: { socketAddress: { address: "127.0.0.1", portValue: port } },
    filterChains: [
      {
        transportSocket: {
          name: "tls",
          typedConfig: {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            commonTlsContext: { tlsCertificateSdsSecretConfigs: [{ name: "server", sdsConfig: ads }] },
          },
        },
        filters: [
          {
            name: "hcm",
            typedConfig: {
              "@type":
                "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
              statPrefix: "l2",
              rds: { routeConfigName: "t", configSource: ads },
              httpFilters: [
                {
                  name: "late",
                  configDiscovery: {
                    configSource: ads,
                    typeUrls: ["type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer"],
                  },
                },
                {
                  name: "router",
                  typedConfig: {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
                  },
                },
              ],
            },
          },
        ],
      },
    ],
  });
}

function tlsSubject(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connectTls({ host: "127.0.0.1", port, rejectUnauthorized: false }, () => {
      const { CN } = socket.getPeerCertificate().subject;
      resolve(String(CN));
      socket.destroy();
    });
    socket.on("error", () => resolve(undefined));
  });
}
