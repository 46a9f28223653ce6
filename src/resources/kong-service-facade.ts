import { z } from "zod";
import { defineKind, type ObjectOf } from "./kind.ts";
import { portNumberSchema } from "./port-number.ts";

/** A second face of a Service, with plugins and settings of its own. */
export const kongServiceFacadeKind = defineKind({
  kind: "KongServiceFacade",
  apiVersions: ["incubator.ingress-controller.konghq.com/v1alpha1"],
  scope: "Namespaced",
  docs: "A second face of a Service, so that an Ingress can use the Service with plugins of its own.",
  schema: z.object({
    spec: z.object({ backendRef: z.object({ name: z.string().min(1), port: portNumberSchema }) }),
  }),
});

export type KongServiceFacade = ObjectOf<typeof kongServiceFacadeKind>;
