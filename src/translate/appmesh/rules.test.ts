import { describe, expect, test } from "vitest";
import { djManifests } from "./dj-manifests.ts";
import { setUpMesh } from "./mesh-test-setup.ts";

/** What is wrong with one more object in the namespace prod. */
function problemsOf(kind: string, spec: string): readonly string[] {
  const mesh = setUpMesh();
  mesh.apply(djManifests);
  mesh.apply(`apiVersion: appmesh.k8s.aws/v1beta2
kind: ${kind}
metadata: {name: tested, namespace: prod}
spec: ${spec}`);
  const start = `${kind} prod/tested `;
  return mesh
    .problems()
    .filter((one) => one.startsWith(start) && !one.startsWith(`${start}kind:`))
    .map((one) => one.slice(start.length));
}

const dns = "serviceDiscovery: {dns: {hostname: jazz-v1.prod.svc.cluster.local}}";
const listener = "portMapping: {port: 9080, protocol: http}";

describe("VirtualNode", () => {
  test.each([
    [
      `{listeners: [{${listener}}]}`,
      "spec.serviceDiscovery: invalid-field A node with listeners must say where callers find it; calls of it get 503.",
    ],
    [
      `{${dns}, listeners: [{${listener}}, {${listener}}]}`,
      "spec.listeners[1].portMapping.port: invalid-field Port 9080 has a listener already; the first one counts.",
    ],
    [
      `{${dns}, listeners: [{${listener}, connectionPool: {http: {maxConnections: 1}, grpc: {maxRequests: 1}}}]}`,
      "spec.listeners[0].connectionPool: invalid-field A listener has one kind of connection pool, not http and grpc; http counts.",
    ],
    [
      `{${dns}, listeners: [{${listener}, connectionPool: {grpc: {maxRequests: 1}}}]}`,
      "spec.listeners[0].connectionPool: invalid-field The listener speaks http, but its connection pool is of the kind grpc; it has no effect.",
    ],
    [
      `{${dns}, listeners: [{${listener}, timeout: {grpc: {}}}]}`,
      "spec.listeners[0].timeout: invalid-field The listener speaks http; its timeouts of the kind grpc have no effect.",
    ],
    [
      `{${dns}, listeners: [{${listener}, healthCheck: {protocol: tcp, path: /p, port: 1, healthyThreshold: 2, unhealthyThreshold: 2, timeoutMillis: 2000, intervalMillis: 5000}}]}`,
      "spec.listeners[0].healthCheck.path: invalid-field A tcp health check has no path; it has no effect.",
      "spec.listeners[0].healthCheck.port: invalid-field Health is checked on the listener's own port 9080, as AWS demanded; 1 has no effect.",
    ],
    [
      `{${dns}, listeners: [{${listener}, tls: {mode: DISABLED, certificate: {}}}]}`,
      "spec.listeners[0].tls.certificate: invalid-field A listener has one of the certificates file, sds and acm; this one has none.",
    ],
    [
      `{${dns}, listeners: [{${listener}, tls: {mode: PERMISSIVE, certificate: {sds: {secretName: a}}}}]}`,
      "spec.listeners[0].tls: not-supported TLS between workloads is not supported yet; it comes with a later version. The listener accepts plaintext only.",
    ],
    [
      "{serviceDiscovery: {}}",
      "spec.serviceDiscovery: invalid-field A node is found by either dns or awsCloudMap; this one has neither.",
    ],
    [
      "{logging: {accessLog: {file: {path: /dev/stdout, format: {text: a, json: []}}}}}",
      "spec.logging.accessLog.file.format: invalid-field An access log's format is either text or json; this one has text and json.",
      "spec.logging.accessLog: not-supported An access log is not supported yet; it comes with a later version. Nothing is written.",
    ],
    [
      "{backends: [{virtualService: {virtualServiceRef: {name: jazz}}}, {virtualService: {virtualServiceRef: {namespace: prod, name: jazz}}}]}",
      "spec.backends[1].virtualService: invalid-field The backend prod/jazz is listed twice; the first one counts.",
    ],
    [
      "{backends: [{virtualService: {virtualServiceRef: {name: jazz}, virtualServiceARN: x}}]}",
      "spec.backends[0].virtualService: invalid-field Both virtualServiceRef and virtualServiceARN are set; the reference counts.",
    ],
  ])("%s", (spec, ...problems) => {
    expect(problemsOf("VirtualNode", spec)).toEqual(problems);
  });
});

