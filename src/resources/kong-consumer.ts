import { z } from "zod";
import { defineKind, type ObjectOf } from "./kind.ts";
import { controlPlaneRefSchema, tagsSchema } from "./kong-types.ts";

/** Someone who calls the gateway. */
export const kongConsumerKind = defineKind({
  kind: "KongConsumer",
  apiVersions: ["configuration.konghq.com/v1"],
  scope: "Namespaced",
  docs: "Someone who calls the gateway, with the Secrets that hold this caller's credentials. User names are unique over all namespaces.",
  schema: z
    .object({
      username: z.string().optional(),
      custom_id: z.string().optional(),
      credentials: z.array(z.string()).optional(),
      consumerGroups: z.array(z.string()).optional(),
      spec: z.object({ controlPlaneRef: controlPlaneRefSchema, tags: tagsSchema }).optional(),
    })
    .refine(({ username, custom_id }) => (username ?? "") !== "" || (custom_id ?? "") !== "", {
      message: "needs a username or a custom_id",
      path: ["username"],
    }),
});

export type KongConsumer = ObjectOf<typeof kongConsumerKind>;
