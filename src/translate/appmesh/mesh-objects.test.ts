import { describe, expect, test } from "vitest";
import { djManifests } from "./dj-manifests.ts";
import { instanceOf, setUpMesh } from "./mesh-test-setup.ts";

function dj(more = "") {
  const mesh = setUpMesh();
  mesh.apply(djManifests);
  mesh.start(instanceOf("dj", { app: "dj" }));
  mesh.apply(more);
  return mesh;
}

const meta = (name: string, namespace = "prod") => `metadata: {name: ${name}, namespace: ${namespace}}`;
const head = (kind: string) => `apiVersion: appmesh.k8s.aws/v1beta2\nkind: ${kind}\n`;
const withBackends = (backends: string, more = "") => `${head("VirtualNode")}${meta("dj")}
spec:
  podSelector: {matchLabels: {app: dj}}
  listeners: [{portMapping: {port: 9080, protocol: http}}]
  serviceDiscovery: {dns: {hostname: dj.prod.svc.cluster.local}}
  backends: ${backends}
${more}`;

describe("membership", () => {
  test("takes exactly one mesh", () => {
    const mesh = dj(`${head("Mesh")}metadata: {name: everything}\nspec: {namespaceSelector: {}}`);
    expect(mesh.problems()).toContain(
      "VirtualNode prod/dj metadata.namespace: mesh-membership Several meshes select the namespace prod: dj-app, everything.",
    );
    expect([...mesh.identities.keys()]).toEqual([]);
    mesh.remove("Mesh", "/everything");
    expect(mesh.problems()).toEqual([]);
    expect([...mesh.identities.keys()]).toEqual(["prod/dj-0", "gateway"]);
  });

  test("takes some mesh", () => {
    const mesh = dj(`${head("VirtualNode")}${meta("lost", "outside")}
---
${head("VirtualNode")}${meta("nowhere", "undeclared")}`);
    expect(mesh.problems()).toEqual([
      "VirtualNode outside/lost metadata.namespace: mesh-membership No Mesh's namespaceSelector matches the namespace outside.",
      "VirtualNode undeclared/nowhere metadata.namespace: mesh-membership No Mesh's namespaceSelector matches the namespace undeclared; there is no Namespace object undeclared.",
    ]);
  });

  test("accepts a stored meshRef that agrees, or that is all there is", () => {
    const stored = (name: string, namespace: string, ref: string) =>
      `${head("VirtualService")}${meta(name, namespace)}\nspec: {meshRef: {name: ${ref}, uid: 1-2-3}}\n---\n`;
    const mesh = dj(
      stored("a", "prod", "dj-app") + stored("b", "undeclared", "dj-app") + stored("c", "prod", "other"),
    );
    expect(mesh.problems()).toEqual([
      "VirtualService prod/c spec.meshRef: mesh-membership The object was stored as a member of the mesh other, but the mesh dj-app selects its namespace.",
    ]);
  });

  test("an absent selector selects nothing, and egress is closed by default", () => {
    const mesh = dj(`${head("Mesh")}metadata: {name: dj-app}\nspec: {egressFilter: {type: SOME}}`);
    expect(mesh.problems()).toContain(
      "Mesh dj-app spec.egressFilter.type: invalid-field SOME is neither ALLOW_ALL nor DROP_ALL; DROP_ALL is in force.",
    );
    expect([...mesh.identities.keys()]).toEqual([]);
  });
});

