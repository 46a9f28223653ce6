import { z } from "zod";
import { defineKind, type ObjectOf } from "./kind.ts";
import { controlPlaneRefSchema, tagsSchema } from "./kong-types.ts";

/** A source of secrets for plugin configurations. */
export const kongVaultKind = defineKind({
  kind: "KongVault",
  apiVersions: ["configuration.konghq.com/v1alpha1"],
  scope: "Cluster",
  docs: "A source of secrets that plugin configurations name as {vault://prefix/key}.",
  schema: z.object({
    spec: z.object({
      backend: z.string().min(1),
      prefix: z.string().min(1),
      description: z.string().optional(),
      config: z.record(z.string(), z.unknown()).optional(),
      tags: tagsSchema,
      controlPlaneRef: controlPlaneRefSchema,
    }),
  }),
  open: [["spec", "config"]],
  secret: [["spec", "config"]],
});

export type KongVault = ObjectOf<typeof kongVaultKind>;
