import { z } from "zod";
import { hasControlCharacter, headerNamePattern, hostHeaderPattern } from "./http-texts.ts";
import { defineKind, type ObjectOf } from "./kind.ts";
import { kongProtocolSchema } from "./kong-types.ts";

// The ranges of Kong itself.
const milliseconds = z.int().min(1).max(2_147_483_646);
const hashInputSchema = z.enum([
  "none",
  "consumer",
  "ip",
  "header",
  "cookie",
  "path",
  "query_arg",
  "uri_capture",
]);

const statusesSchema = z.array(z.int().min(100).max(999)).optional();
const count = z.int().min(0).optional();

const healthySchema = z.object({
  http_statuses: statusesSchema,
  interval: z.number().min(0).optional(),
  successes: count,
});
const unhealthySchema = z.object({
  http_failures: count,
  http_statuses: statusesSchema,
  tcp_failures: count,
  timeouts: count,
  interval: z.number().min(0).optional(),
});

const proxySchema = z.object({
  protocol: kongProtocolSchema.optional(),
  path: z
    .string()
    .startsWith("/", "does not begin with a slash")
    .refine((path) => !hasControlCharacter(path), { message: "holds a control character" })
    .optional(),
  retries: z.int().min(0).max(32_767).optional(),
  connect_timeout: milliseconds.optional(),
  read_timeout: milliseconds.optional(),
  write_timeout: milliseconds.optional(),
});

const routeSchema = z.object({
  protocols: z.array(kongProtocolSchema).optional(),
  methods: z.array(z.string()).optional(),
  headers: z
    .record(z.string().regex(headerNamePattern, "is not a header name"), z.array(z.string()))
    .optional(),
  regex_priority: z.int().optional(),
  strip_path: z.boolean().optional(),
  preserve_host: z.boolean().optional(),
  path_handling: z.enum(["v0", "v1"]).optional(),
  https_redirect_status_code: z.int().optional(),
  snis: z.array(z.string()).optional(),
  request_buffering: z.boolean().optional(),
  response_buffering: z.boolean().optional(),
});

const upstreamSchema = z.object({
  host_header: z
    .string()
    .refine((host) => host === "" || hostHeaderPattern.test(host), { message: "is not a host name" })
    .optional(),
  algorithm: z.enum(["round-robin", "consistent-hashing", "least-connections", "latency"]).optional(),
  slots: z.int().min(10).optional(),
  hash_on: hashInputSchema.optional(),
  hash_fallback: hashInputSchema.optional(),
  hash_on_header: z.string().optional(),
  hash_fallback_header: z.string().optional(),
  hash_on_cookie: z.string().optional(),
  hash_on_cookie_path: z.string().optional(),
  hash_on_query_arg: z.string().optional(),
  hash_fallback_query_arg: z.string().optional(),
  hash_on_uri_capture: z.string().optional(),
  hash_fallback_uri_capture: z.string().optional(),
  healthchecks: z
    .object({
      threshold: z.number().min(0).max(100).optional(),
      active: z
        .object({
          type: z.enum(["http", "https", "tcp", "grpc", "grpcs"]).optional(),
          concurrency: z.int().min(1).optional(),
          timeout: z.number().min(0).optional(),
          http_path: z.string().startsWith("/", "does not begin with a slash").optional(),
          https_sni: z.string().optional(),
          https_verify_certificate: z.boolean().optional(),
          headers: z.record(z.string(), z.array(z.string())).optional(),
          healthy: healthySchema.optional(),
          unhealthy: unhealthySchema.optional(),
        })
        .optional(),
      passive: z
        .object({
          type: z.enum(["http", "https", "tcp", "grpc", "grpcs"]).optional(),
          healthy: healthySchema.optional(),
          unhealthy: unhealthySchema.optional(),
        })
        .optional(),
    })
    .optional(),
});

/** Kong's older way to say what annotations and KongUpstreamPolicy say today. */
export const kongIngressKind = defineKind({
  kind: "KongIngress",
  apiVersions: ["configuration.konghq.com/v1"],
  scope: "Namespaced",
  docs: "Settings of routes, services and upstreams in the form of Kong before 3.0, used where konghq.com/override names it, or by an Ingress of the same name. Annotations win over it.",
  schema: z.object({
    proxy: proxySchema.optional(),
    route: routeSchema.optional(),
    upstream: upstreamSchema.optional(),
  }),
});

export type KongIngress = ObjectOf<typeof kongIngressKind>;
export type KongIngressProxy = z.output<typeof proxySchema>;
export type KongIngressRoute = z.output<typeof routeSchema>;
export type KongIngressUpstream = z.output<typeof upstreamSchema>;
