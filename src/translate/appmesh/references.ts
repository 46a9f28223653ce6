import type { Reader, Table } from "#incremental/graph.ts";
import { type FieldPath, formatRef, type ObjectRef } from "#problems/object-ref.ts";
import { problem } from "#problems/problem.ts";
import type { Reference } from "#resources/app-mesh-types.ts";
import { type KubernetesObject, objectKey } from "#resources/kind.ts";
import { type Claim, holderOf, nameKey } from "./members.ts";

/** The part of a member that others refer to. */
export interface Face {
  readonly ref: ObjectRef;
  /** Key of its Mesh object. */
  readonly mesh: string;
}

/** Where references of one kind are looked up. */
export interface Lookup<F extends Face> {
  readonly kind: string;
  readonly faces: Table<F>;
  readonly claims: Table<readonly Claim[]>;
  readonly objects: Table<KubernetesObject>;
  readonly ignoreCase: boolean;
}

/** A reference as manifests write it: by name, or by the ARN that AWS gave. */
export interface NameOrArn {
  readonly reference: Reference | undefined;
  readonly arn: string | undefined;
  /** Names of the two fields, for messages. */
  readonly fields: readonly [reference: string, arn: string];
}

/**
 * Finds what a reference means; whatever is wrong with it is a problem of the object that refers. Namespaces default to
 * that object's; both ends must be in one mesh.
 */
export function resolveReference<F extends Face>(
  read: Reader,
  from: Face,
  lookup: Lookup<F>,
  target: NameOrArn,
  field: FieldPath,
): { readonly key: string; readonly face: F } | undefined {
  const [referenceField, arnField] = target.fields;
  if (target.reference === undefined && target.arn === undefined) {
    const message = `Neither ${referenceField} nor ${arnField} says which ${lookup.kind} is meant.`;
    read.report(problem("reference-missing", from.ref, field, message, { fix: `Set ${referenceField}.` }));
    return undefined;
  }
  const key =
    target.reference === undefined
      ? keyOfArn(read, from, lookup, target.arn ?? "", [...field, arnField])
      : objectKey(target.reference.namespace ?? from.ref.namespace, target.reference.name);
  if (key === undefined) return undefined;
  return look(read, from, lookup, key, [
    ...field,
    target.reference === undefined ? arnField : referenceField,
  ]);
}

function look<F extends Face>(
  read: Reader,
  from: Face,
  lookup: Lookup<F>,
  key: string,
  field: FieldPath,
): { readonly key: string; readonly face: F } | undefined {
  const face = read.get(lookup.faces, key);
  if (face === undefined) {
    const exists = read.get(lookup.objects, key) !== undefined;
    const message = exists
      ? `${lookup.kind} ${key} is in no mesh, or its AWS name belongs to another object.`
      : `${lookup.kind} ${key} does not exist.`;
    read.report(problem("reference-missing", from.ref, field, message));
    return undefined;
  }
  if (face.mesh !== from.mesh) {
    const message = `${formatRef(face.ref)} is in another mesh (${face.mesh.slice(1)}) than this object (${from.mesh.slice(1)}).`;
    read.report(problem("mesh-membership", from.ref, field, message, { related: [face.ref] }));
    return undefined;
  }
  return { key, face };
}

/** An ARN's last part is the AWS name: `…:mesh/<mesh>/virtualNode/<name>`. */
function keyOfArn<F extends Face>(
  read: Reader,
  from: Face,
  lookup: Lookup<F>,
  arn: string,
  field: FieldPath,
): string | undefined {
  const last = arn.slice(arn.lastIndexOf("/") + 1);
  const name = lookup.ignoreCase ? last.toLowerCase() : last;
  const holder = holderOf(read.get(lookup.claims, nameKey(from.mesh, name)) ?? []);
  if (holder !== undefined) return holder.key;
  read.report(
    problem(
      "reference-missing",
      from.ref,
      field,
      `No ${lookup.kind} of the mesh ${from.mesh.slice(1)} has the AWS name ${last}, with which the ARN ends.`,
      { fix: `Name the ${lookup.kind} by its namespace and name instead.` },
    ),
  );
  return undefined;
}
