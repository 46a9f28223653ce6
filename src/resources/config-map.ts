import { z } from "zod";
import { defineKind, type ObjectOf } from "./kind.ts";
import { unreadFields } from "./unread-fields.ts";

/** A Kubernetes ConfigMap. */
export const configMapKind = defineKind({
  kind: "ConfigMap",
  apiVersions: ["v1"],
  scope: "Namespaced",
  docs: "Plain values; CA certificates may stand in one.",
  schema: z.object({
    data: z.record(z.string(), z.string()).optional(),
    binaryData: z.record(z.string(), z.string()).optional(),
    ...unreadFields("immutable"),
  }),
});

export type ConfigMap = ObjectOf<typeof configMapKind>;
