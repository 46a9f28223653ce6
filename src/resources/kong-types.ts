import { z } from "zod";

/** Protocols of Kong's routes, services and plugins. */
export const kongProtocolSchema = z.enum([
  "http",
  "https",
  "grpc",
  "grpcs",
  "tcp",
  "tls",
  "tls_passthrough",
  "udp",
  "ws",
  "wss",
]);

/** Set by Kong's operator for its own hosted control planes; accepted and without meaning here. */
export const controlPlaneRefSchema = z
  .object({
    type: z.string(),
    konnectID: z.unknown().optional(),
    konnectNamespacedRef: z.unknown().optional(),
  })
  .optional();

export const tagsSchema = z.array(z.string().max(128)).max(20).optional();

const pluginSchema = {
  plugin: z.string().min(1),
  config: z.record(z.string(), z.unknown()).optional(),
  consumerRef: z.string().optional(),
  disabled: z.boolean().optional(),
  instance_name: z.string().optional(),
  ordering: z
    .object({
      before: z.record(z.string(), z.array(z.string())).optional(),
      after: z.record(z.string(), z.array(z.string())).optional(),
    })
    .optional(),
  protocols: z.array(kongProtocolSchema).optional(),
  run_on: z.enum(["first", "second", "all"]).optional(),
};

/** The fields of KongPlugin and KongClusterPlugin; they differ in how they name a Secret. */
export function kongPluginSchema<Ref extends z.ZodType>(secretKeyRef: Ref) {
  return z
    .object({
      ...pluginSchema,
      configFrom: z.object({ secretKeyRef }).optional(),
      configPatches: z
        .array(
          z.object({
            path: z.string().regex(/^(\/.*)?$/, "is not a JSON pointer"),
            valueFrom: z.object({ secretKeyRef }),
          }),
        )
        .optional(),
    })
    .refine(({ config, configFrom }) => config === undefined || configFrom === undefined, {
      message: "cannot be used together with config",
      path: ["configFrom"],
    })
    .refine(({ configFrom, configPatches }) => configFrom === undefined || configPatches === undefined, {
      message: "cannot be used together with configFrom",
      path: ["configPatches"],
    });
}

/** The parts of a plugin's free configuration that hold secrets. */
export const pluginSecrets: readonly (readonly string[])[] = [
  ["config", "redis", "password"],
  ["config", "redis_password"],
];
