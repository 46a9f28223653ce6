import type { FieldPath } from "#problems/object-ref.ts";

/** A place in objects; `*` stands for any key or list position. */
export type FieldPattern = readonly string[];

/** True when the path is the pattern's place or lies below it. */
export function isWithin(path: FieldPath, pattern: FieldPattern): boolean {
  if (path.length < pattern.length) return false;
  return pattern.every((part, at) => part === "*" || part === String(path[at]));
}

/** True when the path lies within any of the patterns. */
export function isWithinAny(path: FieldPath, patterns: readonly FieldPattern[] | undefined): boolean {
  return patterns?.some((pattern) => isWithin(path, pattern)) === true;
}
