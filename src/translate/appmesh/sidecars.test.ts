import { describe, expect, test } from "vitest";
import { djManifests } from "./dj-manifests.ts";
import { instanceOf, setUpMesh } from "./mesh-test-setup.ts";

/** The DJ application, in which jazz-v1 has these listeners and this service discovery. */
function jazzWith(
  listeners: string,
  discovery = "{dns: {hostname: jazz-v1.prod.svc.cluster.local}}",
  more = "",
) {
  const mesh = setUpMesh();
  mesh.apply(djManifests);
  mesh.start(
    instanceOf("dj", { app: "dj" }),
    instanceOf("jazz-v1", { app: "jazz", version: "v1" }, [9080, 9090], 30_100),
  );
  mesh.apply(`apiVersion: appmesh.k8s.aws/v1beta2
kind: VirtualNode
metadata: {name: jazz-v1, namespace: prod}
spec:
  podSelector: {matchLabels: {app: jazz, version: v1}}
  listeners: ${listeners}
  serviceDiscovery: ${discovery}
---
${more}`);
  const cluster = (name: string, scope = "prod/jazz-v1-0") => mesh.find(mesh.clusters, `${scope}|${name}`);
  const called = cluster("cds_egress_dj-app_jazz-v1_prod_http_9080", "prod/dj-0");
  return { mesh, cluster, called };
}

const http = "{port: 9080, protocol: http}";

describe("ingress", () => {
  test("has server-side timeouts and the application's connection pool", () => {
    const { mesh, cluster } =
      jazzWith(`[{portMapping: ${http}, timeout: {http: {perRequest: {unit: s, value: 90}}},
      connectionPool: {http: {maxConnections: 7}}}]`);
    expect(
      mesh.find(mesh.virtualHosts, "prod/jazz-v1-0|prod/jazz-v1-0/rds_ingress_http_9080")?.routes[0]?.action,
    ).toMatchObject({ timeouts: { request: 90_000, idle: 300_000 } });
    expect(cluster("cds_ingress_dj-app_jazz-v1_prod_http_9080")?.circuitBreaker).toEqual({
      maxConnections: 7,
      maxPendingRequests: 2_147_483_647,
      maxRequests: 2_147_483_647,
    });
    expect(mesh.problems()).toEqual([]);
  });

  test("has a listener for each port, told apart by it", () => {
    const { mesh, cluster } = jazzWith(`[
      {portMapping: {port: 9080, protocol: grpc}, connectionPool: {grpc: {maxRequests: 3}}},
      {portMapping: {port: 9090, protocol: tcp}, timeout: {tcp: {idle: {unit: s, value: 5}}},
        connectionPool: {tcp: {maxConnections: 2}}}]`);
    expect(mesh.keys(mesh.listeners, "prod/jazz-v1-0")).toEqual([
      "lds_egress_0.0.0.0_15001",
      "lds_ingress_0.0.0.0_15000_9080",
      "lds_ingress_0.0.0.0_15000_9090",
    ]);
    expect(mesh.find(mesh.listeners, "prod/jazz-v1-0|lds_ingress_0.0.0.0_15000_9090")).toMatchObject({
      kind: "tcp",
      cluster: "cds_ingress_dj-app_jazz-v1_prod_tcp_9090",
      port: 30_111,
      statPrefix: "ingress.tcp.9090",
      idleTimeoutMs: 5000,
    });
    expect(cluster("cds_ingress_dj-app_jazz-v1_prod_grpc_9080")).toMatchObject({
      protocol: "http2",
      circuitBreaker: { maxRequests: 3 },
    });
    expect(cluster("cds_ingress_dj-app_jazz-v1_prod_tcp_9090")).toMatchObject({
      protocol: "tcp",
      circuitBreaker: { maxConnections: 2 },
      discovery: { kind: "static", endpoints: [{ address: "127.0.0.1", port: 30_110 }] },
    });
  });

  test("stays closed where only TLS is allowed, and callers get 503", () => {
    const { mesh, called } = jazzWith(
      `[{portMapping: ${http}, tls: {mode: STRICT, certificate: {file: {certificateChain: /c, privateKey: /k}}}}]`,
    );
    expect(mesh.keys(mesh.listeners, "prod/jazz-v1-0")).toEqual(["lds_egress_0.0.0.0_15001"]);
    expect(called).toBeUndefined();
    const [route] = mesh.destinations.get("prod/dj-0|jazz.prod.svc.cluster.local|9080")?.routes ?? [];
    expect(route?.action).toMatchObject({ backends: [{ cluster: undefined, weight: 95 }, { weight: 5 }] });
    expect(mesh.problems()).toEqual([
      "VirtualNode prod/jazz-v1 spec.listeners[0].tls: not-supported TLS between workloads is not supported yet; it comes with a later version. The listener stays closed, and calls of it get 503, because plaintext is not allowed.",
    ]);
  });
});

