import { describe, expect, test } from "vitest";
import { Graph } from "#incremental/graph.ts";
import type { MeshIdentity } from "#model/mesh.ts";
import { instanceScope, type WorkloadInstance } from "#model/workload.ts";
import { ObjectStore } from "#resources/object-store.ts";
import { parseObject } from "#resources/parse-object.ts";
import { resolveService, serviceTables } from "./service-tables.ts";

function setUp() {
  const graph = new Graph();
  const store = new ObjectStore(graph);
  const instances = graph.input<WorkloadInstance>("instances");
  const identities = graph.input<MeshIdentity>("identities");
  const tables = serviceTables(graph, store, instances, identities);
  const apply = (...documents: readonly object[]) => {
    for (const document of documents) {
      const { objects, problems } = parseObject(structuredClone(document), { place: "test.yaml" });
      expect([...problems, ...objects.flatMap(({ candidate }) => candidate.problems)]).toEqual([]);
      for (const { candidate } of objects) store.put(candidate);
    }
    return graph.flush();
  };
  const run = (instance: WorkloadInstance) => {
    instances.set(instanceScope(instance), instance);
    return graph.flush();
  };
  const endpoints = (key: string) => {
    const discovery = tables.resolve.get(key)?.discovery;
    return discovery?.kind === "endpoints"
      ? tables.endpoints.get(discovery.key)?.map(({ address, port }) => `${address}:${port}`)
      : discovery;
  };
  return { graph, store, instances, identities, tables, apply, run, endpoints };
}

const service = (name: string, spec: object) => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name, namespace: "prod" },
  spec,
});
const slice = (name: string, of: string, more: object) => ({
  apiVersion: "discovery.k8s.io/v1",
  kind: "EndpointSlice",
  metadata: { name, namespace: "prod", labels: { "kubernetes.io/service-name": of } },
  addressType: "IPv4",
  ...more,
});
const instance = (pod: string, labels: Record<string, string>, more: Partial<WorkloadInstance> = {}) => ({
  namespace: "prod",
  pod,
  labels,
  owner: `Deployment prod/${pod}`,
  address: "127.0.0.1",
  ports: [{ name: "http", containerPort: 9080, appPort: 30001, sidecarPort: 30002 }],
  ready: true,
  egressPort: 30003,
  ...more,
});
const identity = (scope: string, ingressPorts: number[]): MeshIdentity => ({
  scope,
  mesh: "m",
  node: { kind: "VirtualNode", namespace: "prod", name: "n" },
  nodeId: "n",
  egress: "DROP_ALL",
  ingressPorts,
  httpPorts: [],
});

