import { z } from "zod";
import { slot } from "#model/policy.ts";
import type { KeyAuthStep } from "#model/program.ts";
import { headerNameSchema } from "./field-types.ts";
import { definePlugin } from "./plugin.ts";

/** Only callers with a key of a known consumer pass. */
export const keyAuth = definePlugin({
  name: "key-auth",
  phase: "key-auth",
  docs: {
    summary:
      "Only callers with a key of a known consumer pass; the application learns who it is from the X-Consumer headers.",
    examples: [
      { title: "A key in the header or query argument apikey", config: {} },
      {
        title: "A header of your own, which the application does not see",
        config: { key_names: ["x-api-key"], key_in_query: false, hide_credentials: true },
      },
    ],
    differences: [
      "Keys in request bodies (key_in_body) are refused.",
      "An anonymous consumer (anonymous) is refused for now.",
      "A credential's ttl is refused; remove the Secret instead.",
    ],
  },
  schema: z.strictObject({
    key_names: z.array(headerNameSchema).min(1).default(["apikey"]),
    key_in_header: z.boolean().default(true),
    key_in_query: z.boolean().default(true),
    key_in_body: z.boolean().default(false),
    hide_credentials: z.boolean().default(false),
    anonymous: z.string().optional(),
    run_on_preflight: z.boolean().default(true),
    realm: z.string().optional(),
  }),
  slot: slot<KeyAuthStep>("key-auth"),
  consumerScope: false,
  protects: true,
  parse(config, { report }): KeyAuthStep | undefined {
    let usable = true;
    const refuse = (field: string, message: string, fix: string) => {
      report([field], message, fix);
      usable = false;
    };
    if (config.key_in_body) {
      refuse(
        "key_in_body",
        "keys in request bodies are not supported",
        "Let callers send the key in a header.",
      );
    }
    if ((config.anonymous ?? "") !== "") {
      refuse(
        "anonymous",
        "an anonymous consumer is not supported",
        "Remove it; callers without a key get 401.",
      );
    }
    if (!usable) return undefined;
    return {
      step: "key-auth",
      names: config.key_names,
      inHeader: config.key_in_header,
      inQuery: config.key_in_query,
      hideCredentials: config.hide_credentials,
      runOnPreflight: config.run_on_preflight,
      realm: config.realm ?? "",
    };
  },
  patch(value, route) {
    route.step(value);
  },
});