describe("egress", () => {
  test("normalises paths only where a route matches by path", () => {
    const { mesh } = jazzWith(`[{portMapping: ${http}}]`);
    const listener = (app: string) => mesh.find(mesh.listeners, `prod/${app}-0|lds_egress_0.0.0.0_15001`);
    expect(listener("dj")).not.toHaveProperty("normalizePaths");
    mesh.apply(`apiVersion: appmesh.k8s.aws/v1beta2
kind: VirtualRouter
metadata: {name: jazz-router, namespace: prod}
spec:
  listeners: [{portMapping: ${http}}]
  routes: [{name: a, httpRoute: {match: {path: {exact: /a}}, action: {weightedTargets: [{virtualNodeRef: {name: jazz-v1}, weight: 1}]}}}]`);
    expect(listener("dj")).toMatchObject({ normalizePaths: true });
    expect(listener("jazz-v1")).not.toHaveProperty("normalizePaths");
  });
});

describe("the cluster of a node", () => {
  test("ejects outliers", () => {
    const { called } = jazzWith(`[{portMapping: ${http}, outlierDetection: {maxServerErrors: 5,
      interval: {unit: s, value: 10}, baseEjectionDuration: {unit: ms, value: 1500}, maxEjectionPercent: 50}}]`);
    expect(called?.outlierDetection).toEqual({
      consecutive5xx: 5,
      intervalMs: 10_000,
      baseEjectionMs: 1500,
      maxEjectionPercent: 50,
    });
  });

  test.each([
    ["jazz-v1.prod.svc.cluster.local.", { kind: "endpoints", key: "prod/jazz-v1:9080" }],
    ["jazz-v1.prod", { kind: "endpoints", key: "prod/jazz-v1:9080" }],
    ["jazz-v1", { kind: "endpoints", key: "prod/jazz-v1:9080" }],
    ["jazz.example.com", { kind: "dns", host: "jazz.example.com", port: 9080, all: false }],
    ["jazz.example", { kind: "dns", host: "jazz.example", port: 9080, all: false }],
  ])("is found at %s", (hostname, discovery) => {
    const { called, mesh } = jazzWith(`[{portMapping: ${http}}]`, `{dns: {hostname: ${hostname}}}`);
    expect(called?.discovery).toEqual(discovery);
    expect(mesh.problems()).toEqual([]);
  });

  test("uses every address of DNS with ENDPOINTS, of one family if the mesh says so", () => {
    const { called } = jazzWith(
      `[{portMapping: ${http}}]`,
      "{dns: {hostname: jazz.example.com, responseType: ENDPOINTS}}",
      `apiVersion: appmesh.k8s.aws/v1beta2
kind: Mesh
metadata: {name: dj-app}
spec: {namespaceSelector: {matchLabels: {mesh: dj-app}}, meshServiceDiscovery: {ipPreference: IPv6_ONLY}}`,
    );
    expect(called?.discovery).toEqual({
      kind: "dns",
      host: "jazz.example.com",
      port: 9080,
      all: true,
      family: "ipv6",
    });
  });

  test("of a headless Service is found by the pods' port", () => {
    const service = (spec: string) => `apiVersion: v1
kind: Service
metadata: {name: pods, namespace: prod}
spec: ${spec}`;
    const discovery = "{dns: {hostname: pods.prod.svc.cluster.local}}";
    const headless = jazzWith(
      `[{portMapping: ${http}}]`,
      discovery,
      service("{clusterIP: None, selector: {app: jazz}, ports: [{port: 80, targetPort: 9080}]}"),
    );
    expect(headless.called?.discovery).toEqual({ kind: "endpoints", key: "prod/pods:80" });
    const other = jazzWith(
      `[{portMapping: ${http}}]`,
      discovery,
      service("{selector: {app: jazz}, ports: [{port: 80, targetPort: 9080}]}"),
    );
    expect(other.called?.discovery).toEqual({ kind: "static", endpoints: [] });
    expect(other.mesh.problems()).toEqual([
      "VirtualNode prod/jazz-v1 spec.serviceDiscovery.dns.hostname: backend-missing Service prod/pods has no port 9080. Calls of the node get 503.",
    ]);
  });

  test("cannot be found where nobody has it", () => {
    const { called, mesh } = jazzWith(
      `[{portMapping: ${http}}]`,
      "{dns: {hostname: gone.prod.svc.cluster.local}}",
    );
    expect(called?.discovery).toEqual({ kind: "static", endpoints: [] });
    expect(mesh.problems()).toEqual([
      "VirtualNode prod/jazz-v1 spec.serviceDiscovery.dns.hostname: backend-missing Service prod/gone does not exist. Calls of the node get 503.",
    ]);
  });

  test("does not exist with Cloud Map, and callers get 503", () => {
    const { called, mesh } = jazzWith(
      `[{portMapping: ${http}}]`,
      "{awsCloudMap: {namespaceName: a, serviceName: b}}",
    );
    expect(called).toBeUndefined();
    const [route] = mesh.destinations.get("prod/dj-0|jazz.prod.svc.cluster.local|9080")?.routes ?? [];
    expect(route?.action).toMatchObject({ backends: [{ cluster: undefined }, { weight: 5 }] });
    expect(mesh.problems()).toEqual([
      "VirtualNode prod/jazz-v1 spec.serviceDiscovery.awsCloudMap: not-supported AWS Cloud Map is not supported yet; it comes with a later version. Calls of the node get 503.",
    ]);
  });
});

