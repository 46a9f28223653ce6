import { z } from "zod";
import { defineKind, type ObjectOf } from "./kind.ts";
import { kongPluginSchema, pluginSecrets } from "./kong-types.ts";

/** A configured plugin for all namespaces; with the label `global: "true"` for every route. */
export const kongClusterPluginKind = defineKind({
  kind: "KongClusterPlugin",
  apiVersions: ["configuration.konghq.com/v1"],
  scope: "Cluster",
  docs: 'One configured plugin that every namespace can name. With the label `global: "true"` it runs on every route of the gateway.',
  schema: kongPluginSchema(z.object({ name: z.string(), key: z.string(), namespace: z.string() })),
  open: [["config"]],
  secret: pluginSecrets,
});

export type KongClusterPlugin = ObjectOf<typeof kongClusterPluginKind>;
