import { describe, expect, test } from "vitest";
import { djManifests } from "./dj-manifests.ts";
import { instanceOf, setUpMesh } from "./mesh-test-setup.ts";

function djApplication() {
  const mesh = setUpMesh();
  mesh.apply(djManifests);
  mesh.start(
    instanceOf("dj", { app: "dj" }, [9080], 30_000),
    instanceOf("jazz-v1", { app: "jazz", version: "v1" }, [9080], 30_100),
    instanceOf("jazz-v2", { app: "jazz", version: "v2" }, [9080], 30_200),
    instanceOf("metal-v1", { app: "metal", version: "v1" }, [9080], 30_300),
    instanceOf("metal-v2", { app: "metal", version: "v2" }, [9080], 30_400),
  );
  return mesh;
}

describe("the DJ application", () => {
  test("has no problem", () => {
    expect(djApplication().problems()).toEqual([]);
  });

  test("gives each workload and the gateway an identity", () => {
    const { identities } = djApplication();
    expect([...identities.keys()].sort()).toEqual([
      "gateway",
      "prod/dj-0",
      "prod/jazz-v1-0",
      "prod/jazz-v2-0",
      "prod/metal-v1-0",
      "prod/metal-v2-0",
    ]);
    expect(identities.get("gateway")).toEqual({
      scope: "gateway",
      mesh: "dj-app",
      node: { kind: "VirtualNode", namespace: "kong", name: "kong" },
      nodeId: "mesh/dj-app/virtualNode/kong_kong",
      egress: "DROP_ALL",
      ingressPorts: [80],
      httpPorts: [9080],
    });
  });

  test("lets the gateway reach its backends, without listeners or virtual hosts", () => {
    const { destinations, listeners, virtualHosts, clusters, find, keys } = djApplication();
    expect(keys([destinations], "gateway")).toEqual([
      "jazz.prod.svc.cluster.local|9080",
      "metal.prod.svc.cluster.local|9080",
    ]);
    const destination = destinations.get("gateway|jazz.prod.svc.cluster.local|9080");
    expect(destination?.virtualService).toEqual({ kind: "VirtualService", namespace: "prod", name: "jazz" });
    expect(destination?.routes).toEqual([
      {
        name: "jazz-route",
        match: { path: { kind: "prefix", value: "/" } },
        action: {
          kind: "forward",
          backends: [
            {
              cluster: "cds_egress_dj-app_jazz-v1_prod_http_9080",
              weight: 95,
              origin: expect.objectContaining({
                field: ["spec", "routes", 0, "httpRoute", "action", "weightedTargets", 0],
              }),
            },
            expect.objectContaining({ cluster: "cds_egress_dj-app_jazz-v2_prod_http_9080", weight: 5 }),
          ],
          timeouts: { request: 15_000, idle: 300_000 },
          retry: {
            on: ["unavailable", "connect-failure", "refused-stream", "reset", "retriable-status-codes"],
            statusCodes: [503],
            retries: 2,
            avoidPreviousHosts: true,
          },
          websocket: true,
        },
        policies: [],
        origins: [
          {
            object: { kind: "VirtualRouter", namespace: "prod", name: "jazz-router" },
            field: ["spec", "routes", 0],
          },
        ],
      },
    ]);
    expect(keys(listeners, "gateway")).toEqual([]);
    expect(keys(virtualHosts, "gateway")).toEqual([]);
    expect(keys(clusters, "gateway")).toEqual([
      "cds_egress_dj-app_jazz-v1_prod_http_9080",
      "cds_egress_dj-app_jazz-v2_prod_http_9080",
      "cds_egress_dj-app_metal-v1_prod_http_9080",
      "cds_egress_dj-app_metal-v2_prod_http_9080",
    ]);
    expect(find(clusters, "gateway|cds_egress_dj-app_jazz-v1_prod_http_9080")).toEqual({
      scope: "gateway",
      name: "cds_egress_dj-app_jazz-v1_prod_http_9080",
      origin: {
        object: { kind: "VirtualNode", namespace: "prod", name: "jazz-v1" },
        field: ["spec", "listeners", 0],
      },
      discovery: { kind: "endpoints", key: "prod/jazz-v1:9080" },
      protocol: "http1",
      connectTimeoutMs: 1000,
      loadBalancing: "round-robin",
      healthCheck: {
        protocol: "http",
        path: "/ping",
        intervalMs: 5000,
        timeoutMs: 2000,
        healthyThreshold: 2,
        unhealthyThreshold: 2,
      },
    });
  });

  test("leads calls to the callee's sidecar", () => {
    const { services } = djApplication();
    expect(services.endpoints.get("prod/jazz-v1:9080")).toEqual([{ address: "127.0.0.1", port: 30_101 }]);
  });

  test("gives dj a sidecar with an egress and an ingress listener", () => {
    const { listeners, virtualHosts, clusters, find, keys } = djApplication();
    expect(find(listeners, "prod/dj-0|lds_egress_0.0.0.0_15001")).toMatchObject({
      kind: "http",
      role: "mesh-egress",
      address: "127.0.0.1",
      port: 30_005,
      statPrefix: "egress",
      routeTable: "prod/dj-0/rds_egress_http",
    });
    expect(find(listeners, "prod/dj-0|lds_ingress_0.0.0.0_15000")).toMatchObject({
      kind: "http",
      role: "mesh-ingress",
      port: 30_001,
      statPrefix: "ingress",
      routeTable: "prod/dj-0/rds_ingress_http_9080",
    });
    expect(find(clusters, "prod/dj-0|cds_ingress_dj-app_dj_prod_http_9080")).toMatchObject({
      discovery: { kind: "static", endpoints: [{ address: "127.0.0.1", port: 30_000 }] },
      protocol: "http1",
    });
    const hosts = virtualHosts.flatMap((table) => [...table.keys()].flatMap((key) => table.get(key) ?? []));
    expect(
      hosts
        .filter((host) => host.scope === "prod/dj-0")
        .map((host) => [host.routeTable, host.name, ...host.domains]),
    ).toEqual([
      ["prod/dj-0/rds_ingress_http_9080", "dj_prod", "*"],
      ["prod/dj-0/rds_egress_http", "jazz.prod.svc.cluster.local", "jazz.prod.svc.cluster.local:9080"],
      ["prod/dj-0/rds_egress_http", "metal.prod.svc.cluster.local", "metal.prod.svc.cluster.local:9080"],
      ["prod/dj-0/rds_egress_http", "amazonaws", "*.amazonaws.com", "*.amazonaws.com:80"],
    ]);
    expect(keys(clusters, "prod/jazz-v1-0")).toEqual([
      "cds_egress_dj-app_amazonaws",
      "cds_ingress_dj-app_jazz-v1_prod_http_9080",
    ]);
  });
});

