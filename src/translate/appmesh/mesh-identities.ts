import type { Graph, Reader, Table } from "#incremental/graph.ts";
import type { MeshIdentity } from "#model/mesh.ts";
import { gatewayScope } from "#model/model.ts";
import { instanceScope, type WorkloadInstance } from "#model/workload.ts";
import { formatRef, type ObjectRef } from "#problems/object-ref.ts";
import { problem } from "#problems/problem.ts";
import { objectKey } from "#resources/kind.ts";
import { type LabelSelector, matchesSelector } from "#resources/label-selector.ts";
import type { Objects } from "#resources/object-store.ts";
import type { VirtualNode } from "#resources/virtual-node.ts";
import type { Member } from "./members.ts";
import { type MeshObjects, resolveMeshObjects } from "./mesh-objects.ts";
import { nodeId } from "./names.ts";
import { nodeListeners } from "./nodes.ts";

export interface MeshOptions {
  /** The labels by which a VirtualNode's podSelector makes the gateway a node of its mesh. */
  readonly gatewayLabels: Readonly<Record<string, string>>;
}

/** The labels of a Kong gateway, as its chart installs it under its usual name. */
export const kongLabels: Readonly<Record<string, string>> = {
  "app.kubernetes.io/name": "kong",
  "app.kubernetes.io/instance": "kong",
};

/** Who is who in the meshes. */
export interface MeshIdentities {
  /** Keyed by scope: the proxies that are nodes of a mesh. */
  readonly identities: Table<MeshIdentity>;
  /** What the translation goes on with. */
  readonly objects: MeshObjects;
}

interface Pod {
  readonly scope: string;
  readonly owner: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly containerPorts: readonly number[];
}

/**
 * Finds the virtual node of each local workload and of the gateway. It reads manifests and workloads only, so that
 * Services can know which workloads are reached through a sidecar.
 */
export function meshIdentities(
  graph: Graph,
  objects: Objects,
  instances: Table<WorkloadInstance>,
  options: MeshOptions,
): MeshIdentities {
  const mesh = resolveMeshObjects(graph, objects);
  const pods = graph.index(
    "appmesh/pods",
    instances,
    (_key, instance): Iterable<readonly [string, Pod]> => [
      [
        instance.namespace,
        {
          scope: instanceScope(instance),
          owner: instance.owner,
          labels: instance.labels,
          containerPorts: instance.ports.map((port) => port.containerPort),
        },
      ],
    ],
  );
  const selected = graph.derive("appmesh/selected", mesh.nodes.members.table, (_key, node, read) =>
    selectedScopes(node, pods, options, read),
  );
  const claims = graph.index("appmesh/claims", selected, (key, scopes) =>
    scopes.map((scope) => [scope, key] as const),
  );
  const identities = graph.derive("appmesh/identities", claims, (scope, keys, read) =>
    identify(scope, keys, mesh, read),
  );
  return { identities, objects: mesh };
}

/** The proxies that a node's podSelector matches: workloads of its namespace, and perhaps the gateway. */
function selectedScopes(
  node: Member<VirtualNode>,
  pods: Table<readonly Pod[]>,
  options: MeshOptions,
  read: Reader,
): readonly string[] {
  const selector = node.object.spec?.podSelector;
  // App Mesh: an absent selector matches no pod, an empty one all pods of the namespace.
  if (selector === undefined) return [];
  const matching = (read.get(pods, node.ref.namespace) ?? []).filter((pod) =>
    matchesSelector(selector, pod.labels),
  );
  checkPorts(node, matching, read);
  const scopes = matching.map((pod) => pod.scope);
  if (namesLabels(selector) && matchesSelector(selector, options.gatewayLabels)) scopes.push(gatewayScope);
  return scopes;
}

/** The gateway is in no namespace, so that only a selector which asks for some label can mean it. */
function namesLabels(selector: LabelSelector): boolean {
  return (
    Object.keys(selector.matchLabels ?? {}).length > 0 ||
    (selector.matchExpressions ?? []).some(({ operator }) => operator === "In" || operator === "Exists")
  );
}

/** A listener on a port that no container declares is out of reach for a local process. */
function checkPorts(node: Member<VirtualNode>, pods: readonly Pod[], read: Reader): void {
  nodeListeners(node.object).forEach(({ portMapping }, at) => {
    const without = pods
      .filter((pod) => !pod.containerPorts.includes(portMapping.port))
      .map((pod) => pod.owner);
    for (const owner of new Set(without)) {
      const message = `${owner} declares no containerPort ${portMapping.port}, so this listener is not opened for it.`;
      const fix = "Declare the port in the container's ports.";
      const field = ["spec", "listeners", at, "portMapping", "port"];
      read.report({ ...problem("invalid-field", node.ref, field, message, { fix }), severity: "warning" });
    }
  });
}

function identify(
  scope: string,
  keys: readonly string[],
  mesh: MeshObjects,
  read: Reader,
): MeshIdentity | undefined {
  const [key, ...others] = keys;
  if (key === undefined) return undefined;
  const node = read.get(mesh.nodes.lookup.faces, key);
  if (node === undefined) return undefined;
  if (others.length > 0) {
    const refs = keys.flatMap((one) => read.get(mesh.nodes.lookup.faces, one)?.ref ?? []);
    reportConflict(scope, refs, read);
    return undefined;
  }
  const face = read.get(mesh.meshes.faces, node.mesh);
  const ports = (read.get(mesh.backends, key) ?? []).flatMap((backend) => backend.ports);
  return {
    scope,
    mesh: node.meshName,
    node: node.ref,
    nodeId: nodeId(
      { awsName: node.meshName, ...(face?.owner === undefined ? {} : { owner: face.owner }) },
      node.awsName,
    ),
    egress: read.get(mesh.meshes.egress, node.mesh) ?? "DROP_ALL",
    ingressPorts: node.listeners.map((listener) => listener.port),
    httpPorts: [...new Set(ports)].sort((a, b) => a - b),
  };
}

function reportConflict(scope: string, refs: readonly ObjectRef[], read: Reader): void {
  const who = scope === gatewayScope ? "the gateway" : `the workload ${scope}`;
  const consequence =
    scope === gatewayScope ? "it is no node of the mesh" : "it gets no sidecar and is no node of the mesh";
  for (const ref of refs) {
    const related = refs.filter((other) => other !== ref);
    const names = related.map(formatRef).join(" and ");
    const message = `This node's podSelector and that of ${names} match ${who}; ${consequence}.`;
    const fix = "Narrow the selectors, so that each workload is matched by one node.";
    read.report(problem("selector-conflict", ref, ["spec", "podSelector"], message, { related, fix }));
  }
}

/** The key of the node that gives an identity. */
export function identityNode(identity: MeshIdentity): string {
  return objectKey(identity.node.namespace, identity.node.name);
}
