import { z } from "zod";
import { appMeshApiVersion } from "./app-mesh-types.ts";
import { defineKind, type ObjectOf } from "./kind.ts";
import { labelSelectorSchema } from "./label-selector.ts";
import { unreadFields } from "./unread-fields.ts";

/** An App Mesh Mesh: which namespaces belong to it, and what their workloads may call outside of it. */
export const meshKind = defineKind({
  kind: "Mesh",
  apiVersions: [appMeshApiVersion],
  scope: "Cluster",
  docs: "A service mesh: the namespaces whose objects belong to it, and whether their workloads may call what is outside of it.",
  schema: z.object({
    // `spec: ` with nothing below it is a mesh that selects no namespace.
    spec: z
      .object({
        awsName: z.string().optional(),
        namespaceSelector: labelSelectorSchema.optional(),
        // AWS's own schema has no enumeration here; the translation checks the value.
        egressFilter: z.object({ type: z.string() }).optional(),
        meshOwner: z.string().optional(),
        meshServiceDiscovery: z.object({ ipPreference: z.string().optional() }).optional(),
      })
      .optional(),
    ...unreadFields("status"),
  }),
});

export type Mesh = ObjectOf<typeof meshKind>;
