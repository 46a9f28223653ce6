import { z } from "zod";
import { defineKind, type ObjectOf } from "./kind.ts";
import { kongPluginSchema, pluginSecrets } from "./kong-types.ts";

/** One configured plugin, used where an annotation names it. */
export const kongPluginKind = defineKind({
  kind: "KongPlugin",
  apiVersions: ["configuration.konghq.com/v1"],
  scope: "Namespaced",
  docs: "One configured plugin. It runs on the routes of each Ingress and Service whose annotation konghq.com/plugins names it.",
  schema: kongPluginSchema(z.object({ name: z.string(), key: z.string() })),
  open: [["config"]],
  secret: pluginSecrets,
});

export type KongPlugin = ObjectOf<typeof kongPluginKind>;