describe("a Service's endpoints", () => {
  const jazz = service("jazz", {
    selector: { app: "jazz" },
    ports: [
      { name: "http", port: 80, targetPort: "http" },
      { name: "admin", port: 81, targetPort: 9081 },
    ],
  });

  test("are those of its slices, which are ready, by the port's name", () => {
    const { apply, endpoints, run } = setUp();
    run(instance("jazz-0", { app: "jazz" }));
    const ports = [
      { name: "http", port: 8080 },
      { name: "other", port: 8081 },
    ];
    const ready = { addresses: ["10.0.0.2"], conditions: { ready: true } };
    const away = { addresses: ["10.0.0.3"], conditions: { ready: false } };
    apply(jazz, slice("a", "jazz", { ports, endpoints: [ready, away] }));
    expect(endpoints("prod/jazz:80")).toEqual(["10.0.0.2:8080"]);
    expect(endpoints("prod/jazz:http")).toEqual(["10.0.0.2:8080"]);
    expect(endpoints("prod/jazz:81")).toEqual([]);
    apply(slice("b", "jazz", { ports, endpoints: [{ addresses: ["10.0.0.1", "10.9.9.9"] }] }));
    expect(endpoints("prod/jazz:80")).toEqual(["10.0.0.1:8080", "10.0.0.2:8080"]);
  });

  test("a name that one side leaves out does not matter where there is a single port", () => {
    const { apply, endpoints } = setUp();
    const single = service("single", { ports: [{ name: "http", port: 80 }] });
    apply(
      single,
      slice("a", "single", { ports: [{ port: 1234 }], endpoints: [{ addresses: ["127.0.0.1"] }] }),
    );
    expect(endpoints("prod/single:80")).toEqual(["127.0.0.1:1234"]);
  });

  test("are those of the Endpoints object of the same name", () => {
    const { apply, endpoints } = setUp();
    const subset = {
      addresses: [{ ip: "::1" }],
      notReadyAddresses: [{ ip: "10.0.0.9" }],
      ports: [{ name: "http", port: 8080 }],
    };
    const metadata = { name: "jazz", namespace: "prod" };
    apply(jazz, { apiVersion: "v1", kind: "Endpoints", metadata, subsets: [subset] });
    expect(endpoints("prod/jazz:http")).toEqual(["::1:8080"]);
  });

  test("are the ready instances that its selector matches, in its own namespace", () => {
    const { apply, endpoints, run } = setUp();
    apply(jazz);
    expect(endpoints("prod/jazz:80")).toEqual([]);
    run(instance("jazz-0", { app: "jazz", version: "1" }));
    run(instance("metal-0", { app: "metal" }));
    run(instance("jazz-0", { app: "jazz" }, { namespace: "test", address: "127.0.0.9" }));
    expect(endpoints("prod/jazz:80")).toEqual(["127.0.0.1:30001"]);
    expect(endpoints("prod/jazz:admin")).toEqual([]);
    run(instance("jazz-0", { app: "jazz" }, { ready: false }));
    expect(endpoints("prod/jazz:80")).toEqual([]);
  });

  test("every pair of the selector must match", () => {
    const { apply, endpoints, run } = setUp();
    apply(service("v2", { selector: { app: "jazz", version: "2" }, ports: [{ port: 9080 }] }));
    run(instance("jazz-1", { app: "jazz", version: "1" }));
    run(instance("jazz-2", { app: "jazz", version: "2" }, { address: "127.0.0.2" }));
    expect(endpoints("prod/v2:9080")).toEqual(["127.0.0.2:30001"]);
  });

  test("are reached through the sidecar where the mesh says so", () => {
    const { apply, endpoints, run, identities, graph } = setUp();
    apply(jazz);
    run(instance("jazz-0", { app: "jazz" }));
    identities.set("prod/jazz-0", identity("prod/jazz-0", [9080]));
    graph.flush();
    expect(endpoints("prod/jazz:80")).toEqual(["127.0.0.1:30002"]);
    identities.set("prod/jazz-0", identity("prod/jazz-0", [9999]));
    graph.flush();
    expect(endpoints("prod/jazz:80")).toEqual(["127.0.0.1:30001"]);
  });

  test("not ready ones count for a Service that publishes them", () => {
    const { apply, endpoints, run } = setUp();
    const spec = { selector: { app: "jazz" }, ports: [{ port: 9080 }], publishNotReadyAddresses: true };
    apply(service("jazz", spec));
    run(instance("jazz-0", { app: "jazz" }, { ready: false }));
    expect(endpoints("prod/jazz:9080")).toEqual(["127.0.0.1:30001"]);
  });

  test("a Service without a selector has none", () => {
    const { apply, endpoints, run } = setUp();
    run(instance("jazz-0", { app: "jazz" }));
    apply(service("bare", { ports: [{ port: 9080 }] }));
    expect(endpoints("prod/bare:9080")).toEqual([]);
  });

  test("one instance's readiness touches only the Services that select it", () => {
    const { apply, run, tables } = setUp();
    for (let at = 0; at < 50; at++) {
      apply(service(`s${at}`, { selector: { app: `s${at}`, tier: "all" }, ports: [{ port: 9080 }] }));
      run(instance(`s${at}-0`, { app: `s${at}`, tier: "all" }, { address: `127.0.0.${at}` }));
    }
    const { changed } = run(instance("s7-0", { app: "s7", tier: "all" }, { ready: false }));
    expect([...(changed.get(tables.endpoints) ?? [])]).toEqual(["prod/s7:9080"]);
    expect(changed.get(tables.resolve)).toBeUndefined();
  });
});