describe("a change", () => {
  test("of a weight touches the destinations and hosts that use it", () => {
    const mesh = djApplication();
    const changed = mesh.apply(`
apiVersion: appmesh.k8s.aws/v1beta2
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
            - {virtualNodeRef: {name: jazz-v1}, weight: 50}
            - {virtualNodeRef: {name: jazz-v2}, weight: 50}`);
    expect(changed).toEqual([
      "appmesh/backend-hosts prod/dj-0|jazz.prod.svc.cluster.local|9080",
      "appmesh/destinations gateway|jazz.prod.svc.cluster.local|9080",
      "appmesh/destinations prod/dj-0|jazz.prod.svc.cluster.local|9080",
    ]);
  });

  test("of the egress filter changes hosts and clusters, never a listener", () => {
    const mesh = djApplication();
    const changed = mesh.apply(`
apiVersion: appmesh.k8s.aws/v1beta2
kind: Mesh
metadata: {name: dj-app}
spec:
  namespaceSelector: {matchLabels: {mesh: dj-app}}
  egressFilter: {type: ALLOW_ALL}`);
    const tables = new Set(changed.map((line) => line.split(" ")[0]));
    expect([...tables].sort()).toEqual([
      "appmesh/allowed-clusters",
      "appmesh/allowed-hosts",
      "appmesh/backend-hosts",
      "appmesh/clusters",
      "appmesh/destinations",
      "appmesh/exit-clusters",
      "appmesh/exit-hosts",
      "appmesh/identities",
    ]);
    expect(
      changed.filter((line) => line.includes("prod/dj-0|")).filter((line) => line.includes("hosts")),
    ).toEqual([
      "appmesh/allowed-hosts prod/dj-0|prod/dj:9080",
      "appmesh/allowed-hosts prod/dj-0|prod/jazz-v1:9080",
      "appmesh/allowed-hosts prod/dj-0|prod/jazz-v2:9080",
      "appmesh/allowed-hosts prod/dj-0|prod/jazz:9080",
      "appmesh/allowed-hosts prod/dj-0|prod/metal-v1:9080",
      "appmesh/allowed-hosts prod/dj-0|prod/metal-v2:9080",
      "appmesh/allowed-hosts prod/dj-0|prod/metal:9080",
      "appmesh/exit-hosts prod/dj-0|prod/dj-0/rds_egress_http|mesh-allow-all",
    ]);
    const host = mesh.find(mesh.virtualHosts, "prod/dj-0|prod/metal-v1:9080");
    expect(host?.domains).toEqual([
      "metal-v1.prod.svc.cluster.local:9080",
      "metal-v1.prod.svc:9080",
      "metal-v1.prod:9080",
      "metal-v1:9080",
    ]);
    // The host of a backend is left to the virtual service.
    expect(mesh.find(mesh.virtualHosts, "prod/dj-0|prod/metal:9080")?.domains).not.toContain(
      "metal.prod.svc.cluster.local:9080",
    );
    // jazz-v1 has no backends, but the Service metal has no pods: the virtual service stands in for it.
    expect(mesh.find(mesh.virtualHosts, "prod/jazz-v1-0|metal.prod.svc.cluster.local|9080")?.domains).toEqual(
      ["metal.prod.svc.cluster.local:9080"],
    );
    expect(mesh.find(mesh.clusters, "prod/dj-0|cds_egress_dj-app_mesh-allow-all")?.discovery).toEqual({
      kind: "forward-proxy",
    });
  });

  test("of the Services shows at once where everything is allowed", () => {
    const mesh = djApplication();
    mesh.apply(`
apiVersion: appmesh.k8s.aws/v1beta2
kind: Mesh
metadata: {name: dj-app}
spec: {namespaceSelector: {matchLabels: {mesh: dj-app}}, egressFilter: {type: ALLOW_ALL}}`);
    const changed = mesh.apply(`
apiVersion: v1
kind: Service
metadata: {name: web, namespace: outside}
spec: {ports: [{port: 80, name: http}]}`);
    const scopes = ["dj", "jazz-v1", "jazz-v2", "metal-v1", "metal-v2"].map((name) => `prod/${name}-0`);
    expect(changed).toEqual([
      ...scopes.map((scope) => `appmesh/allowed-clusters ${scope}|outside/web:80`),
      ...scopes.map((scope) => `appmesh/allowed-hosts ${scope}|outside/web:80`),
    ]);
    expect(mesh.find(mesh.virtualHosts, "prod/dj-0|outside/web:80")?.domains).toEqual([
      "web.outside.svc.cluster.local",
      "web.outside.svc.cluster.local:80",
      "web.outside.svc",
      "web.outside.svc:80",
      "web.outside",
      "web.outside:80",
    ]);
  });

  test("of readiness changes endpoints only", () => {
    const mesh = djApplication();
    const running = instanceOf("jazz-v1", { app: "jazz", version: "v1" }, [9080], 30_100);
    expect(mesh.start({ ...running, ready: false })).toEqual([]);
    expect(mesh.services.endpoints.get("prod/jazz-v1:9080")).toEqual([]);
  });

  test("of a node's health check changes its clusters alone", () => {
    const mesh = djApplication();
    const changed = mesh.apply(`
apiVersion: appmesh.k8s.aws/v1beta2
kind: VirtualNode
metadata: {name: jazz-v1, namespace: prod}
spec:
  podSelector: {matchLabels: {app: jazz, version: v1}}
  listeners: [{portMapping: {port: 9080, protocol: http}}]
  serviceDiscovery: {dns: {hostname: jazz-v1.prod.svc.cluster.local}}`);
    expect(changed).toEqual([
      "appmesh/clusters gateway|cds_egress_dj-app_jazz-v1_prod_http_9080",
      "appmesh/clusters prod/dj-0|cds_egress_dj-app_jazz-v1_prod_http_9080",
    ]);
  });

  test("that removes everything leaves nothing", () => {
    const mesh = djApplication();
    for (const name of ["dj", "jazz-v1", "jazz-v2", "metal-v1", "metal-v2"])
      mesh.remove("VirtualNode", `prod/${name}`);
    mesh.remove("VirtualNode", "kong/kong");
    for (const table of [
      mesh.identities,
      mesh.destinations,
      ...mesh.listeners,
      ...mesh.virtualHosts,
      ...mesh.clusters,
    ])
      expect([...table.keys()]).toEqual([]);
  });
});
