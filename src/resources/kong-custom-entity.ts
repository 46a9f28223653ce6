import { z } from "zod";
import { defineKind, type ObjectOf } from "./kind.ts";

/** A free entity of Kong's database, made for plugins of one's own. */
export const kongCustomEntityKind = defineKind({
  kind: "KongCustomEntity",
  apiVersions: ["configuration.konghq.com/v1alpha1"],
  scope: "Namespaced",
  docs: "An entity of a custom or enterprise plugin of Kong. Such plugins are not served, so it is refused.",
  schema: z.object({
    spec: z.object({
      type: z.string().min(1),
      controllerName: z.string().optional(),
      fields: z.record(z.string(), z.unknown()),
      parentRef: z
        .object({
          group: z.string().optional(),
          kind: z.string().optional(),
          namespace: z.string().optional(),
          name: z.string(),
        })
        .optional(),
    }),
  }),
  open: [["spec", "fields"]],
});

export type KongCustomEntity = ObjectOf<typeof kongCustomEntityKind>;
