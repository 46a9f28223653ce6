import { z } from "zod";
import { appMeshApiVersion, meshReferenceSchema } from "./app-mesh-types.ts";
import { defineKind, type ObjectOf } from "./kind.ts";
import { unreadFields } from "./unread-fields.ts";

/** An App Mesh BackendGroup: a set of virtual services that several nodes name as their backends. */
export const backendGroupKind = defineKind({
  kind: "BackendGroup",
  apiVersions: [appMeshApiVersion],
  scope: "Namespaced",
  docs: "A set of virtual services that virtual nodes may name as their backends by one name.",
  schema: z.object({
    spec: z
      .object({
        virtualservices: z
          .array(z.object({ namespace: z.string().optional(), name: z.string().min(1) }))
          .optional(),
        meshRef: meshReferenceSchema.optional(),
      })
      .optional(),
    ...unreadFields("status"),
  }),
});

export type BackendGroup = ObjectOf<typeof backendGroupKind>;