describe("AWS names", () => {
  test("default to name_namespace, and to name.namespace for virtual services", () => {
    const mesh = dj(`${head("VirtualService")}${meta("short")}
spec: {provider: {virtualNode: {virtualNodeRef: {name: jazz-v1}}}}
---
${withBackends("[{virtualService: {virtualServiceRef: {name: short}}}]")}`);
    expect(mesh.keys([mesh.destinations], "prod/dj-0")).toEqual(["short.prod|9080"]);
    expect(mesh.find(mesh.virtualHosts, "prod/dj-0|short.prod|9080")?.domains).toEqual(["short.prod:9080"]);
    const [route] = mesh.destinations.get("prod/dj-0|short.prod|9080")?.routes ?? [];
    expect(route?.action).toMatchObject({
      backends: [{ cluster: "cds_egress_dj-app_jazz-v1_prod_http_9080", weight: 1 }],
      timeouts: { request: 15_000, idle: 300_000 },
      retry: { retries: 2, statusCodes: [503] },
    });
  });

  test("belong to the first object", () => {
    const mesh = dj(`${head("VirtualNode")}${meta("zweiter")}
spec: {awsName: dj_prod, podSelector: {matchLabels: {app: other}}}
---
${head("VirtualService")}${meta("jazz-too")}
spec: {awsName: JAZZ.prod.svc.cluster.local}`);
    expect(mesh.problems()).toEqual([
      "VirtualNode prod/zweiter spec.awsName: duplicate-object The AWS name dj_prod belongs to VirtualNode prod/dj already; this object has no effect.",
      "VirtualService prod/jazz-too spec.awsName: duplicate-object The AWS name JAZZ.prod.svc.cluster.local belongs to VirtualService prod/jazz already; this object has no effect.",
    ]);
    mesh.remove("VirtualService", "prod/jazz");
    expect(mesh.problems().filter((one) => one.includes("jazz-too"))).toEqual([]);
  });

  test("of a shared mesh's owner stand in the node id", () => {
    const mesh = dj(`${head("Mesh")}metadata: {name: dj-app}
spec: {awsName: aws-dj, meshOwner: "111122223333", namespaceSelector: {matchLabels: {mesh: dj-app}}}`);
    expect(mesh.identities.get("prod/dj-0")).toMatchObject({
      mesh: "aws-dj",
      nodeId: "mesh/aws-dj@111122223333/virtualNode/dj_prod",
    });
    expect(mesh.keys(mesh.clusters, "prod/dj-0")).toContain("cds_egress_aws-dj_jazz-v1_prod_http_9080");
  });
});

describe("references", () => {
  test("must lead somewhere in the same mesh", () => {
    const mesh = dj(`apiVersion: v1
kind: Namespace
metadata: {name: other, labels: {mesh: other}}
---
${head("Mesh")}metadata: {name: other}
spec: {namespaceSelector: {matchLabels: {mesh: other}}}
---
${head("VirtualService")}${meta("far", "other")}
---
${withBackends(`
    - virtualService: {virtualServiceRef: {name: far, namespace: other}}
    - virtualService: {virtualServiceRef: {name: nothing}}
    - virtualService: {virtualServiceARN: 'arn:aws:appmesh:eu-west-1:000000000000:mesh/dj-app/virtualService/Metal.prod.svc.cluster.local'}
    - virtualService: {}`)}`);
    expect(mesh.keys([mesh.destinations], "prod/dj-0")).toEqual(["metal.prod.svc.cluster.local|9080"]);
    expect(mesh.problems()).toEqual([
      "VirtualNode prod/dj spec.backends[0].virtualService.virtualServiceRef: mesh-membership VirtualService other/far is in another mesh (other) than this object (dj-app).",
      "VirtualNode prod/dj spec.backends[1].virtualService.virtualServiceRef: reference-missing VirtualService prod/nothing does not exist.",
      "VirtualNode prod/dj spec.backends[3].virtualService: reference-missing Neither virtualServiceRef nor virtualServiceARN says which VirtualService is meant.",
    ]);
  });

  test("a service without a provider answers 404 at every port, even with ALLOW_ALL", () => {
    const mesh = dj(`${head("VirtualService")}${meta("empty")}
---
${withBackends("[{virtualService: {virtualServiceRef: {name: empty}}}]")}`);
    expect(mesh.destinations.get("prod/dj-0|empty.prod|0")).toMatchObject({ port: 0, routes: [] });
    expect(mesh.find(mesh.virtualHosts, "prod/dj-0|empty.prod|0")).toMatchObject({
      name: "empty.prod",
      domains: ["empty.prod", "empty.prod:*"],
      routes: [],
    });
    expect(mesh.problems()).toEqual([]);
  });

  test("a lost provider is a problem of the service", () => {
    const mesh = dj(`${head("VirtualService")}${meta("a")}
spec: {provider: {virtualRouter: {virtualRouterRef: {name: gone}}}}
---
${head("VirtualService")}${meta("b")}
spec: {provider: {virtualNode: {virtualNodeRef: {name: gone}}}}
---
${head("VirtualNode")}${meta("client")}
---
${head("VirtualService")}${meta("c")}
spec: {provider: {virtualNode: {virtualNodeRef: {name: client}}}}
---
${head("VirtualService")}${meta("d")}
spec: {provider: {virtualNode: {virtualNodeRef: {name: dj}}, virtualRouter: {virtualRouterRef: {name: jazz-router}}}}`);
    expect(mesh.problems()).toEqual([
      "VirtualService prod/a spec.provider.virtualRouter.virtualRouterRef: reference-missing VirtualRouter prod/gone does not exist.",
      "VirtualService prod/b spec.provider.virtualNode.virtualNodeRef: reference-missing VirtualNode prod/gone does not exist.",
      "VirtualService prod/c spec.provider.virtualNode: invalid-field VirtualNode prod/client has no listener, so nothing can be called.",
      "VirtualService prod/d spec.provider: invalid-field A virtual service has one provider; of the two given, the virtual router counts.",
    ]);
  });
});

