/** Names one object of a user's manifests. `namespace` is "" for cluster-scoped kinds. */
export interface ObjectRef {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** Where in an object something stands: keys and list positions from the root, e.g. `["spec","rules",0,"host"]`. */
export type FieldPath = readonly (string | number)[];

/** What a model piece was made from. File and line are looked up when printed, so that moving lines changes nothing. */
export interface Origin {
  readonly object: ObjectRef;
  readonly field: FieldPath;
}

/** `Kind/namespace/name`, the form that names an object uniquely in one instance. */
export function refKey(ref: ObjectRef): string {
  return `${ref.kind}/${ref.namespace}/${ref.name}`;
}

/** The form users know from kubectl: `Kind namespace/name`. */
export function formatRef(ref: ObjectRef): string {
  return ref.namespace === "" ? `${ref.kind} ${ref.name}` : `${ref.kind} ${ref.namespace}/${ref.name}`;
}

/** `spec.rules[0].host`; keys that are not plain words are quoted: `metadata.annotations["konghq.com/plugins"]`. */
export function formatField(path: FieldPath): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else if (/^[A-Za-z_][\w-]*$/.test(part)) text += text === "" ? part : `.${part}`;
    else text += `[${JSON.stringify(part)}]`;
  }
  return text;
}
