import { z } from "zod";
import {
  appMeshApiVersion,
  clientPolicySchema,
  connectionPoolSchema,
  healthCheckSchema,
  listenerTlsSchema,
  loggingSchema,
  meshReferenceSchema,
  portMappingSchema,
} from "./app-mesh-types.ts";
import { defineKind, type ObjectOf } from "./kind.ts";
import { labelSelectorSchema } from "./label-selector.ts";
import { unreadFields } from "./unread-fields.ts";

const listenerSchema = z.object({
  portMapping: portMappingSchema.extend({ protocol: z.enum(["grpc", "http", "http2"]) }),
  healthCheck: healthCheckSchema
    .extend({ healthyThreshold: healthCheckSchema.shape.healthyThreshold.optional() })
    .optional(),
  connectionPool: connectionPoolSchema.omit({ tcp: true }).optional(),
  tls: listenerTlsSchema.extend({ mode: z.enum(["STRICT", "PERMISSIVE", "DISABLED"]) }).optional(),
});

/** An App Mesh VirtualGateway: a proxy of its own that lets requests into the mesh. */
export const virtualGatewayKind = defineKind({
  kind: "VirtualGateway",
  apiVersions: [appMeshApiVersion],
  scope: "Namespaced",
  docs: "A proxy that lets requests from outside into a mesh, by the gateway routes that its selectors choose.",
  schema: z.object({
    spec: z
      .object({
        awsName: z.string().optional(),
        namespaceSelector: labelSelectorSchema.optional(),
        gatewayRouteSelector: labelSelectorSchema.optional(),
        podSelector: labelSelectorSchema.optional(),
        listeners: z.array(listenerSchema).optional(),
        logging: loggingSchema.optional(),
        backendDefaults: z.object({ clientPolicy: clientPolicySchema.optional() }).optional(),
        meshRef: meshReferenceSchema.optional(),
      })
      .optional(),
    ...unreadFields("status"),
  }),
});

export type VirtualGateway = ObjectOf<typeof virtualGatewayKind>;
export type VirtualGatewaySpec = NonNullable<VirtualGateway["spec"]>;
