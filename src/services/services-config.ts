import { z } from "zod";

const storeSchema = z.strictObject({
  /** Named by `RateLimitStep.shared.store`. */
  id: z.string().min(1).max(1024),
  host: z.string().min(1),
  port: z.int().min(1).max(65535),
  /** For Redis 6 access lists; without it the password is the default user's. */
  username: z.string().optional(),
  password: z.string().optional(),
  database: z.int().min(0),
  ssl: z.boolean(),
  sslVerify: z.boolean(),
  /** Name that the server's certificate must hold, and that is sent as SNI; default: the host. */
  serverName: z.string().optional(),
  /** Bound of each call, connecting included. */
  timeoutMs: z.int().min(1).max(3_600_000),
});

const configSchema = z.strictObject({
  stores: z
    .array(storeSchema)
    .refine(
      (stores) => new Set(stores.map(({ id }) => id)).size === stores.length,
      "two stores have the same id",
    ),
});

/** One Redis that holds shared counters. */
export type StoreConfig = z.output<typeof storeSchema>;

/** What the control plane writes for the services process (mode 0600: it holds passwords). */
export type ServicesConfig = z.output<typeof configSchema>;

/** Reads the configuration's text. What is wrong is said without any value of it, so that it can be logged. */
export function parseServicesConfig(text: string): ServicesConfig | { readonly error: string } {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, maybe a password.
    return { error: "not valid JSON" };
  }
  const result = configSchema.safeParse(content);
  if (result.success) return result.data;
  return { error: result.error.issues.map(({ path, code }) => `${path.join(".")}: ${code}`).join("; ") };
}
