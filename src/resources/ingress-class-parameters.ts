import { z } from "zod";
import { defineKind, type ObjectOf } from "./kind.ts";

/** Kong's settings for all Ingresses of a class. */
export const ingressClassParametersKind = defineKind({
  kind: "IngressClassParameters",
  apiVersions: ["configuration.konghq.com/v1alpha1"],
  scope: "Namespaced",
  docs: "Settings for all Ingresses of a class: whether paths are recognised as regular expressions as in Kong 2.x, and whether requests go to Services instead of their endpoints.",
  schema: z.object({
    spec: z
      .object({
        serviceUpstream: z.boolean().optional(),
        enableLegacyRegexDetection: z.boolean().optional(),
      })
      .optional(),
  }),
});

export type IngressClassParameters = ObjectOf<typeof ingressClassParametersKind>;
