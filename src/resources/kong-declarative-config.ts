import { z } from "zod";
import { defineKind, type ObjectOf } from "./kind.ts";

/** A file in Kong's declarative format (`kong.yml`), which its `_format_version` tells. Its content stays as it is. */
export const kongDeclarativeConfigKind = defineKind({
  kind: "KongDeclarativeConfig",
  apiVersions: ["diolkos.io/v1alpha1"],
  scope: "Cluster",
  docs: "A file in Kong's declarative format, known by its `_format_version`. It is no Kubernetes object and has no metadata.",
  schema: z.looseObject({ _format_version: z.union([z.string(), z.number()]) }),
  open: [[]],
  secret: [[]],
  namedByFile: true,
});

export type KongDeclarativeConfig = ObjectOf<typeof kongDeclarativeConfigKind>;
