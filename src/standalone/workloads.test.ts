import { expect, test } from "vitest";
import type { InputTable } from "#incremental/graph.ts";
import { Graph } from "#incremental/graph.ts";
import type { MeshIdentity } from "#model/mesh.ts";
import { type Kind, type KubernetesObject, objectKey } from "#resources/kind.ts";
import type { Objects } from "#resources/object-store.ts";
import type { ProcessState } from "./process-spec.ts";
import {
  knownWorkloads,
  noteProcesses,
  processProblems,
  workloadEnvironment,
  workloadProcesses,
  workloadStatuses,
} from "./workload-processes.ts";
import { localWorkloads } from "./workloads.ts";

class Setting implements Objects {
  readonly graph = new Graph({
    onDefect: (_, __, error) => {
      throw error;
    },
  });
  readonly #tables = new Map<string, InputTable<KubernetesObject>>();
  readonly identities: InputTable<MeshIdentity>;
  readonly additions: InputTable<Readonly<Record<string, string>>>;
  readonly local;
  readonly specs;
  readonly failures;
  readonly #ports = new Map<string, number>();

  constructor() {
    this.identities = this.graph.input("identities");
    this.additions = this.graph.input("additions");
    for (const kind of [
      "LocalWorkloads",
      "Deployment",
      "StatefulSet",
      "DaemonSet",
      "Pod",
      "ConfigMap",
      "Secret",
      "Service",
    ]) {
      this.#tables.set(kind, this.graph.input(kind));
    }
    this.local = localWorkloads(this.graph, this, {
      portFor: (key) => {
        if (!this.#ports.has(key)) this.#ports.set(key, 20_000 + this.#ports.size);
        return this.#ports.get(key) ?? 0;
      },
      folderOf: ({ name }) => `/manifests/${name}`,
    });
    const { identities, additions } = this;
    this.specs = workloadProcesses(this.graph, this.local.replicas, { identities, additions });
    this.failures = processProblems(this.graph, this.local.replicas);
  }

  table<T extends KubernetesObject>(kind: Kind<T>): InputTable<T> {
    return this.#tables.get(kind.kind) as unknown as InputTable<T>;
  }

  put(kind: string, name: string, content: object, namespace = "prod"): void {
    const metadata = { name, namespace, labels: {}, annotations: {} };
    const object = { apiVersion: "", kind, metadata, ...content } as KubernetesObject;
    this.#tables.get(kind)?.set(objectKey(namespace, name), object);
  }

  deployment(name: string, container: object = { ports: [{ name: "http", containerPort: 9080 }] }): void {
    const spec = { containers: [{ name: "app", ...container }] };
    this.put("Deployment", name, {
      spec: { template: { metadata: { labels: { app: name, version: "v1" } }, spec } },
    });
  }

  workloads(...entries: object[]): void {
    this.put("LocalWorkloads", "team", { workloads: entries }, "");
  }

  identity(scope: string, kind = "VirtualNode"): void {
    const node = { kind, namespace: "prod", name: "node" };
    const identity = {
      scope,
      mesh: "m",
      node,
      nodeId: "n",
      egress: "DROP_ALL",
      ingressPorts: [],
      httpPorts: [],
    } as const;
    this.identities.set(scope, identity);
  }

  problems(): string[] {
    this.graph.flush();
    return this.graph
      .problems()
      .map(({ code, object, field, message }) => `${code} ${object.kind} ${field.join(".")}: ${message}`);
  }
}

test("a workload becomes one process for each replica", () => {
  const setting = new Setting();
  setting.deployment("jazz-v1");
  setting.workloads({
    workload: "prod/jazz-v1",
    command: ["node", "artist.js"],
    directory: "../apps",
    replicas: 2,
  });
  setting.identity("prod/jazz-v1-0");
  expect(setting.problems()).toEqual([]);
  expect([...setting.local.instances.keys()].sort()).toEqual(["prod/jazz-v1-0", "prod/jazz-v1-1"]);
  expect(setting.local.instances.get("prod/jazz-v1-1")).toEqual({
    namespace: "prod",
    pod: "jazz-v1-1",
    labels: { app: "jazz-v1", version: "v1" },
    owner: "Deployment prod/jazz-v1",
    address: "127.0.0.1",
    ports: [{ name: "http", containerPort: 9080, appPort: 20_003, sidecarPort: 20_004 }],
    egressPort: 20_005,
    ready: false,
  });
  expect(setting.specs.get("prod/jazz-v1-0")).toEqual({
    id: "workload/prod/jazz-v1-0",
    command: "node",
    args: ["artist.js"],
    env: {
      PORT: "20000",
      PORT_9080: "20000",
      POD_NAME: "jazz-v1-0",
      POD_NAMESPACE: "prod",
      POD_IP: "127.0.0.1",
      HTTP_PROXY: "http://127.0.0.1:20002",
      http_proxy: "http://127.0.0.1:20002",
      NO_PROXY: null,
      no_proxy: null,
    },
    cwd: "/manifests/apps",
    readiness: { kind: "tcp", port: 20_000 },
    drain: { kind: "signal", graceMs: 5000, delayMs: 300 },
    stopStage: 2,
    group: "prod/jazz-v1",
  });
  // The other replica has no sidecar: the caller's own proxy settings stay.
  expect(Object.keys(setting.specs.get("prod/jazz-v1-1")?.env ?? {})).not.toContain("HTTP_PROXY");
});

test("a change of replicas starts and stops only those", () => {
  const setting = new Setting();
  setting.deployment("a");
  setting.workloads({ workload: "prod/a", command: ["a"], replicas: 3 });
  setting.graph.flush();
  const first = setting.specs.get("prod/a-0");
  setting.workloads({ workload: "prod/a", command: ["a"], replicas: 1 });
  const { changed } = setting.graph.flush();
  expect([...(changed.get(setting.specs) ?? [])].sort()).toEqual(["prod/a-1", "prod/a-2"]);
  expect(setting.specs.get("prod/a-0")).toBe(first);
  // What the mesh allows a node is no reason to restart its application.
  setting.identity("prod/a-0");
  setting.graph.flush();
  const meshed = setting.identities.get("prod/a-0");
  if (meshed !== undefined) setting.identities.set("prod/a-0", { ...meshed, egress: "ALLOW_ALL" });
  expect(setting.graph.flush().changed.has(setting.specs)).toBe(false);
});

test("the environment comes from the manifest, from Diolkos, and from the entry, in this order", () => {
  const setting = new Setting();
  setting.put("ConfigMap", "settings", { data: { COLOUR: "red", SIZE: "9" } });
  setting.put("Secret", "keys", { data: { token: Buffer.from("s3cret").toString("base64") } });
  setting.deployment("a", {
    ports: [{ containerPort: 8080 }, { containerPort: 9090 }, { containerPort: 53, protocol: "UDP" }],
    envFrom: [
      { prefix: "C_", configMapRef: { name: "settings" } },
      { secretRef: { name: "none", optional: true } },
    ],
    env: [
      { name: "PORT", value: "8080" },
      { name: "MODE", value: "cluster" },
      { name: "TOKEN", valueFrom: { secretKeyRef: { name: "keys", key: "token" } } },
      { name: "URL", value: "http://$(TOKEN)@$(C_COLOUR)/$(UNKNOWN)/$$(x)" },
      { name: "POD", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
      { name: "APP", valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
      { name: "CPU", valueFrom: { resourceFieldRef: { resource: "limits.cpu" } } },
      { name: "GONE", valueFrom: { configMapKeyRef: { name: "settings", key: "gone" } } },
    ],
  });
  setting.workloads({ workload: "prod/a", command: ["a"], env: { MODE: "local" } });
  setting.additions.set("prod/a-0", { BACKEND_DB_5432: "127.0.0.1:25432" });
  expect(setting.problems()).toEqual([
    "not-supported Deployment spec.template.spec.containers.0.env.6.valueFrom: This source of a value does not exist for a local process; CPU is not set.",
    "reference-missing Deployment spec.template.spec.containers.0.env.7.valueFrom.configMapKeyRef.key: The ConfigMap settings has no key gone; GONE is not set.",
  ]);
  const { env } = setting.specs.get("prod/a-0") ?? {};
  expect(env).toMatchObject({
    C_COLOUR: "red",
    C_SIZE: "9",
    MODE: "local",
    TOKEN: "s3cret",
    URL: "http://s3cret@red/$(UNKNOWN)/$(x)",
    POD: "a-0",
    APP: "a",
    PORT: "20000",
    PORT_8080: "20000",
    PORT_9090: "20002",
    BACKEND_DB_5432: "127.0.0.1:25432",
  });
  expect(env).not.toHaveProperty("PORT_53");
  // Values of Secrets and of the entry do not go to the admin API.
  const answer = workloadEnvironment("prod", "a", setting.local.replicas, setting.specs, "/s");
  expect(answer?.secretVariables).toEqual(["MODE", "TOKEN", "URL"]);
  expect(JSON.stringify(answer)).not.toContain("s3cret");
  expect(answer).toMatchObject({
    name: "prod/a-0",
    process: "workload/prod/a-0",
    environment: { POD: "a-0" },
  });
  expect(workloadEnvironment("prod", "a-0", setting.local.replicas, setting.specs, "/s")).toEqual(answer);
  expect(workloadEnvironment("prod", "b", setting.local.replicas, setting.specs, "/s")).toBeUndefined();
});

test("an application that cannot be told its port says which it uses", () => {
  const setting = new Setting();
  setting.deployment("a");
  setting.workloads({ workload: "prod/a", command: ["a"], env: { PORT: "9080" } });
  expect(setting.problems()).toEqual([]);
  expect(setting.local.instances.get("prod/a-0")?.ports[0]?.appPort).toBe(9080);
  expect(setting.specs.get("prod/a-0")).toMatchObject({
    env: { PORT: "9080", PORT_9080: "9080" },
    readiness: { kind: "tcp", port: 9080 },
  });
  setting.workloads({ workload: "prod/a", command: ["a"], env: { PORT: "9080" }, replicas: 2 });
  expect(setting.problems()).toEqual([
    "invalid-field LocalWorkloads workloads.0.env.PORT: PORT gives all replicas one port, and only one of them can listen there.",
  ]);
  expect(setting.specs.get("prod/a-0")?.env.PORT).not.toBe("9080");
});

test("a pod that declares no port has those to which Services send", () => {
  const setting = new Setting();
  setting.deployment("a", {});
  setting.workloads({ workload: "prod/a", command: ["a"] });
  setting.graph.flush();
  expect(setting.local.instances.get("prod/a-0")?.ports).toEqual([]);
  expect(setting.specs.get("prod/a-0")?.readiness).toEqual({ kind: "none" });
  expect(setting.specs.get("prod/a-0")?.env.PORT).toBeDefined();
  setting.put("Service", "a", { spec: { selector: { app: "a" }, ports: [{ port: 80, targetPort: 8080 }] } });
  setting.put("Service", "b", { spec: { selector: { app: "b" }, ports: [{ port: 81 }] } });
  setting.graph.flush();
  expect(setting.local.instances.get("prod/a-0")?.ports).toMatchObject([{ containerPort: 8080 }]);
});

test("what is wrong with an entry is reported", () => {
  const setting = new Setting();
  setting.deployment("a");
  setting.workloads(
    { workload: "prod/none", command: ["x"] },
    { workload: "prod/a" },
    { workload: "prod/a", command: ["a"] },
  );
  expect(setting.problems().sort()).toEqual([
    "reference-missing LocalWorkloads workloads.0.workload: There is no Deployment, StatefulSet, DaemonSet or Pod prod/none; its process is not started.",
    "selector-conflict LocalWorkloads workloads.2.workload: The workload prod/a has an entry already; this one has no effect.",
    "workload-failed LocalWorkloads workloads.1: The workload prod/a has no command, so nothing is started for it.",
  ]);
  // A VirtualGateway's pod is only a proxy.
  setting.identity("prod/a-0", "VirtualGateway");
  expect(setting.problems()).toHaveLength(2);
  expect(setting.local.instances.size).toBe(1);
  expect(setting.specs.size).toBe(0);
});

test("a Pod keeps its name, a StatefulSet and a DaemonSet are workloads", () => {
  const setting = new Setting();
  setting.put("Pod", "single", { spec: { containers: [{ name: "a" }] } });
  for (const kind of ["StatefulSet", "DaemonSet"]) {
    setting.put(kind, kind.toLowerCase(), { spec: { template: { spec: { containers: [{ name: "a" }] } } } });
  }
  setting.workloads(
    ...["single", "statefulset", "daemonset"].map((name) => ({ workload: `prod/${name}`, command: ["a"] })),
  );
  expect(setting.problems()).toEqual([]);
  expect([...setting.local.instances.keys()].sort()).toEqual([
    "prod/daemonset-0",
    "prod/single",
    "prod/statefulset-0",
  ]);
  expect(knownWorkloads(setting.local.replicas)).toEqual([
    "prod/daemonset",
    "prod/single",
    "prod/statefulset",
  ]);
});

test("readiness and failures follow the processes", () => {
  const setting = new Setting();
  setting.deployment("a");
  setting.workloads({ workload: "prod/a", command: ["a"] });
  setting.graph.flush();
  const { readiness, replicas, instances } = setting.local;
  const note = (...states: ProcessState[]) => {
    const processes = new Map(states.map((state) => [state.id, state]));
    noteProcesses(processes, replicas, { readiness, failures: setting.failures });
    setting.graph.flush();
    return workloadStatuses(replicas, processes)[0];
  };
  const workload = { id: "workload/prod/a-0", phase: "ready", restarts: 0, pid: 7 } as const;
  expect(note(workload)).toMatchObject({ name: "prod/a-0", workload: "prod/a", pid: 7, ready: true });
  expect(instances.get("prod/a-0")?.ready).toBe(true);
  // With a sidecar, both must be ready.
  note(workload, { id: "envoy/prod/a-0", phase: "running", restarts: 0 });
  expect(instances.get("prod/a-0")?.ready).toBe(false);
  const failure = {
    kind: "failed-to-start",
    message: "the command a was not found",
    fix: "Install it.",
  } as const;
  note(
    { ...workload, phase: "backing-off", failure },
    {
      id: "envoy/gateway",
      phase: "backing-off",
      restarts: 1,
      failure: { kind: "exited", message: "it ended" },
    },
  );
  expect(setting.problems().sort()).toEqual([
    "proxy-failed Process : envoy/gateway: it ended.",
    "workload-failed LocalWorkloads workloads.0: prod/a, process a-0: the command a was not found.",
  ]);
  note(workload);
  expect(setting.problems()).toEqual([]);
  setting.workloads();
  setting.graph.flush();
  note();
  expect([...readiness.keys()]).toEqual([]);
});

test("what runs before the manifests are translated is ready from the start", () => {
  const setting = new Setting();
  setting.deployment("a");
  setting.workloads({ workload: "prod/a", command: ["a"] });
  const { readiness, replicas, instances } = setting.local;
  const processes = new Map([
    ["workload/prod/a-0", { id: "workload/prod/a-0", phase: "ready", restarts: 0 } as const],
  ]);
  noteProcesses(processes, replicas, { readiness, failures: setting.failures });
  setting.graph.flush();
  expect(instances.get("prod/a-0")?.ready).toBe(true);
});