describe("VirtualRouter", () => {
  test.each([
    [
      "{}",
      "spec.listeners: invalid-field A virtual router needs a listener: it says which port clients call.",
    ],
    [
      "{listeners: [{portMapping: {port: 1, protocol: tcp}}]}",
      "spec.listeners[0].portMapping.protocol: not-supported A TCP listener is not supported yet; it comes with a later version. Nothing is served on its port.",
    ],
  ])("%s", (spec, ...problems) => {
    expect(problemsOf("VirtualRouter", spec)).toEqual(problems);
  });
});

describe("GatewayRoute", () => {
  const target = "action: {target: {virtualService: {virtualServiceRef: {name: jazz}}}}";
  const rewrite = (text: string) =>
    `{httpRoute: {match: {prefix: /}, action: {target: {virtualService: {virtualServiceRef: {name: jazz}}}, rewrite: ${text}}}}`;
  test.each([
    [
      "{}",
      "spec: invalid-field A gateway route is one of httpRoute, http2Route and grpcRoute; this one is none.",
    ],
    [
      `{httpRoute: {match: {}, ${target}}}`,
      "spec.httpRoute.match: invalid-field A gateway route matches by prefix, path or hostname; none is set.",
    ],
    [
      `{httpRoute: {match: {prefix: /, path: {exact: /}}, ${target}}}`,
      "spec.httpRoute.match: invalid-field A gateway route matches by prefix or path, not by both.",
    ],
    [
      `{http2Route: {match: {path: {exact: /, regex: /}}, ${target}}}`,
      "spec.http2Route.match.path: invalid-field A path is matched by either exact or regex.",
    ],
    [
      `{httpRoute: {match: {prefix: a}, ${target}}}`,
      "spec.httpRoute.match.prefix: invalid-field A prefix starts with a slash; a never matches.",
    ],
    [
      `{httpRoute: {match: {hostname: {exact: a, suffix: b}}, ${target}}}`,
      "spec.httpRoute.match.hostname: invalid-field A host name is matched by either exact or suffix.",
    ],
    [
      `{httpRoute: {match: {prefix: /, queryParameters: [{name: a, match: {}}]}, ${target}}}`,
      "spec.httpRoute.match.queryParameters[0].match: invalid-field A query parameter's match needs exact.",
    ],
    [
      `{httpRoute: {match: {prefix: /, headers: [{name: a, match: {range: {start: 1, end: 1}}}]}, ${target}}}`,
      "spec.httpRoute.match.headers[0].match.range: invalid-field A range's end must be greater than its start.",
    ],
    [
      `{grpcRoute: {match: {}, ${target}}}`,
      "spec.grpcRoute.match: invalid-field A gRPC gateway route matches by serviceName or hostname; neither is set.",
    ],
    [
      rewrite("{}"),
      "spec.httpRoute.action.rewrite: invalid-field A rewrite names at least one of hostname, prefix and path.",
    ],
    [
      rewrite("{prefix: {value: /a/}, path: {exact: /a}}"),
      "spec.httpRoute.action.rewrite: invalid-field A rewrite replaces the prefix or the path, not both.",
    ],
    [
      rewrite("{prefix: {value: /a/, defaultPrefix: ENABLED}}"),
      "spec.httpRoute.action.rewrite.prefix: invalid-field A prefix rewrite has either defaultPrefix or value.",
    ],
    [
      rewrite("{prefix: {value: /a}}"),
      "spec.httpRoute.action.rewrite.prefix.value: invalid-field A new prefix starts and ends with a slash, unlike /a.",
    ],
  ])("%s", (spec, ...problems) => {
    expect(problemsOf("GatewayRoute", spec)).toEqual(problems);
  });
});

test("virtual gateways say that they are not served yet", () => {
  const mesh = setUpMesh();
  mesh.apply(`${djManifests}
---
apiVersion: appmesh.k8s.aws/v1beta2
kind: VirtualGateway
metadata: {name: edge, namespace: prod}
spec: {listeners: [{portMapping: {port: 80, protocol: http}, connectionPool: {grpc: {maxRequests: 1}}}]}`);
  expect(mesh.problems()).toEqual([
    "VirtualGateway prod/edge kind: not-supported A VirtualGateway is not supported yet; it comes with a later version. No proxy is started for it.",
    "VirtualGateway prod/edge spec.listeners[0].connectionPool: invalid-field The listener speaks http, but its connection pool is of the kind grpc; it has no effect.",
  ]);
});
