import type { Problem } from "./problem.ts";

/** A problem with the place in the users' files where it stands; lines count from 1. */
export type PlacedProblem = Problem & { readonly file?: string; readonly line?: number };

/** Order for printing: file, then line, then what has no place. */
export function comparePlaces(a: PlacedProblem, b: PlacedProblem): number {
  if (a.file !== b.file)
    return a.file === undefined ? 1 : b.file === undefined ? -1 : a.file < b.file ? -1 : 1;
  return (a.line ?? 0) - (b.line ?? 0);
}
