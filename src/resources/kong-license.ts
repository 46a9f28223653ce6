import { z } from "zod";
import { defineKind, type ObjectOf } from "./kind.ts";

/** A licence of Kong's enterprise edition; it has no meaning here. */
export const kongLicenseKind = defineKind({
  kind: "KongLicense",
  apiVersions: ["configuration.konghq.com/v1alpha1"],
  scope: "Cluster",
  docs: "A licence of Kong's enterprise edition. It is accepted and has no effect.",
  schema: z.object({ rawLicenseString: z.string(), enabled: z.boolean().optional() }),
  secret: [["rawLicenseString"]],
});

export type KongLicense = ObjectOf<typeof kongLicenseKind>;
