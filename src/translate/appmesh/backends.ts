import type { Graph, Reader, Table } from "#incremental/graph.ts";
import type { FieldPath, ObjectRef } from "#problems/object-ref.ts";
import { problem } from "#problems/problem.ts";
import type { ClientPolicy } from "#resources/app-mesh-types.ts";
import { type BackendGroup, backendGroupKind } from "#resources/backend-group.ts";
import { objectKey, refOf } from "#resources/kind.ts";
import type { VirtualNode } from "#resources/virtual-node.ts";
import { findMesh, type Member, type Meshes } from "./members.ts";
import type { Nodes } from "./nodes.ts";
import { type Face, resolveReference } from "./references.ts";
import type { ServiceFace, Services } from "./services.ts";

/** A virtual service that a node may call. */
export interface Backend {
  /** Key of the VirtualService. */
  readonly service: string;
  readonly ref: ObjectRef;
  readonly awsName: string;
  /** The ports at which it answers; none without a provider. */
  readonly ports: readonly number[];
  /** Ports of target nodes that may only be called with TLS: all of them, or those listed. */
  readonly tls?: "all" | readonly number[];
}

interface Group extends Face {
  /** Keys of its virtual services. */
  readonly services: readonly string[];
}

/** Keyed by namespace: the virtual services in it. */
type ByNamespace = Table<readonly { readonly key: string; readonly mesh: string }[]>;

/** The backends of each node (keyed by `objectKey`), those of its backend groups among them, each once. */
export function resolveBackends(
  graph: Graph,
  meshes: Meshes,
  nodes: Nodes,
  services: Services,
): Table<readonly Backend[]> {
  const groups = graph.derive(
    "appmesh/backend-groups",
    meshes.objects.table(backendGroupKind),
    (_key, group, read) => resolveGroup(group, meshes, services, read),
  );
  const byNamespace: ByNamespace = graph.index(
    "appmesh/services-by-namespace",
    services.lookup.faces,
    (key, face) => [[face.ref.namespace, { key, mesh: face.mesh }]],
  );
  return graph.derive("appmesh/backends", nodes.members.table, (_key, node, read) => {
    const all = [
      ...ownBackends(node, services, read),
      ...groupedBackends(node, groups, byNamespace, services, read),
    ];
    // The first one counts: a backend with a policy of its own stands before the groups.
    const first = new Map<string, Backend>();
    for (const one of all) if (!first.has(one.service)) first.set(one.service, one);
    return [...first.values()];
  });
}

function ownBackends(node: Member<VirtualNode>, services: Services, read: Reader): readonly Backend[] {
  const spec = node.object.spec ?? {};
  return (spec.backends ?? []).flatMap(({ virtualService }, at) => {
    const target = {
      reference: virtualService.virtualServiceRef,
      arn: virtualService.virtualServiceARN,
      fields: ["virtualServiceRef", "virtualServiceARN"],
    } as const;
    const field = ["spec", "backends", at, "virtualService"];
    const found = resolveReference(read, node, services.lookup, target, field);
    if (found === undefined) return [];
    return [
      backend(found.key, found.face, virtualService.clientPolicy ?? spec.backendDefaults?.clientPolicy),
    ];
  });
}

function groupedBackends(
  node: Member<VirtualNode>,
  groups: Table<Group>,
  byNamespace: ByNamespace,
  services: Services,
  read: Reader,
): readonly Backend[] {
  const spec = node.object.spec ?? {};
  const keys = (spec.backendGroups ?? []).flatMap(({ namespace = node.ref.namespace, name }, at) => {
    if (name === "*") {
      const members = read.get(byNamespace, namespace) ?? [];
      return members.filter((one) => one.mesh === node.mesh).map((one) => one.key);
    }
    const group = read.get(groups, objectKey(namespace, name));
    if (group?.mesh === node.mesh) return group.services;
    const message = `BackendGroup ${namespace}/${name} does not exist in the mesh ${node.mesh.slice(1)}.`;
    read.report(problem("reference-missing", node.ref, ["spec", "backendGroups", at], message));
    return [];
  });
  return keys.flatMap((key) => {
    const face = read.get(services.lookup.faces, key);
    return face === undefined ? [] : [backend(key, face, spec.backendDefaults?.clientPolicy)];
  });
}

function backend(key: string, face: ServiceFace, policy: ClientPolicy | undefined): Backend {
  // AWS's default of `enforce` is true; without ports the policy is for all of them.
  const tls = policy?.tls?.enforce === false ? undefined : policy?.tls;
  const ports = tls?.ports ?? [];
  return {
    service: key,
    ref: face.ref,
    awsName: face.awsName,
    ports: face.ports,
    ...(tls === undefined ? {} : { tls: ports.length === 0 ? "all" : ports }),
  };
}

function resolveGroup(
  group: BackendGroup,
  meshes: Meshes,
  services: Services,
  read: Reader,
): Group | undefined {
  const mesh = findMesh(read, meshes, group);
  if (mesh === undefined) return undefined;
  const face = { ref: refOf(group), mesh: objectKey("", mesh.ref.name) };
  const keys = (group.spec?.virtualservices ?? []).flatMap((reference, at) => {
    const field: FieldPath = ["spec", "virtualservices", at];
    const target = { reference, arn: undefined, fields: ["name", "name"] } as const;
    return resolveReference(read, face, services.lookup, target, field)?.key ?? [];
  });
  return { ...face, services: keys };
}
