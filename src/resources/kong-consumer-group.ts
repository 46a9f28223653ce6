import { z } from "zod";
import { defineKind, type ObjectOf } from "./kind.ts";
import { controlPlaneRefSchema, tagsSchema } from "./kong-types.ts";

/** A group of consumers that share plugins. */
export const kongConsumerGroupKind = defineKind({
  kind: "KongConsumerGroup",
  apiVersions: ["configuration.konghq.com/v1beta1"],
  scope: "Namespaced",
  docs: "A group of consumers, known by its object's name.",
  schema: z.object({
    spec: z
      .object({ name: z.string().optional(), controlPlaneRef: controlPlaneRefSchema, tags: tagsSchema })
      .optional(),
  }),
});

export type KongConsumerGroup = ObjectOf<typeof kongConsumerGroupKind>;
