import { z } from "zod";
import {
  appMeshApiVersion,
  headerMatchesSchema,
  meshReferenceSchema,
  methodSchema,
  pathMatchSchema,
  queryMatchesSchema,
  virtualServiceReferenceSchema,
} from "./app-mesh-types.ts";
import { defineKind, type ObjectOf } from "./kind.ts";
import { unreadFields } from "./unread-fields.ts";

const hostText = z.string().min(1).max(253);
const hostnameMatchSchema = z.object({ exact: hostText.optional(), suffix: hostText.optional() });
const matchPort = z.int().min(0).optional();
const enablement = z.enum(["ENABLED", "DISABLED"]);

const targetSchema = z.object({
  virtualService: virtualServiceReferenceSchema,
  port: z.int().min(0).optional(),
});

const hostnameRewriteSchema = z.object({ defaultTargetHostname: enablement.optional() });

const httpRouteSchema = z.object({
  match: z.object({
    prefix: z.string().optional(),
    path: pathMatchSchema.optional(),
    hostname: hostnameMatchSchema.optional(),
    headers: headerMatchesSchema.optional(),
    queryParameters: queryMatchesSchema.optional(),
    method: methodSchema.optional(),
    port: matchPort,
  }),
  action: z.object({
    target: targetSchema,
    rewrite: z
      .object({
        hostname: hostnameRewriteSchema.optional(),
        prefix: z.object({ defaultPrefix: enablement.optional(), value: z.string().optional() }).optional(),
        path: z.object({ exact: z.string().optional() }).optional(),
      })
      .optional(),
  }),
});

const grpcRouteSchema = z.object({
  match: z.object({
    serviceName: z.string().optional(),
    hostname: hostnameMatchSchema.optional(),
    metadata: headerMatchesSchema.optional(),
    port: matchPort,
  }),
  action: z.object({
    target: targetSchema,
    rewrite: z.object({ hostname: hostnameRewriteSchema.optional() }).optional(),
  }),
});

/** An App Mesh GatewayRoute: which requests at a virtual gateway go to which virtual service. */
export const gatewayRouteKind = defineKind({
  kind: "GatewayRoute",
  apiVersions: [appMeshApiVersion],
  scope: "Namespaced",
  docs: "Which requests at a virtual gateway go to which virtual service, and how their host and path are rewritten.",
  schema: z.object({
    spec: z
      .object({
        awsName: z.string().optional(),
        priority: z.int().min(0).max(1000).optional(),
        httpRoute: httpRouteSchema.optional(),
        http2Route: httpRouteSchema.optional(),
        grpcRoute: grpcRouteSchema.optional(),
        virtualGatewayRef: z
          .object({ namespace: z.string().optional(), name: z.string(), uid: z.string().optional() })
          .optional(),
        meshRef: meshReferenceSchema.optional(),
      })
      .optional(),
    ...unreadFields("status"),
  }),
});

export type GatewayRoute = ObjectOf<typeof gatewayRouteKind>;
export type GatewayRouteSpec = NonNullable<GatewayRoute["spec"]>;
export type GatewayHttpRoute = z.output<typeof httpRouteSchema>;
export type GatewayGrpcRoute = z.output<typeof grpcRouteSchema>;
