import type { FieldPath, ObjectRef } from "#problems/object-ref.ts";
import type { Problem } from "#problems/problem.ts";
import { type Ingress, ingressKind } from "#resources/ingress.ts";
import { type KubernetesObject, refOf } from "#resources/kind.ts";
import { finding } from "../kong/finding.ts";
import { kongPaths, pathReading, regexFault } from "./ingress-paths.ts";

/** Regular expressions of an Ingress that Envoy cannot hold. Any other kind has none. */
export function validateIngress(object: KubernetesObject): readonly Problem[] {
  if (object.kind !== ingressKind.kind) return [];
  const ingress = object as Ingress;
  // What the class says of old paths is known to the translation alone.
  const reading = pathReading(ingress, false);
  return (ingress.spec?.rules ?? []).flatMap((rule, at) =>
    (rule.http?.paths ?? []).flatMap((path, pathAt) => {
      const field = ["spec", "rules", at, "http", "paths", pathAt, "path"];
      return kongPaths(path, field, reading).flatMap((one) => {
        const fault = regexFault(one);
        return fault === undefined ? [] : [unsupportedRegex(refOf(ingress), field, fault)];
      });
    }),
  );
}

/** A path's expression that Envoy cannot hold. */
export function unsupportedRegex(object: ObjectRef, field: FieldPath, fault: string): Problem {
  return finding(
    "regex-unsupported",
    object,
    field,
    `the regular expression uses ${fault}; the path is not served`,
    { fix: "Rewrite it in RE2's syntax, without that construct." },
  );
}
