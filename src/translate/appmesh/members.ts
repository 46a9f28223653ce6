import type { Graph, Reader, Table } from "#incremental/graph.ts";
import type { ObjectRef } from "#problems/object-ref.ts";
import { formatRef } from "#problems/object-ref.ts";
import { type Problem, problem } from "#problems/problem.ts";
import { type Kind, type KubernetesObject, objectKey, refOf } from "#resources/kind.ts";
import { type LabelSelector, matchesSelector } from "#resources/label-selector.ts";
import { type Mesh, meshKind } from "#resources/mesh.ts";
import { namespaceKind } from "#resources/namespace.ts";
import type { Objects } from "#resources/object-store.ts";
import { checkMesh } from "./rules-mesh.ts";

/** A mesh as its members see it. Its egress filter is apart, so that a change of it touches no member. */
export interface MeshFace extends Named {
  readonly selector?: LabelSelector;
  readonly owner?: string;
  readonly addressFamily?: "ipv4" | "ipv6";
}

/** An object that bears an AWS name, which is unique among those of its kind (and mesh). */
export interface Named {
  readonly ref: ObjectRef;
  readonly awsName: string;
  /** RFC 3339, where known: of two objects with one name the older one counts. */
  readonly created?: string;
}

/** An App Mesh object whose mesh is known. */
export interface Member<T> extends Named {
  /** Key of its Mesh object. */
  readonly mesh: string;
  /** The mesh's AWS name, a part of resource names. */
  readonly meshName: string;
  readonly object: T;
}

/** The members of one kind, and who holds which AWS name. */
export interface Members<T> {
  readonly kind: string;
  /** All objects of the kind, members or not. */
  readonly objects: Table<T>;
  /** Keyed by `objectKey`. */
  readonly table: Table<Member<T>>;
  /** Keyed by `nameKey`. */
  readonly claims: Table<readonly Claim[]>;
}

export interface Claim {
  readonly key: string;
  readonly ref: ObjectRef;
  readonly created?: string;
}

export interface Meshes {
  readonly objects: Objects;
  /** Keyed by `objectKey`. */
  readonly faces: Table<MeshFace>;
  /** Keyed by `objectKey`. */
  readonly egress: Table<"ALLOW_ALL" | "DROP_ALL">;
}

/** An App Mesh object that belongs to a mesh by its namespace. */
export type MemberObject = KubernetesObject & {
  readonly spec?:
    | {
        readonly awsName?: string | undefined;
        readonly meshRef?: { readonly name: string } | undefined;
      }
    | undefined;
};

/** All meshes; of two with one AWS name the older (or first) one counts. */
export function resolveMeshes(graph: Graph, objects: Objects): Meshes {
  const meshes = objects.table(meshKind);
  const candidates = graph.derive("appmesh/mesh-candidates", meshes, (_key, mesh, read) => {
    checkMesh(mesh).forEach(read.report);
    return meshFace(mesh);
  });
  const claims = indexClaims(graph, "appmesh/mesh-names", candidates, (mesh) => mesh.awsName);
  const faces = graph.derive("appmesh/meshes", candidates, (key, mesh, read) =>
    holdsName(read, claims, mesh.awsName, key, mesh) ? mesh : undefined,
  );
  const egress = graph.derive("appmesh/egress-filters", meshes, (_key, mesh) =>
    // DROP_ALL is AWS's default.
    mesh.spec?.egressFilter?.type === "ALLOW_ALL" ? "ALLOW_ALL" : "DROP_ALL",
  );
  return { objects, faces, egress };
}

function meshFace(mesh: Mesh): MeshFace {
  const { spec } = mesh;
  const family = spec?.meshServiceDiscovery?.ipPreference;
  return {
    ...named(mesh, spec?.awsName ?? mesh.metadata.name),
    ...(spec?.namespaceSelector === undefined ? {} : { selector: spec.namespaceSelector }),
    ...(spec?.meshOwner === undefined ? {} : { owner: spec.meshOwner }),
    ...(family === "IPv4_ONLY" ? { addressFamily: "ipv4" } : {}),
    ...(family === "IPv6_ONLY" ? { addressFamily: "ipv6" } : {}),
  };
}

function named(object: KubernetesObject, awsName: string): Named {
  const { creationTimestamp } = object.metadata;
  return {
    ref: refOf(object),
    awsName,
    ...(creationTimestamp === undefined ? {} : { created: creationTimestamp }),
  };
}

