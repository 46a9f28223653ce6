import { z } from "zod";
import { hasControlCharacter } from "./http-texts.ts";
import { portNumberSchema } from "./port-number.ts";

/** The apiVersion of all App Mesh kinds. */
export const appMeshApiVersion = "appmesh.k8s.aws/v1beta2";

/** A length of time; a value of 0 switches a timeout off. */
export const durationSchema = z.object({ unit: z.enum(["s", "ms"]), value: z.int().min(0) });

/** A port and what is spoken on it. There is no `https`: TLS is a field of its own. */
export const portMappingSchema = z.object({
  port: portNumberSchema,
  protocol: z.enum(["grpc", "http", "http2", "tcp"]),
});

/** Names another App Mesh object; the namespace defaults to the one of the object that refers. */
export const referenceSchema = z.object({ namespace: z.string().optional(), name: z.string().min(1) });

/** Written into stored objects by the App Mesh controller; accepted when it agrees with what the selectors say. */
export const meshReferenceSchema = z.object({ name: z.string(), uid: z.string().optional() });

/** A virtual service by name, or by the ARN that AWS gave it. */
export const virtualServiceReferenceSchema = z.object({
  virtualServiceRef: referenceSchema.optional(),
  virtualServiceARN: z.string().optional(),
});

/** A virtual node by name, or by the ARN that AWS gave it. */
export const virtualNodeReferenceSchema = z.object({
  virtualNodeRef: referenceSchema.optional(),
  virtualNodeARN: z.string().optional(),
});

const matchText = z.string().min(1).max(255);

/** How a header's value is matched; an absent match asks for presence only. */
export const headerMatchSchema = z.object({
  exact: matchText.optional(),
  prefix: matchText.optional(),
  suffix: matchText.optional(),
  regex: matchText.optional(),
  range: z.object({ start: z.int(), end: z.int() }).optional(),
});

/** One header (or entry of gRPC metadata) that a request must have. */
export const namedHeaderMatchSchema = z.object({
  name: z.string().min(1).max(50),
  match: headerMatchSchema.optional(),
  invert: z.boolean().optional(),
});

export const headerMatchesSchema = z.array(namedHeaderMatchSchema).min(1).max(10);

/** One query parameter that a request must have; without a match its presence is enough. */
export const queryMatchesSchema = z
  .array(
    z.object({ name: z.string().max(1024), match: z.object({ exact: z.string().optional() }).optional() }),
  )
  .min(1)
  .max(10);

export const pathMatchSchema = z.object({ exact: matchText.optional(), regex: matchText.optional() });

export const methodSchema = z.enum([
  "CONNECT",
  "DELETE",
  "GET",
  "HEAD",
  "OPTIONS",
  "PATCH",
  "POST",
  "PUT",
  "TRACE",
]);

/** Active checks, made by every client's proxy. */
export const healthCheckSchema = z.object({
  healthyThreshold: z.int().min(2).max(10),
  unhealthyThreshold: z.int().min(2).max(10),
  intervalMillis: z.int().min(5000).max(300_000),
  timeoutMillis: z.int().min(2000).max(60_000),
  protocol: z.enum(["grpc", "http", "http2", "tcp"]),
  path: z
    .string()
    .refine((path) => !hasControlCharacter(path), { message: "holds a control character" })
    .optional(),
  port: portNumberSchema.optional(),
});

const atLeastOne = z.int().min(1);

/** Limits of the connections between a proxy and the application behind it; one kind of them. */
export const connectionPoolSchema = z.object({
  tcp: z.object({ maxConnections: atLeastOne }).optional(),
  http: z.object({ maxConnections: atLeastOne, maxPendingRequests: atLeastOne.optional() }).optional(),
  http2: z.object({ maxRequests: atLeastOne }).optional(),
  grpc: z.object({ maxRequests: atLeastOne }).optional(),
});

const filePath = z.string().min(1).max(255);
const certificateFileSchema = z.object({ certificateChain: filePath, privateKey: filePath });
const trustFileSchema = z.object({ certificateChain: filePath });
const sdsSchema = z.object({ secretName: z.string() });

const subjectAlternativeNamesSchema = z.object({
  match: z.object({ exact: z.array(z.string().max(254)) }),
});

/** TLS that a listener offers to its clients. */
export const listenerTlsSchema = z.object({
  mode: z.string(),
  certificate: z.object({
    file: certificateFileSchema.optional(),
    sds: sdsSchema.optional(),
    acm: z.object({ certificateARN: z.string() }).optional(),
  }),
  validation: z
    .object({
      trust: z.object({
        file: trustFileSchema.optional(),
        sds: sdsSchema.optional(),
        acm: z.object({ certificateAuthorityARNs: z.array(z.string()).min(1).max(3) }).optional(),
      }),
      subjectAlternativeNames: subjectAlternativeNamesSchema.optional(),
    })
    .optional(),
});

/** What a caller demands of its backends' certificates. */
export const clientPolicySchema = z.object({
  tls: z
    .object({
      enforce: z.boolean().optional(),
      ports: z.array(portNumberSchema).optional(),
      certificate: z.object({ file: certificateFileSchema.optional(), sds: sdsSchema.optional() }).optional(),
      validation: z.object({
        trust: z.object({
          acm: z.object({ certificateAuthorityARNs: z.array(z.string()).min(1).max(3) }).optional(),
          file: trustFileSchema.optional(),
          sds: sdsSchema.optional(),
        }),
        subjectAlternativeNames: subjectAlternativeNamesSchema.optional(),
      }),
    })
    .optional(),
});

/** Where a proxy writes a line for each request, and in which form. */
export const loggingSchema = z.object({
  accessLog: z
    .object({
      file: z
        .object({
          path: filePath,
          format: z
            .object({
              text: z.string().min(1).optional(),
              json: z.array(z.object({ key: z.string().min(1), value: z.string().min(1) })).optional(),
            })
            .optional(),
        })
        .optional(),
    })
    .optional(),
});

const httpTimeoutSchema = z.object({
  perRequest: durationSchema.optional(),
  idle: durationSchema.optional(),
});

/** Timeouts of one listener or route, under the name of its protocol. */
export const listenerTimeoutSchema = z.object({
  tcp: z.object({ idle: durationSchema.optional() }).optional(),
  http: httpTimeoutSchema.optional(),
  http2: httpTimeoutSchema.optional(),
  grpc: httpTimeoutSchema.optional(),
});

export const routeTimeoutSchema = httpTimeoutSchema;
export const tcpTimeoutSchema = z.object({ idle: durationSchema.optional() });

export type AppMeshDuration = z.output<typeof durationSchema>;
export type PortMapping = z.output<typeof portMappingSchema>;
export type PortProtocol = PortMapping["protocol"];
export type Reference = z.output<typeof referenceSchema>;
export type HeaderMatch = z.output<typeof headerMatchSchema>;
export type NamedHeaderMatch = z.output<typeof namedHeaderMatchSchema>;
export type HealthCheckSpec = z.output<typeof healthCheckSchema>;
export type ConnectionPool = z.output<typeof connectionPoolSchema>;
export type ListenerTls = z.output<typeof listenerTlsSchema>;
export type ClientPolicy = z.output<typeof clientPolicySchema>;
export type Logging = z.output<typeof loggingSchema>;
export type VirtualServiceReference = z.output<typeof virtualServiceReferenceSchema>;
export type VirtualNodeReference = z.output<typeof virtualNodeReferenceSchema>;
