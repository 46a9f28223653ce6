import { z } from "zod";
import { defineKind, type ObjectOf } from "./kind.ts";

const grantFromSchema = z.object({ group: z.string(), kind: z.string(), namespace: z.string() });
const grantToSchema = z.object({ group: z.string(), kind: z.string(), name: z.string().optional() });

/** Gateway API's ReferenceGrant: lets objects of other namespaces refer to objects of its own. */
export const referenceGrantKind = defineKind({
  kind: "ReferenceGrant",
  apiVersions: [
    "gateway.networking.k8s.io/v1beta1",
    "gateway.networking.k8s.io/v1",
    "gateway.networking.k8s.io/v1alpha2",
  ],
  scope: "Namespaced",
  docs: "Permits that objects of other namespaces refer to objects of its own namespace.",
  schema: z.object({
    spec: z.object({ from: z.array(grantFromSchema).min(1), to: z.array(grantToSchema).min(1) }),
  }),
});

export type ReferenceGrant = ObjectOf<typeof referenceGrantKind>;
