import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { parseObject } from "./parse-object.ts";
import { findKind, kinds, kindsNamed } from "./registry.ts";

describe("the list of kinds", () => {
  test("has each name once: objects are known by kind, namespace and name", () => {
    const names = kinds.map(({ kind }) => kind);
    expect(names).toEqual([...new Set(names)]);
  });

  test.each(kinds.map((kind) => [kind.kind, kind] as const))(
    "%s is found by all its versions",
    (name, kind) => {
      expect(kind.docs).toMatch(/^[A-Z].*\.$/s);
      expect(kind.apiVersions.length).toBeGreaterThan(0);
      for (const version of kind.apiVersions) expect(findKind(version, name)).toBe(kind);
      expect(kindsNamed(name)).toEqual([kind]);
    },
  );

  test("has nothing of names that every object has", () => {
    expect([findKind("v1", "constructor"), findKind("v1", "__proto__")]).toEqual([undefined, undefined]);
  });
});

describe("manifests as people have them give no problem", () => {
  test.each([
    `
apiVersion: v1
kind: Namespace
metadata:
  name: prod
  labels: {mesh: dj-app, appmesh.k8s.aws/sidecarInjectorWebhook: enabled}
spec: {finalizers: [kubernetes]}
status: {phase: Active}`,
    `
apiVersion: v1
kind: Service
metadata:
  name: jazz
  namespace: prod
  annotations: {konghq.com/host-header: jazz.prod.svc.cluster.local}
  creationTimestamp: null
  managedFields: [{manager: kubectl}]
spec:
  clusterIP: 10.100.18.222
  clusterIPs: [10.100.18.222]
  internalTrafficPolicy: Cluster
  ipFamilies: [IPv4]
  ports: [{name: http, nodePort: 32445, port: 80, protocol: TCP, targetPort: 8000, appProtocol: http}]
  sessionAffinity: None
  type: LoadBalancer
  selector: {app: jazz}
status: {loadBalancer: {ingress: [{hostname: a.elb.amazonaws.com}]}}`,
    `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: a, labels: {kubernetes.io/service-name: jazz}}
addressType: IPv6
endpoints:
  - addresses: ["::1"]
    conditions: {ready: true, serving: true, terminating: false}
    hostname: pod-1
    nodeName: node-1
    zone: us-west2-a
    targetRef: {kind: Pod, name: a}
    hints: {forZones: [{name: a}]}
ports: [{name: http, port: 8080, protocol: TCP, appProtocol: http}]`,
    `
apiVersion: v1
kind: Endpoints
metadata: {name: jazz}
subsets:
  - addresses: [{ip: 10.0.0.1, nodeName: a, targetRef: {kind: Pod}}]
    ports: [{name: http, port: 8080, protocol: TCP}]`,
    `
apiVersion: v1
kind: Secret
metadata: {name: consumerapikey, namespace: prod}
type: Opaque
immutable: false
data:
  key: a29uZy1zZWNyZXQ=
  tls.crt: |
    LS0tLS1C
    RUdJTg==
stringData: {kongCredType: key-auth}`,
    `
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
data: {a: "1"}
binaryData: {b: AAAA}`,
    `
apiVersion: apps/v1
kind: Deployment
metadata: {name: jazz-v1, namespace: prod}
spec:
  replicas: 1
  strategy: {type: Recreate}
  selector: {matchLabels: {app: jazz, version: v1}}
  template:
    metadata:
      labels: {app: jazz, version: v1}
      annotations: {a: b}
    spec:
      serviceAccountName: jazz
      volumes: [{name: a, emptyDir: {}}]
      initContainers: [{name: i, image: busybox, restartPolicy: Always}]
      containers:
        - name: jazz
          image: artist:1.0
          ports: [{containerPort: 9080, name: http, protocol: TCP}]
          env: [{name: VERSION, value: "1"}]
          readinessProbe: {httpGet: {path: /, port: 9080}}
          resources: {limits: {cpu: 1}}
          securityContext: {runAsUser: 1337}`,
    `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: a}
spec:
  serviceName: a
  volumeClaimTemplates: []
  selector: {matchExpressions: [{key: app, operator: In, values: [a]}]}
  template: {metadata: {labels: {app: a}}, spec: {containers: [{name: a}]}}`,
    `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: a}
spec:
  updateStrategy: {type: RollingUpdate}
  selector: {matchLabels: {app: a}}
  template: {metadata: {labels: {app: a}}, spec: {containers: [{name: a}]}}`,
    `
apiVersion: v1
kind: Pod
metadata: {name: a, labels: {app: a}}
spec: {containers: [{name: a, image: b, ports: [{containerPort: 80, hostPort: 80}]}], nodeName: n}
status: {podIP: 10.0.0.1}`,
    `
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: kong, annotations: {ingressclass.kubernetes.io/is-default-class: "true"}}
spec:
  controller: ingress-controllers.konghq.com/kong
  parameters: {apiGroup: configuration.konghq.com, kind: IngressClassParameters, name: a, namespace: b, scope: Namespace}`,
    `
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: a}
spec:
  from: [{group: networking.k8s.io, kind: Ingress, namespace: a}]
  to: [{group: configuration.konghq.com, kind: KongPlugin, name: b}]`,
    `
apiVersion: diolkos.io/v1alpha1
kind: LocalWorkloads
workloads: [{workload: prod/jazz-v1, command: [node, a.js], directory: .., replicas: 1, env: {VERSION: "1"}}]`,
  ])("%s", (text) => {
    const { objects, problems } = parseObject(parse(text), { place: "a.yaml" });
    expect(problems).toEqual([]);
    expect(objects.map(({ candidate }) => candidate)).toMatchObject([{ problems: [], object: {} }]);
  });
});

describe("wrong manifests", () => {
  test.each([
    [
      'apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: a}\naddressType: IPv4\nendpoints: [{addresses: ["::1"]}]',
      "endpoints.0.addresses.0",
      'Must be an IPv4 address, but is "::1".',
    ],
    [
      "apiVersion: v1\nkind: Endpoints\nmetadata: {name: a}\nsubsets: [{addresses: [{ip: localhost}]}]",
      "subsets.0.addresses.0.ip",
      "Must be an IP address.",
    ],
    [
      "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {key: kong-secret}",
      "data.key",
      "Is not valid base64.",
    ],
    [
      "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: []}",
      "spec.containers",
      "Must have at least 1 entry, but has 0.",
    ],
    [
      "apiVersion: diolkos.io/v1alpha1\nkind: LocalWorkloads\nworkloads: [{workload: a/b, command: [node, 8080]}]",
      "workloads.0.command.1",
      "Must be text, but is the number 8080.",
    ],
  ])("%s", (text, field, message) => {
    const { objects } = parseObject(parse(text), { place: "a.yaml" });
    const found = objects.flatMap(({ candidate }) => candidate.problems);
    expect(found.map((one) => [one.code, one.field.join("."), one.message])).toEqual([
      ["invalid-field", field, message],
    ]);
  });
});
