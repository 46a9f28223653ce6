import { z } from "zod";
import { patternProblem } from "#envoy/module/pattern-table.ts";
import { slot } from "#model/policy.ts";
import type { CorsStep } from "#model/program.ts";
import { countSchema } from "./field-types.ts";
import { definePlugin } from "./plugin.ts";

const methods = ["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE", "OPTIONS", "TRACE", "CONNECT"] as const;

/** Lets browsers call from pages of other origins. */
export const cors = definePlugin({
  name: "cors",
  phase: "cors",
  docs: {
    summary:
      "Lets browsers call from pages of other origins: answers their preflight requests and marks the responses.",
    examples: [
      { title: "From anywhere", config: {} },
      {
        title: "From two sites, with cookies",
        config: {
          origins: ["https://app.example.com", "https://.*\\.example\\.org"],
          credentials: true,
          methods: ["GET", "POST"],
          headers: ["content-type"],
          exposed_headers: ["x-total"],
          max_age: 3600,
        },
      },
    ],
    differences: [
      "Origins that are regular expressions are RE2: look-around and back-references are refused.",
      "A route whose own methods leave out OPTIONS answers no preflight, as in Kong.",
    ],
  },
  schema: z.strictObject({
    origins: z.array(z.string().min(1)).optional(),
    headers: z.array(z.string()).optional(),
    exposed_headers: z.array(z.string()).optional(),
    methods: z.array(z.enum(methods)).default([...methods]),
    max_age: countSchema.optional(),
    credentials: z.boolean().default(false),
    private_network: z.boolean().default(false),
    preflight_continue: z.boolean().default(false),
    allow_origin_absent: z.boolean().default(true),
  }),
  slot: slot<CorsStep>("cors"),
  consumerScope: false,
  protects: false,
  parse(config, { report }): CorsStep | undefined {
    const origins = config.origins ?? [];
    const anyOrigin = origins.length === 0 || origins.includes("*");
    const patterns = anyOrigin ? [] : origins.filter((origin) => !isPlainOrigin(origin));
    let usable = true;
    for (const pattern of patterns) {
      const fault = patternProblem(originPattern(pattern));
      if (fault === undefined) continue;
      report(["origins", origins.indexOf(pattern)], `the regular expression ${fault}`);
      usable = false;
    }
    if (!usable) return undefined;
    return {
      step: "cors",
      origins: anyOrigin ? [] : origins.filter(isPlainOrigin),
      originPatterns: patterns.map(originPattern),
      methods: config.methods,
      headers: config.headers ?? [],
      exposedHeaders: config.exposed_headers ?? [],
      credentials: config.credentials,
      ...(config.max_age === undefined ? {} : { maxAge: config.max_age }),
      privateNetwork: config.private_network,
      preflightContinue: config.preflight_continue,
      allowOriginAbsent: config.allow_origin_absent,
    };
  },
  patch(value, route) {
    route.step(value);
  },
});

/** Kong takes an origin with any other character for a regular expression. */
function isPlainOrigin(origin: string): boolean {
  return /^[A-Za-z0-9.:/-]+$/.test(origin);
}

/** Kong matches the whole origin, or the host alone when the pattern has no colon; with or without anchors. */
function originPattern(pattern: string): string {
  const bare = pattern.replace(/^\^/, "").replace(/(^|[^\\])\$$/, "$1");
  return pattern.includes(":") ? bare : `[A-Za-z][A-Za-z0-9+.-]*://(?:${bare})(?::[0-9]+)?`;
}
