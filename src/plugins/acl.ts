import { z } from "zod";
import { slot } from "#model/policy.ts";
import type { AclStep } from "#model/program.ts";
import { definePlugin } from "./plugin.ts";

const groups = z.array(z.string());

/** Only consumers of certain groups pass. */
export const acl = definePlugin({
  name: "acl",
  phase: "acl",
  docs: {
    summary:
      "Only consumers of certain groups pass. A consumer gets its groups from Secrets of the credential type acl.",
    examples: [
      { title: "Two groups may call", config: { allow: ["gold", "silver"] } },
      {
        title: "One group may not, and the application is not told the groups",
        config: { deny: ["banned"], hide_groups_header: true },
      },
    ],
    differences: [
      "The names whitelist and blacklist of Kong before 3.0 are read as allow and deny.",
      "always_use_authenticated_groups has no effect: groups come from consumers only.",
    ],
  },
  schema: z.strictObject({
    allow: groups.optional(),
    deny: groups.optional(),
    whitelist: groups.optional(),
    blacklist: groups.optional(),
    hide_groups_header: z.boolean().default(false),
    always_use_authenticated_groups: z.boolean().default(false),
  }),
  slot: slot<AclStep>("acl"),
  consumerScope: false,
  protects: true,
  parse(config, { report }): AclStep | undefined {
    const allow = config.allow ?? config.whitelist ?? [];
    const deny = config.deny ?? config.blacklist ?? [];
    if (allow.length > 0 === deny.length > 0) {
      report([], allow.length > 0 ? "allow and deny exclude each other" : "needs allow or deny");
      return undefined;
    }
    return { step: "acl", allow, deny, hideGroupsHeader: config.hide_groups_header };
  },
  patch(value, route) {
    route.step(value);
  },
});
