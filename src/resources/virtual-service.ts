import { z } from "zod";
import {
  appMeshApiVersion,
  meshReferenceSchema,
  referenceSchema,
  virtualNodeReferenceSchema,
} from "./app-mesh-types.ts";
import { hostNamePattern } from "./http-texts.ts";
import { defineKind, type ObjectOf } from "./kind.ts";
import { unreadFields } from "./unread-fields.ts";

/** An App Mesh VirtualService: a host name, and the node or router that provides what is behind it. */
export const virtualServiceKind = defineKind({
  kind: "VirtualService",
  apiVersions: [appMeshApiVersion],
  scope: "Namespaced",
  docs: "A host name that workloads of a mesh call, and the virtual node or virtual router that provides it.",
  schema: z.object({
    spec: z
      .object({
        awsName: z.string().regex(hostNamePattern, "is not a host name").optional(),
        provider: z
          .object({
            virtualNode: virtualNodeReferenceSchema.optional(),
            virtualRouter: z
              .object({
                virtualRouterRef: referenceSchema.optional(),
                virtualRouterARN: z.string().optional(),
              })
              .optional(),
          })
          .optional(),
        meshRef: meshReferenceSchema.optional(),
      })
      .optional(),
    ...unreadFields("status"),
  }),
});

export type VirtualService = ObjectOf<typeof virtualServiceKind>;
export type VirtualServiceSpec = NonNullable<VirtualService["spec"]>;
