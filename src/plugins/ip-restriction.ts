import { z } from "zod";
import { slot } from "#model/policy.ts";
import type { IpStep } from "#model/program.ts";
import { addressRangeSchema } from "./field-types.ts";
import { definePlugin } from "./plugin.ts";

/** Lets callers in or keeps them out by their address. */
export const ipRestriction = definePlugin({
  name: "ip-restriction",
  phase: "ip-restriction",
  docs: {
    summary: "Lets callers in, or keeps them out, by their IP address. Refusals (deny) are looked at first.",
    examples: [
      { title: "Only the own network", config: { allow: ["10.0.0.0/8", "127.0.0.1"] } },
      {
        title: "All but one, with a text of your own",
        config: { deny: ["192.0.2.7"], status: 404, message: "Not found" },
      },
    ],
    differences: ["It is applied to HTTP routes only, not to TCP ones."],
  },
  schema: z.strictObject({
    allow: z.array(addressRangeSchema).optional(),
    deny: z.array(addressRangeSchema).optional(),
    status: z.int().min(100).max(599).optional(),
    message: z.string().optional(),
  }),
  slot: slot<IpStep>("ip-restriction"),
  consumerScope: true,
  protects: true,
  parse(config, { report }): IpStep | undefined {
    const { allow = [], deny = [], status = 403, message } = config;
    if (allow.length === 0 && deny.length === 0) {
      report([], "needs allow or deny");
      return undefined;
    }
    return { step: "ip", allow, deny, status, ...(message === undefined ? {} : { message }) };
  },
  patch(value, route) {
    route.step(value);
  },
});
