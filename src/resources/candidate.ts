import type { ObjectRef } from "#problems/object-ref.ts";
import type { Problem } from "#problems/problem.ts";
import type { KubernetesObject } from "./kind.ts";

/** One object as a source read it just now, with all that is wrong with it. */
export interface Candidate {
  readonly ref: ObjectRef;
  /** Absent when it cannot be used: its last good version then keeps serving. */
  readonly object?: KubernetesObject;
  readonly problems: readonly Problem[];
}
