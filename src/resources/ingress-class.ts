import { z } from "zod";
import { defineKind, type ObjectOf } from "./kind.ts";

/** A Kubernetes IngressClass: which controller serves the Ingresses that name it. */
export const ingressClassKind = defineKind({
  kind: "IngressClass",
  apiVersions: ["networking.k8s.io/v1", "networking.k8s.io/v1beta1"],
  scope: "Cluster",
  docs: "Says which controller serves the Ingresses that name it; the annotation `ingressclass.kubernetes.io/is-default-class` makes it the default.",
  schema: z.object({
    spec: z
      .object({
        controller: z.string().optional(),
        parameters: z
          .object({
            apiGroup: z.string().optional(),
            kind: z.string(),
            name: z.string(),
            namespace: z.string().optional(),
            scope: z.enum(["Cluster", "Namespace"]).optional(),
          })
          .optional(),
      })
      .optional(),
  }),
});

export type IngressClass = ObjectOf<typeof ingressClassKind>;
