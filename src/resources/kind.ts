import type { z } from "zod";
import type { ObjectRef } from "#problems/object-ref.ts";

export interface ObjectMeta {
  readonly name: string;
  /** "" for cluster-scoped kinds. */
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** RFC 3339; files seldom have one. */
  readonly creationTimestamp?: string;
  readonly uid?: string;
}

/** Every object that Diolkos reads. Frozen: nobody changes an object. */
export interface KubernetesObject {
  readonly kind: string;
  readonly apiVersion: string;
  readonly metadata: ObjectMeta;
}

/** One kind that Diolkos reads, in one file beside this one. CRDs and reference pages are generated from it. */
export interface Kind<T extends KubernetesObject> {
  readonly kind: string;
  /** Every `apiVersion` in which it is accepted, the preferred one first. */
  readonly apiVersions: readonly string[];
  readonly scope: "Namespaced" | "Cluster";
  /** One or two sentences for the reference page. */
  readonly docs: string;
  /**
   * Of everything but apiVersion, kind and metadata, which are the same for all kinds. It makes no defaults that are
   * visible to users of the stored object; those belong to the translation. Unknown fields are found by `strict` walking.
   */
  readonly schema: z.ZodObject;
  /** Brings an older apiVersion's form into the newest one before the schema sees it. */
  readonly upgrade?: (document: Record<string, unknown>, apiVersion: string) => Record<string, unknown>;
  /**
   * Fields with free content, where unknown fields are no problem and null stays null, e.g. `["config"]`.
   * `*` stands for any key or list position. Not needed where the schema says z.unknown() or z.record().
   */
  readonly open?: readonly (readonly string[])[];
  /** Fields whose values never leave the process; `*` as above. */
  readonly secret?: readonly (readonly string[])[];
  /** The document has no metadata of its own: its file is its name. */
  readonly namedByFile?: boolean;
  /** Only carries the type. */
  readonly type?: T;
}

/** Declares a kind; `defineKind(schema, {...})` infers the object's type from its schema. */
export function defineKind<S extends z.ZodObject>(
  kind: Omit<Kind<KubernetesObject & z.output<S>>, "schema" | "type"> & { readonly schema: S },
): Kind<KubernetesObject & z.output<S>> & { readonly schema: S } {
  return kind;
}

/** The object type of a kind: `type Ingress = ObjectOf<typeof ingressKind>`. */
export type ObjectOf<K> = K extends { readonly type?: infer T } ? NonNullable<T> : never;

/** Key of an object within its kind's table: `namespace/name`, or `/name` for cluster-scoped kinds. */
export function objectKey(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

export function refOf(object: KubernetesObject): ObjectRef {
  return { kind: object.kind, namespace: object.metadata.namespace, name: object.metadata.name };
}
