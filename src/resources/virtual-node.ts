import { z } from "zod";
import {
  appMeshApiVersion,
  clientPolicySchema,
  connectionPoolSchema,
  durationSchema,
  healthCheckSchema,
  listenerTimeoutSchema,
  listenerTlsSchema,
  loggingSchema,
  meshReferenceSchema,
  portMappingSchema,
  virtualServiceReferenceSchema,
} from "./app-mesh-types.ts";
import { defineKind, type ObjectOf } from "./kind.ts";
import { labelSelectorSchema } from "./label-selector.ts";
import { unreadFields } from "./unread-fields.ts";

const outlierDetectionSchema = z.object({
  maxServerErrors: z.int().min(1),
  interval: durationSchema,
  baseEjectionDuration: durationSchema,
  maxEjectionPercent: z.int().min(0).max(100),
});

const listenerSchema = z.object({
  portMapping: portMappingSchema,
  healthCheck: healthCheckSchema.optional(),
  outlierDetection: outlierDetectionSchema.optional(),
  connectionPool: connectionPoolSchema.optional(),
  tls: listenerTlsSchema.optional(),
  timeout: listenerTimeoutSchema.optional(),
});

const serviceDiscoverySchema = z.object({
  dns: z
    .object({
      hostname: z.string().min(1),
      responseType: z.enum(["ENDPOINTS", "LOADBALANCER"]).optional(),
    })
    .optional(),
  awsCloudMap: z
    .object({
      namespaceName: z.string().min(1).max(1024),
      serviceName: z.string().min(1).max(1024),
      attributes: z
        .array(z.object({ key: z.string().min(1).max(255), value: z.string().min(1).max(1024) }))
        .optional(),
    })
    .optional(),
});

/** An App Mesh VirtualNode: the identity of a group of workloads in the mesh, and what they may call. */
export const virtualNodeKind = defineKind({
  kind: "VirtualNode",
  apiVersions: [appMeshApiVersion],
  scope: "Namespaced",
  docs: "A group of workloads in a mesh: on which ports they serve, where others find them, and which virtual services they may call.",
  schema: z.object({
    spec: z
      .object({
        awsName: z.string().optional(),
        podSelector: labelSelectorSchema.optional(),
        listeners: z.array(listenerSchema).optional(),
        serviceDiscovery: serviceDiscoverySchema.optional(),
        backends: z
          .array(
            z.object({
              virtualService: virtualServiceReferenceSchema.extend({
                clientPolicy: clientPolicySchema.optional(),
              }),
            }),
          )
          .optional(),
        backendGroups: z
          .array(z.object({ namespace: z.string().optional(), name: z.string().min(1) }))
          .optional(),
        backendDefaults: z.object({ clientPolicy: clientPolicySchema.optional() }).optional(),
        logging: loggingSchema.optional(),
        meshRef: meshReferenceSchema.optional(),
      })
      .optional(),
    ...unreadFields("status"),
  }),
});

export type VirtualNode = ObjectOf<typeof virtualNodeKind>;
export type VirtualNodeSpec = NonNullable<VirtualNode["spec"]>;
export type VirtualNodeListener = z.output<typeof listenerSchema>;