/** All objects of a kind that belong to a mesh, each AWS name once. */
export function resolveMembers<T extends MemberObject>(
  graph: Graph,
  meshes: Meshes,
  kind: Kind<T>,
  options: {
    readonly defaultName: (object: T) => string;
    readonly check: (object: T) => readonly Problem[];
    readonly ignoreCase?: boolean;
  },
): Members<T> {
  const objects = meshes.objects.table(kind);
  const claimed = (member: Member<T>) =>
    nameKey(member.mesh, options.ignoreCase === true ? member.awsName.toLowerCase() : member.awsName);
  const candidates = graph.derive(
    `appmesh/${kind.kind}-candidates`,
    objects,
    (_key, object, read): Member<T> | undefined => {
      options.check(object).forEach(read.report);
      const mesh = findMesh(read, meshes, object);
      if (mesh === undefined) return undefined;
      return {
        ...named(object, object.spec?.awsName ?? options.defaultName(object)),
        mesh: objectKey("", mesh.ref.name),
        meshName: mesh.awsName,
        object,
      };
    },
  );
  const claims = indexClaims(graph, `appmesh/${kind.kind}-names`, candidates, claimed);
  const table = graph.derive(`appmesh/${kind.kind}`, candidates, (key, member, read) =>
    holdsName(read, claims, claimed(member), key, member) ? member : undefined,
  );
  return { kind: kind.kind, objects, table, claims };
}

/** The key under which an AWS name is claimed in a mesh. */
export function nameKey(mesh: string, awsName: string): string {
  return `${mesh}|${awsName}`;
}

/** Who holds a name: the oldest claim, then the first by key. */
export function holderOf(claims: readonly Claim[]): Claim | undefined {
  return [...claims].sort(compareClaims)[0];
}

function compareClaims(a: Claim, b: Claim): number {
  // A creation time is known from a cluster only; there every object has one.
  const [left, right] = [`${a.created ?? ""} ${a.key}`, `${b.created ?? ""} ${b.key}`];
  return left < right ? -1 : left > right ? 1 : 0;
}

function indexClaims<V extends Named>(
  graph: Graph,
  name: string,
  candidates: Table<V>,
  claimed: (value: V) => string,
): Table<readonly Claim[]> {
  return graph.index(
    name,
    candidates,
    (key, value): Iterable<readonly [string, Claim]> => [
      [
        claimed(value),
        { key, ref: value.ref, ...(value.created === undefined ? {} : { created: value.created }) },
      ],
    ],
  );
}

function holdsName(
  read: Reader,
  claims: Table<readonly Claim[]>,
  name: string,
  key: string,
  value: Named,
): boolean {
  const holder = holderOf(read.get(claims, name) ?? []);
  if (holder === undefined || holder.key === key) return true;
  read.report(
    problem(
      "duplicate-object",
      value.ref,
      ["spec", "awsName"],
      `The AWS name ${value.awsName} belongs to ${formatRef(holder.ref)} already; this object has no effect.`,
      { related: [holder.ref], fix: "Give one of the two another spec.awsName." },
    ),
  );
  return false;
}

/** The one mesh whose namespaceSelector matches the object's namespace; anything else is a problem of the object. */
export function findMesh(read: Reader, meshes: Meshes, object: MemberObject): MeshFace | undefined {
  const { namespace } = object.metadata;
  const faces = read.keys(meshes.faces).flatMap((key) => read.get(meshes.faces, key) ?? []);
  const declared = read.get(meshes.objects.table(namespaceKind), objectKey("", namespace));
  const stored = object.spec?.meshRef?.name;
  if (declared === undefined && stored !== undefined) {
    // Objects saved from a cluster without their Namespace: what the controller once found is all that is known.
    const face = faces.find((one) => one.ref.name === stored);
    if (face !== undefined) return face;
  }
  const labels = { "kubernetes.io/metadata.name": namespace, ...declared?.metadata.labels };
  const matching = faces.filter((one) => one.selector !== undefined && matchesSelector(one.selector, labels));
  const [face, ...others] = matching;
  const report = (field: readonly string[], message: string, fix: string) =>
    read.report(
      problem("mesh-membership", refOf(object), field, message, {
        related: matching.map((one) => one.ref),
        fix,
      }),
    );
  if (face === undefined) {
    const why = declared === undefined ? `; there is no Namespace object ${namespace}` : "";
    report(
      ["metadata", "namespace"],
      `No Mesh's namespaceSelector matches the namespace ${namespace}${why}.`,
      "Label the Namespace as a Mesh's spec.namespaceSelector wants it.",
    );
    return undefined;
  }
  if (others.length > 0) {
    const names = matching.map((one) => one.ref.name).join(", ");
    report(
      ["metadata", "namespace"],
      `Several meshes select the namespace ${namespace}: ${names}.`,
      "Narrow the namespaceSelectors, so that one mesh selects the namespace.",
    );
    return undefined;
  }
  if (stored !== undefined && stored !== face.ref.name) {
    report(
      ["spec", "meshRef"],
      `The object was stored as a member of the mesh ${stored}, but the mesh ${face.ref.name} selects its namespace.`,
      "Remove spec.meshRef, or label the namespace for the other mesh.",
    );
    return undefined;
  }
  return face;
}
