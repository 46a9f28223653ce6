import type { Reader, Table } from "#incremental/graph.ts";
import { type IngressClass, ingressClassKind } from "#resources/ingress-class.ts";
import {
  type IngressClassParameters,
  ingressClassParametersKind,
} from "#resources/ingress-class-parameters.ts";
import { type KubernetesObject, objectKey, refOf } from "#resources/kind.ts";
import type { Objects } from "#resources/object-store.ts";
import { finding } from "./finding.ts";

const classAnnotation = "kubernetes.io/ingress.class";
const defaultAnnotation = "ingressclass.kubernetes.io/is-default-class";

/** Which objects are the gateway's own. */
export interface ClassMatch {
  /**
   * As Kong's controller decides: a non-empty annotation wins over `ingressClassName`; an object that names no class
   * belongs to the gateway when its class is the default one. One that names none otherwise is reported.
   */
  matches(object: KubernetesObject, className: string | undefined, read: Reader): boolean;
  /** Kong's settings of the class; empty when it has none. */
  parameters(read: Reader): NonNullable<IngressClassParameters["spec"]>;
}

export function classMatch(objects: Objects, ingressClass: string): ClassMatch {
  const classes: Table<IngressClass> = objects.table(ingressClassKind);
  const parameterObjects: Table<IngressClassParameters> = objects.table(ingressClassParametersKind);
  const own = (read: Reader) => read.get(classes, objectKey("", ingressClass));
  return {
    matches(object, className, read) {
      const annotation = object.metadata.annotations[classAnnotation] ?? "";
      if (annotation !== "") return annotation === ingressClass;
      if ((className ?? "") !== "") return className === ingressClass;
      if (own(read)?.metadata.annotations[defaultAnnotation] === "true") return true;
      const { kind } = object;
      read.report(
        finding(
          "no-ingress-class",
          refOf(object),
          ["metadata"],
          `The ${kind} names no ingress class and the class ${ingressClass} is not the default one, so it is not served.`,
          {
            fix:
              kind === "Ingress"
                ? `Set spec.ingressClassName: ${ingressClass}.`
                : `Add the annotation ${classAnnotation}: ${ingressClass}.`,
          },
        ),
      );
      return false;
    },
    parameters(read) {
      const reference = own(read)?.spec?.parameters;
      if (reference?.kind !== "IngressClassParameters") return {};
      const object = read.get(parameterObjects, objectKey(reference.namespace ?? "", reference.name));
      return object?.spec ?? {};
    },
  };
}