describe("the targets of a router", () => {
  test("with several listeners are called at the named port, else at the router's", () => {
    const { mesh } = jazzWith(
      `[{portMapping: {port: 9090, protocol: http}}, {portMapping: ${http}}]`,
      "{dns: {hostname: jazz.example.com}}",
      `apiVersion: appmesh.k8s.aws/v1beta2
kind: VirtualRouter
metadata: {name: jazz-router, namespace: prod}
spec:
  listeners: [{portMapping: ${http}}]
  routes:
    - name: a
      httpRoute:
        match: {prefix: /}
        action:
          weightedTargets:
            - {virtualNodeRef: {name: jazz-v1}, weight: 1}
            - {virtualNodeRef: {name: jazz-v1}, weight: 1, port: 9090}
            - {virtualNodeRef: {name: jazz-v1}, weight: 1, port: 1}`,
    );
    const [route] = mesh.destinations.get("prod/dj-0|jazz.prod.svc.cluster.local|9080")?.routes ?? [];
    expect(route?.action).toMatchObject({
      backends: [
        { cluster: "cds_egress_dj-app_jazz-v1_prod_http_9080" },
        { cluster: "cds_egress_dj-app_jazz-v1_prod_http_9090" },
        { cluster: undefined },
      ],
    });
    expect(mesh.problems().filter((one) => one.startsWith("VirtualRouter"))).toEqual([
      "VirtualRouter prod/jazz-router spec.routes[0].httpRoute.action.weightedTargets[0]: invalid-field VirtualNode prod/jazz-v1 has several listeners, so a port should be named; 9080 is used.",
      "VirtualRouter prod/jazz-router spec.routes[0].httpRoute.action.weightedTargets[2].port: invalid-field VirtualNode prod/jazz-v1 has no listener on port 1; its share gets 503.",
    ]);
  });

  test("may speak HTTP/2 behind a router for HTTP, with a warning", () => {
    const { mesh } = jazzWith("[{portMapping: {port: 9080, protocol: http2}}]");
    const [route] = mesh.destinations.get("prod/dj-0|jazz.prod.svc.cluster.local|9080")?.routes ?? [];
    expect(route?.action).toMatchObject({
      backends: [{ cluster: "cds_egress_dj-app_jazz-v1_prod_http2_9080" }, { weight: 5 }],
    });
    expect(mesh.problems()).toEqual([
      "VirtualRouter prod/jazz-router spec.routes[0].httpRoute.action.weightedTargets[0]: invalid-field The router's port 9080 is for http, but port 9080 of VirtualNode prod/jazz-v1 speaks http2. It is called with http2.",
    ]);
  });
});

describe("a client policy", () => {
  const dj = (policy: string) => `apiVersion: appmesh.k8s.aws/v1beta2
kind: VirtualNode
metadata: {name: dj, namespace: prod}
spec:
  podSelector: {matchLabels: {app: dj}}
  listeners: [{portMapping: ${http}}]
  serviceDiscovery: {dns: {hostname: dj.prod.svc.cluster.local}}
  backends: [{virtualService: {virtualServiceRef: {name: jazz}, clientPolicy: {tls: {${policy}
    validation: {trust: {file: {certificateChain: /ca.pem}}}}}}}]`;
  const backends = (policy: string) => {
    const { mesh } = jazzWith(`[{portMapping: ${http}}]`, undefined, dj(policy));
    expect(mesh.problems().map((one) => one.split(": ")[1]?.split(" ")[0])).toEqual(["not-supported"]);
    const [route] = mesh.destinations.get("prod/dj-0|jazz.prod.svc.cluster.local|9080")?.routes ?? [];
    return route?.action.kind === "forward"
      ? route.action.backends.map((one) => one.cluster !== undefined)
      : [];
  };

  test("is not served yet, so that nothing leaves in plaintext", () => {
    expect(backends("")).toEqual([false, false]);
    expect(backends("ports: [9080],")).toEqual([false, false]);
    expect(backends("ports: [1],")).toEqual([true, true]);
    expect(backends("enforce: false,")).toEqual([true, true]);
  });
});