describe("backend groups", () => {
  test("add their services to a node's backends", () => {
    const mesh = dj(`${head("BackendGroup")}${meta("music")}
spec: {virtualservices: [{name: jazz}, {name: gone}]}
---
${withBackends("[{virtualService: {virtualServiceRef: {name: jazz}}}]", "  backendGroups: [{name: music}, {name: lost}]")}`);
    expect(mesh.keys([mesh.destinations], "prod/dj-0")).toEqual(["jazz.prod.svc.cluster.local|9080"]);
    expect(mesh.problems()).toEqual([
      "BackendGroup prod/music spec.virtualservices[1].name: reference-missing VirtualService prod/gone does not exist.",
      "VirtualNode prod/dj spec.backendGroups[1]: reference-missing BackendGroup prod/lost does not exist in the mesh dj-app.",
    ]);
  });

  test("named * stand for all services of a namespace", () => {
    const mesh = dj(withBackends("[]", "  backendGroups: [{name: '*'}]"));
    expect(mesh.keys([mesh.destinations], "prod/dj-0")).toEqual([
      "jazz.prod.svc.cluster.local|9080",
      "metal.prod.svc.cluster.local|9080",
    ]);
  });
});

describe("who is who", () => {
  test("two nodes for one workload are a conflict, and it has no sidecar", () => {
    const mesh = dj(`${head("VirtualNode")}${meta("dj-2")}\nspec: {podSelector: {}}`);
    expect([...mesh.identities.keys()]).toEqual(["gateway"]);
    expect(mesh.problems()).toEqual([
      "VirtualNode prod/dj spec.podSelector: selector-conflict This node's podSelector and that of VirtualNode prod/dj-2 match the workload prod/dj-0; it gets no sidecar and is no node of the mesh.",
      "VirtualNode prod/dj-2 spec.podSelector: selector-conflict This node's podSelector and that of VirtualNode prod/dj match the workload prod/dj-0; it gets no sidecar and is no node of the mesh.",
    ]);
  });

  test("two nodes for the gateway are a conflict, too", () => {
    const mesh = dj(`${head("VirtualNode")}${meta("kong-2")}
spec: {podSelector: {matchExpressions: [{key: app.kubernetes.io/name, operator: In, values: [kong]}]}}`);
    expect(mesh.identities.get("gateway")).toBeUndefined();
    expect(mesh.problems()[0]).toBe(
      "VirtualNode kong/kong spec.podSelector: selector-conflict This node's podSelector and that of VirtualNode prod/kong-2 match the gateway; it is no node of the mesh.",
    );
  });

  test("a selector that asks for no label does not mean the gateway", () => {
    const mesh = dj(`${head("VirtualNode")}${meta("others")}
spec: {podSelector: {matchExpressions: [{key: app, operator: DoesNotExist}]}}`);
    expect(mesh.problems()).toEqual([]);
    expect(mesh.identities.get("gateway")?.node.name).toBe("kong");
  });

  test("a port that the workload does not declare is named", () => {
    const mesh = dj(`${head("VirtualNode")}${meta("dj")}
spec:
  podSelector: {matchLabels: {app: dj}}
  listeners: [{portMapping: {port: 9999, protocol: http}}]
  serviceDiscovery: {dns: {hostname: dj.prod.svc.cluster.local}}`);
    expect(mesh.problems()).toContain(
      "VirtualNode prod/dj spec.listeners[0].portMapping.port: invalid-field Deployment prod/dj declares no containerPort 9999, so this listener is not opened for it.",
    );
    expect(mesh.keys(mesh.listeners, "prod/dj-0")).toEqual(["lds_egress_0.0.0.0_15001"]);
  });
});
