import fc from "fast-check";
import {
  anyHost,
  headerName,
  host,
  list,
  type Manifest,
  namespace,
  nodeName,
  object,
  plainPath,
  port,
  rarely,
  regex,
  serviceName,
  size,
  some,
  text,
} from "./random-values-test-setup.ts";

const appMesh = "appmesh.k8s.aws/v1beta2";
export const mesh = (name: string) =>
  fc
    .record({
      namespaceSelector: rarely<object>(
        fc.constant({}),
        fc.constantFrom({ matchLabels: {} }, { matchLabels: { mesh: "m" } }),
      ),
      egressFilter: fc.record({ type: rarely(fc.constantFrom("ALLOW_ALL", "DROP_ALL"), fc.constant("x")) }),
    })
    .map((spec): Manifest => ({ apiVersion: appMesh, kind: "Mesh", metadata: { name }, spec }));
const duration = fc.record({ unit: fc.constantFrom("s", "ms"), value: size });
const protocol = fc.constantFrom("http", "http", "http2", "grpc", "tcp");
const listener = fc.record({ portMapping: fc.record({ port, protocol }) }).chain((base) =>
  some({
    healthCheck: some({ path: plainPath, port }).map((more) => {
      const limits = {
        healthyThreshold: 2,
        unhealthyThreshold: 3,
        intervalMillis: 5000,
        timeoutMillis: 2000,
      };
      return { ...limits, protocol: base.portMapping.protocol, ...more };
    }),
    outlierDetection: fc.record({
      maxServerErrors: size,
      interval: duration,
      baseEjectionDuration: duration,
      maxEjectionPercent: fc.constantFrom(0, 50, 100),
    }),
    connectionPool: fc.constantFrom("http", "http2", "tcp").chain((name) =>
      fc.record({
        [name]: fc.record({ maxConnections: size, maxRequests: size, maxPendingRequests: size }),
      }),
    ),
    timeout: protocol.chain((name) => fc.record({ [name]: some({ idle: duration, perRequest: duration }) })),
  }).map((more) => ({ ...base, ...more })),
);
const reference = (refName: string, target: fc.Arbitrary<string>) =>
  fc.record({ [refName]: fc.record({ name: target, namespace }, { requiredKeys: ["name"] }) });
export const virtualNode = (name: string) =>
  object(appMesh, "VirtualNode", {
    spec: some({
      podSelector: rarely<object>(
        fc.constant({ matchLabels: { app: name } }),
        fc.constantFrom(
          { matchLabels: { app: name } },
          {},
          { matchLabels: { "app.kubernetes.io/instance": "kong" } },
        ),
      ),
      listeners: list(listener, 0, 2),
      serviceDiscovery: some({
        dns: fc.record({
          hostname: fc.oneof(
            serviceName.map((one) => `${one}.prod.svc.cluster.local`),
            host,
            text,
          ),
          responseType: fc.constantFrom("ENDPOINTS", "LOADBALANCER"),
        }),
      }),
      backends: list(
        fc.record({
          virtualService: reference("virtualServiceRef", fc.constantFrom("vs-0", "vs-1", "vs-2", "none")),
        }),
        0,
        4,
      ),
    }),
  })(name);
export const virtualService = object(appMesh, "VirtualService", {
  spec: some({
    awsName: fc.oneof(
      serviceName.map((one) => `${one}.prod.svc.cluster.local`),
      anyHost as fc.Arbitrary<string>,
    ),
    provider: fc.oneof(
      fc.record({ virtualNode: reference("virtualNodeRef", nodeName) }),
      fc.record({
        virtualRouter: reference("virtualRouterRef", fc.constantFrom("router-0", "router-1", "none")),
      }),
    ),
  }),
});
const valueMatch = fc.oneof(
  fc.constantFrom("exact", "prefix", "suffix").chain((how) => fc.record({ [how]: text })),
  fc.record({ regex }),
  fc.record({ range: fc.record({ start: fc.integer(), end: fc.integer() }) }),
  fc.constant({}),
);
const headers = list(some({ name: headerName, match: valueMatch, invert: fc.boolean() }), 1, 3);
const httpMatch = some({
  prefix: plainPath,
  path: fc.oneof(
    fc.record({ exact: plainPath }),
    fc.record({ regex }),
    regex.map((pattern) => ({ regex: `/${pattern}` })),
  ),
  headers,
  method: fc.constantFrom("GET", "POST"),
  scheme: fc.constantFrom("http", "https"),
  queryParameters: list(fc.record({ name: text, match: some({ exact: text }) }), 1, 2),
  port,
}).map(({ prefix, path: whole, ...rest }) => ({
  ...rest,
  ...(whole === undefined ? { prefix: prefix ?? "/" } : { path: whole }),
}));
const grpcMatch = some({
  serviceName: fc.constantFrom("a.B", "a/b", "", "a b"),
  methodName: fc.constantFrom("M", "m/n"),
  metadata: headers,
  port,
});
const retryPolicy = some({
  httpRetryEvents: list(
    fc.constantFrom("server-error", "gateway-error", "client-error", "stream-error"),
    0,
    2,
  ),
  tcpRetryEvents: list(fc.constant("connection-error"), 0, 1),
}).chain((events) =>
  fc.record({ maxRetries: size, perRetryTimeout: duration }).map((more) => ({ ...events, ...more })),
);
const weightedTargets = list(
  reference("virtualNodeRef", nodeName).chain((target) =>
    some({ port }).chain((more) =>
      fc.constantFrom(0, 1, 50, 100).map((weight) => ({ ...target, ...more, weight })),
    ),
  ),
  1,
  3,
);
const routeBody = (match: fc.Arbitrary<unknown>) =>
  fc.record(
    {
      match,
      action: fc.record({ weightedTargets }),
      retryPolicy,
      timeout: some({ perRequest: duration, idle: duration }),
    },
    { requiredKeys: ["match", "action"] },
  );
export const router = object(appMesh, "VirtualRouter", {
  spec: fc.record({
    listeners: list(fc.record({ portMapping: fc.record({ port, protocol }) }), 1, 2),
    routes: list(
      fc.constantFrom("httpRoute", "httpRoute", "http2Route", "grpcRoute", "tcpRoute").chain((kind) => {
        const match = kind === "grpcRoute" ? grpcMatch : kind === "tcpRoute" ? some({ port }) : httpMatch;
        const names = fc.constantFrom("r1", "r2", "r3", "r4");
        return fc.record(
          { name: names, priority: fc.integer({ min: 0, max: 1000 }), [kind]: routeBody(match) },
          { requiredKeys: ["name", kind] },
        );
      }),
      0,
      4,
    ),
  }),
});

export const deployment = (name: string): Manifest => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name, namespace: "prod" },
  spec: {
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: "a", ports: [{ containerPort: 9080, name: "http" }] }] },
    },
  },
});
export const localWorkloads = list(nodeName, 0, 3).map(
  (all): Manifest => ({
    apiVersion: "diolkos.io/v1alpha1",
    kind: "LocalWorkloads",
    workloads: [...new Set(all)].map((name) => ({ workload: `prod/${name}`, command: ["true"] })),
  }),
);