describe("an external name", () => {
  const external = (name: string, externalName: string, ports?: object[]) =>
    service(name, { type: "ExternalName", externalName, ...(ports ? { ports } : {}) });

  test("is found by DNS, at the target port where it is a number", () => {
    const { apply, endpoints } = setUp();
    apply(
      external("web", "www.example.com.", [
        { port: 80, targetPort: 8080 },
        { port: 81, name: "b" },
      ]),
    );
    expect(endpoints("prod/web:80")).toEqual({
      kind: "dns",
      host: "www.example.com",
      port: 8080,
      all: false,
    });
    expect(endpoints("prod/web:b")).toEqual({ kind: "dns", host: "www.example.com", port: 81, all: false });
  });

  test("yields to endpoints in the files", () => {
    const { apply, endpoints } = setUp();
    const ports = [{ port: 8080 }];
    apply(external("web", "www.example.com", [{ port: 80 }]));
    apply(slice("web", "web", { ports, endpoints: [{ addresses: ["127.0.0.1"] }] }));
    expect(endpoints("prod/web:80")).toEqual(["127.0.0.1:8080"]);
  });

  test("of another Service leads to that one's endpoints, without going in circles", () => {
    const { apply, endpoints, run } = setUp();
    apply(external("alias", "real.prod.svc.cluster.local", [{ port: 9080 }]));
    const gone = { kind: "dns", host: "real.prod.svc.cluster.local", port: 9080, all: false };
    expect(endpoints("prod/alias:9080")).toEqual(gone);
    apply(service("real", { selector: { app: "real" }, ports: [{ port: 9080 }] }));
    run(instance("real-0", { app: "real" }));
    expect(endpoints("prod/alias:9080")).toEqual(["127.0.0.1:30001"]);
    apply(external("a", "b", [{ port: 1 }]), external("b", "a", [{ port: 1 }]));
    expect(endpoints("prod/a:1")).toMatchObject({ kind: "dns" });
  });

  test("of an EndpointSlice with names is found by DNS", () => {
    const { apply, endpoints } = setUp();
    apply(service("web", { ports: [{ port: 80 }] }));
    apply(slice("web", "web", { addressType: "FQDN", endpoints: [{ addresses: ["a.example.com"] }] }));
    expect(endpoints("prod/web:80")).toEqual({ kind: "dns", host: "a.example.com", port: 80, all: false });
  });

  test("needs no ports", () => {
    const { apply, tables, graph } = setUp();
    apply(external("web", "www.example.com"), service("bare", { ports: [{ port: 80, name: "http" }] }));
    const asks = graph.input<readonly [string, string | number]>("asks");
    const answers = graph.derive("answers", asks, (_, [name, port], read) =>
      resolveService(read, tables, { namespace: "prod", name }, port),
    );
    asks.set("1", ["web", 443]);
    asks.set("2", ["web", "https"]);
    asks.set("3", ["bare", 81]);
    asks.set("4", ["absent", 80]);
    asks.set("5", ["bare", "http"]);
    graph.flush();
    expect(answers.get("1")).toMatchObject({
      discovery: { kind: "dns", host: "www.example.com", port: 443 },
    });
    expect(answers.get("2")).toBe("no-port");
    expect(answers.get("3")).toBe("no-port");
    expect(answers.get("4")).toBe("no-service");
    expect(answers.get("5")).toMatchObject({ portNumber: 80, portName: "http" });
  });
});

test("a Service that goes takes its ports with it", () => {
  const { apply, endpoints, store, graph, tables } = setUp();
  apply(
    service("jazz", {
      ports: [
        { port: 80, name: "http", protocol: "TCP" },
        { port: 80, name: "u", protocol: "UDP" },
      ],
    }),
  );
  expect(endpoints("prod/jazz:80")).toEqual([]);
  expect(tables.resolve.get("prod/jazz:80")?.portName).toBe("http");
  store.remove({ kind: "Service", namespace: "prod", name: "jazz" });
  graph.flush();
  expect([...tables.resolve.keys(), ...tables.endpoints.keys()]).toEqual([]);
});
