import { z } from "zod";
import {
  appMeshApiVersion,
  durationSchema,
  headerMatchesSchema,
  meshReferenceSchema,
  methodSchema,
  pathMatchSchema,
  portMappingSchema,
  queryMatchesSchema,
  routeTimeoutSchema,
  tcpTimeoutSchema,
  virtualNodeReferenceSchema,
} from "./app-mesh-types.ts";
import { defineKind, type ObjectOf } from "./kind.ts";
import { unreadFields } from "./unread-fields.ts";

const matchPort = z.int().min(0).optional();

const actionSchema = z.object({
  weightedTargets: z
    .array(
      virtualNodeReferenceSchema.extend({
        weight: z.int().min(0).max(100),
        port: z.int().min(0).optional(),
      }),
    )
    .min(1)
    .max(10),
});

const httpRetrySchema = z.object({
  httpRetryEvents: z
    .array(z.enum(["server-error", "gateway-error", "client-error", "stream-error"]))
    .optional(),
  tcpRetryEvents: z.array(z.enum(["connection-error"])).optional(),
  maxRetries: z.int().min(0),
  perRetryTimeout: durationSchema,
});

const grpcRetrySchema = httpRetrySchema.extend({
  grpcRetryEvents: z
    .array(z.enum(["cancelled", "deadline-exceeded", "internal", "resource-exhausted", "unavailable"]))
    .optional(),
});

const httpRouteSchema = z.object({
  match: z.object({
    prefix: z.string().optional(),
    path: pathMatchSchema.optional(),
    headers: headerMatchesSchema.optional(),
    method: methodSchema.optional(),
    scheme: z.enum(["http", "https"]).optional(),
    queryParameters: queryMatchesSchema.optional(),
    port: matchPort,
  }),
  action: actionSchema,
  retryPolicy: httpRetrySchema.optional(),
  timeout: routeTimeoutSchema.optional(),
});

const grpcRouteSchema = z.object({
  match: z.object({
    serviceName: z.string().optional(),
    methodName: z.string().min(1).max(50).optional(),
    metadata: headerMatchesSchema.optional(),
    port: matchPort,
  }),
  action: actionSchema,
  retryPolicy: grpcRetrySchema.optional(),
  timeout: routeTimeoutSchema.optional(),
});

const tcpRouteSchema = z.object({
  match: z.object({ port: matchPort }).optional(),
  action: actionSchema,
  timeout: tcpTimeoutSchema.optional(),
});

const routeSchema = z.object({
  name: z.string(),
  priority: z.int().min(0).max(1000).optional(),
  httpRoute: httpRouteSchema.optional(),
  http2Route: httpRouteSchema.optional(),
  grpcRoute: grpcRouteSchema.optional(),
  tcpRoute: tcpRouteSchema.optional(),
});

/** An App Mesh VirtualRouter: routes from a virtual service to weighted virtual nodes. */
export const virtualRouterKind = defineKind({
  kind: "VirtualRouter",
  apiVersions: [appMeshApiVersion],
  scope: "Namespaced",
  docs: "Routes of a virtual service: which requests go to which virtual nodes, with which weights, retries and timeouts.",
  schema: z.object({
    spec: z
      .object({
        awsName: z.string().optional(),
        listeners: z
          .array(z.object({ portMapping: portMappingSchema }))
          .min(1)
          .optional(),
        routes: z.array(routeSchema).optional(),
        meshRef: meshReferenceSchema.optional(),
      })
      .optional(),
    ...unreadFields("status"),
  }),
});

export type VirtualRouter = ObjectOf<typeof virtualRouterKind>;
export type VirtualRouterSpec = NonNullable<VirtualRouter["spec"]>;
export type VirtualRouterRoute = z.output<typeof routeSchema>;
export type HttpRouteSpec = z.output<typeof httpRouteSchema>;
export type GrpcRouteSpec = z.output<typeof grpcRouteSchema>;
export type RouteAction = z.output<typeof actionSchema>;
export type RetrySpec = z.output<typeof grpcRetrySchema>;
