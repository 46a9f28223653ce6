import type { Problem } from "#problems/problem.ts";
import type { KubernetesObject } from "#resources/kind.ts";
import { validateIngress } from "../ingress/validate-ingress.ts";
import { validateKongPlugin } from "./validate-kong-plugin.ts";

/** The faults of a Kong object or Ingress for which its last good version keeps serving; for the object store. */
export function validateKongObject(object: KubernetesObject): readonly Problem[] {
  return [...validateKongPlugin(object), ...validateIngress(object)];
}
