import { z } from "zod";
import { slot } from "#model/policy.ts";
import type { RateLimitStep, RateLimitUnit } from "#model/program.ts";
import type { SharedStore } from "#model/shared-store.ts";
import { headerNameSchema } from "./field-types.ts";
import type { ReportField } from "./parse-config.ts";
import { definePlugin, type ParseContext } from "./plugin.ts";

const units = [
  "second",
  "minute",
  "hour",
  "day",
  "month",
  "year",
] as const satisfies readonly RateLimitUnit[];

const limit = z.number().gt(0).optional();
const timeoutSchema = z.int().min(1).max(3_600_000);
const databaseSchema = z.int().min(0);
const portSchema = z.int().min(1).max(65535);

const redisSchema = z.strictObject({
  host: z.string().min(1).optional(),
  port: portSchema.optional(),
  username: z.string().optional(),
  password: z.string().optional(),
  database: databaseSchema.optional(),
  timeout: timeoutSchema.optional(),
  ssl: z.boolean().optional(),
  ssl_verify: z.boolean().optional(),
  server_name: z.string().optional(),
});

const schema = z.strictObject({
  second: limit,
  minute: limit,
  hour: limit,
  day: limit,
  month: limit,
  year: limit,
  limit_by: z.enum(["consumer", "credential", "ip", "service", "header", "path"]).default("consumer"),
  header_name: headerNameSchema.optional(),
  path: z.string().startsWith("/", "does not begin with a slash").optional(),
  policy: z.enum(["local", "redis", "cluster"]).default("local"),
  fault_tolerant: z.boolean().default(true),
  hide_client_headers: z.boolean().default(false),
  error_code: z.int().min(100).max(599).default(429),
  error_message: z.string().default("API rate limit exceeded"),
  sync_rate: z.number().default(-1),
  redis: redisSchema.optional(),
  redis_host: z.string().optional(),
  redis_port: portSchema.optional(),
  redis_username: z.string().optional(),
  redis_password: z.string().optional(),
  redis_database: databaseSchema.optional(),
  redis_timeout: timeoutSchema.optional(),
  redis_ssl: z.boolean().optional(),
  redis_ssl_verify: z.boolean().optional(),
  redis_server_name: z.string().optional(),
});

type Config = z.output<typeof schema>;

/** So many requests in a second, a minute, … a year, counted from the calendar's start of each. */
export const rateLimiting = definePlugin({
  name: "rate-limiting",
  phase: "rate-limiting",
  docs: {
    summary:
      "Lets a caller send so many requests in each second, minute, hour, day, month or year of the UTC calendar, several of these at once. A refused request counts nowhere.",
    examples: [
      { title: "Three a minute for each consumer", config: { minute: 3, policy: "local" } },
      {
        title: "By address, in two windows, with an answer of your own",
        config: { second: 5, hour: 1000, limit_by: "ip", error_code: 503, error_message: "Slow down" },
      },
      {
        title: "Shared by all gateways through Redis, synchronised each half second",
        config: {
          minute: 100,
          policy: "redis",
          sync_rate: 0.5,
          redis: { host: "redis.infra.svc", port: 6379 },
        },
      },
    ],
    differences: [
      "The policy cluster, which needs Kong's database, is refused.",
      "The policy local counts in one Envoy over all its workers, where Kong counts in one node's shared memory.",
    ],
  },
  schema,
  slot: slot<RateLimitStep>("rate-limiting"),
  consumerScope: true,
  protects: true,
  parse(config, context): RateLimitStep | undefined {
    const by = readBy(config, context.report);
    const windows = readWindows(config, context.report);
    const shared = readShared(config, context);
    if (by === undefined || windows === undefined || shared === "broken") return undefined;
    return {
      step: "rate-limit",
      // Kong's identifier of this limit is the service itself, which an instance for several services does not tell.
      counter: by.kind === "service" ? `${context.instance}|service:${context.service}` : context.instance,
      windows,
      by,
      hideHeaders: config.hide_client_headers,
      status: config.error_code,
      message: config.error_message,
      faultTolerant: config.fault_tolerant,
      ...(shared === undefined ? {} : { shared }),
    };
  },
  patch(value, route) {
    route.step(value);
  },
  stores(config, { object }) {
    const store = config.policy === "redis" ? redisStore(config, object) : undefined;
    return store === undefined ? [] : [store];
  },
});

function readBy(config: Config, report: ReportField): RateLimitStep["by"] | undefined {
  switch (config.limit_by) {
    case "header":
      if (config.header_name !== undefined) return { kind: "header", name: config.header_name };
      report(["header_name"], "limit_by header needs a header_name");
      return undefined;
    case "path":
      if (config.path !== undefined) return { kind: "path", path: config.path };
      report(["path"], "limit_by path needs a path");
      return undefined;
    default:
      return { kind: config.limit_by };
  }
}

function readWindows(config: Config, report: ReportField): RateLimitStep["windows"] | undefined {
  const windows = units.flatMap((unit) => {
    const value = config[unit];
    // A part of a request cannot be sent: 2.5 lets two pass.
    return value === undefined ? [] : [{ unit, limit: Math.floor(value) }];
  });
  if (windows.length === 0) {
    report([], `needs a limit: ${units.join(", ")}`);
    return undefined;
  }
  for (const [at, window] of windows.entries()) {
    const before = windows[at - 1];
    if (before === undefined || window.limit >= before.limit) continue;
    report([window.unit], `the limit for ${window.unit} cannot be lower than the limit for ${before.unit}`);
    return undefined;
  }
  return windows;
}

function readShared(config: Config, context: ParseContext): RateLimitStep["shared"] | "broken" {
  const { policy, sync_rate: syncRate } = config;
  if (policy === "cluster") {
    context.report(
      ["policy"],
      "the policy cluster needs Kong's database, which does not exist here",
      "Use policy: redis to share counters, or policy: local.",
    );
    return "broken";
  }
  if (policy === "local") {
    if (syncRate === -1) return undefined;
    context.report(["sync_rate"], "sync_rate can only be used with the redis policy");
    return "broken";
  }
  if (syncRate !== -1 && syncRate < 0.02) {
    context.report(["sync_rate"], "sync_rate must be at least 0.02, or -1 to ask for each request");
    return "broken";
  }
  const store = redisStore(config, context.object);
  if (store === undefined) {
    context.report(["redis", "host"], "the policy redis needs a redis.host");
    return "broken";
  }
  return { store: store.id, syncRate, timeoutMs: store.timeoutMs };
}

/** Kong's fields of today win over the `redis_…` ones of before 3.6. */
function redisStore(config: Config, object: string): SharedStore | undefined {
  const redis = config.redis ?? {};
  const host = redis.host ?? config.redis_host ?? "";
  if (host === "") return undefined;
  const username = redis.username ?? config.redis_username ?? "";
  const password = redis.password ?? config.redis_password ?? "";
  const serverName = redis.server_name ?? config.redis_server_name ?? "";
  return {
    id: object,
    host,
    port: redis.port ?? config.redis_port ?? 6379,
    ...(username === "" ? {} : { username }),
    ...(password === "" ? {} : { password }),
    database: redis.database ?? config.redis_database ?? 0,
    ssl: redis.ssl ?? config.redis_ssl ?? false,
    sslVerify: redis.ssl_verify ?? config.redis_ssl_verify ?? false,
    ...(serverName === "" ? {} : { serverName }),
    timeoutMs: redis.timeout ?? config.redis_timeout ?? 2000,
  };
}
