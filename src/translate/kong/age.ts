/** Something that has an age, as Kubernetes tells it. */
export interface Aged {
  /** RFC 3339; absent in most files. */
  readonly created?: string | undefined;
  /** `namespace/name`, or any other stable name. */
  readonly key: string;
}

/** The older one first; without a time, or with the same one, by name. What has no time counts as new. */
export function compareAge(a: Aged, b: Aged): number {
  const left = a.created ?? "9999";
  const right = b.created ?? "9999";
  if (left !== right) return left < right ? -1 : 1;
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}
