import { z } from "zod";
import { defineKind, type ObjectOf } from "./kind.ts";

const hashSchema = z
  .object({
    input: z.enum(["ip", "consumer", "path", "none"]).optional(),
    header: z.string().optional(),
    cookie: z.string().optional(),
    cookiePath: z.string().optional(),
    queryArg: z.string().optional(),
    uriCapture: z.string().optional(),
  })
  .refine(
    ({ input, header, cookie, queryArg, uriCapture }) =>
      [input, header, cookie, queryArg, uriCapture].filter((one) => one !== undefined).length <= 1,
    { message: "names more than one input" },
  );

const checkType = z.enum(["http", "https", "tcp", "grpc", "grpcs"]).optional();
const count = z.int().min(0).optional();
const statuses = z.array(z.int().min(100).max(599)).optional();
const seconds = z.number().min(0).optional();

const healthchecksSchema = z.object({
  threshold: z.int().min(0).max(100).optional(),
  active: z
    .object({
      type: checkType,
      concurrency: z.int().min(1).optional(),
      timeout: seconds,
      httpPath: z.string().startsWith("/", "does not begin with a slash").optional(),
      httpsSni: z.string().optional(),
      httpsVerifyCertificate: z.boolean().optional(),
      headers: z.record(z.string(), z.array(z.string())).optional(),
      healthy: z.object({ interval: seconds, successes: count, httpStatuses: statuses }).optional(),
      unhealthy: z
        .object({
          interval: seconds,
          tcpFailures: count,
          httpFailures: count,
          timeouts: count,
          httpStatuses: statuses,
        })
        .optional(),
    })
    .optional(),
  passive: z
    .object({
      type: checkType,
      healthy: z.object({ successes: count, httpStatuses: statuses }).optional(),
      unhealthy: z
        .object({ tcpFailures: count, httpFailures: count, timeouts: count, httpStatuses: statuses })
        .optional(),
    })
    .optional(),
});

/** How requests are spread over a Service's endpoints. */
export const kongUpstreamPolicyKind = defineKind({
  kind: "KongUpstreamPolicy",
  apiVersions: ["configuration.konghq.com/v1beta1"],
  scope: "Namespaced",
  docs: "How requests are spread over the endpoints of the Services that name it in konghq.com/upstream-policy, and when an endpoint counts as unhealthy.",
  schema: z.object({
    spec: z
      .object({
        algorithm: z
          .enum(["round-robin", "consistent-hashing", "least-connections", "latency", "sticky-sessions"])
          .optional(),
        slots: z.int().min(10).max(65536).optional(),
        hashOn: hashSchema.optional(),
        hashOnFallback: hashSchema.optional(),
        stickySessions: z.object({ cookie: z.string(), cookiePath: z.string().optional() }).optional(),
        healthchecks: healthchecksSchema.optional(),
      })
      .optional(),
  }),
});

export type KongUpstreamPolicy = ObjectOf<typeof kongUpstreamPolicyKind>;
