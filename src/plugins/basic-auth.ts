import { z } from "zod";
import { slot } from "#model/policy.ts";
import type { BasicAuthStep } from "#model/program.ts";
import { definePlugin } from "./plugin.ts";

/** Only callers with a known user name and its password pass. */
export const basicAuth = definePlugin({
  name: "basic-auth",
  phase: "basic-auth",
  docs: {
    summary: "Only callers with a known user name and its password (HTTP basic authentication) pass.",
    examples: [
      { title: "Plain", config: {} },
      {
        title: "A realm of your own, and no password for the application",
        config: { realm: "orders", hide_credentials: true },
      },
    ],
    differences: ["An anonymous consumer (anonymous) is refused for now."],
  },
  schema: z.strictObject({
    anonymous: z.string().optional(),
    hide_credentials: z.boolean().default(false),
    realm: z.string().default("service"),
  }),
  slot: slot<BasicAuthStep>("basic-auth"),
  consumerScope: false,
  protects: true,
  parse(config, { report }): BasicAuthStep | undefined {
    if ((config.anonymous ?? "") !== "") {
      report(
        ["anonymous"],
        "an anonymous consumer is not supported",
        "Remove it; callers without a password get 401.",
      );
      return undefined;
    }
    return { step: "basic-auth", realm: config.realm, hideCredentials: config.hide_credentials };
  },
  patch(value, route) {
    route.step(value);
  },
});
