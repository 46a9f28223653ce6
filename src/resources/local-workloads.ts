import { z } from "zod";
import { defineKind, type ObjectOf } from "./kind.ts";

const name = "[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?";

const localWorkloadSchema = z.object({
  workload: z.string().regex(new RegExp(`^${name}/${name}$`), {
    message: "must be namespace/name of a Deployment, StatefulSet, DaemonSet or Pod, e.g. prod/jazz-v1",
  }),
  command: z.array(z.string()).min(1).optional(),
  directory: z.string().min(1).optional(),
  replicas: z.int().min(0).max(100).optional(),
  env: z
    .record(
      z.string().regex(/^[^=\0]+$/, { message: "must be a name without an equals sign" }),
      z.string().regex(/^[^\0]*$/, { message: "must hold no null character" }),
    )
    .optional(),
});

/** The file `diolkos.local.yaml`: which local processes stand for which workloads. */
export const localWorkloadsKind = defineKind({
  kind: "LocalWorkloads",
  apiVersions: ["diolkos.io/v1alpha1"],
  scope: "Cluster",
  docs: "Says which local processes stand for the pods of which workload when Diolkos runs without a cluster.",
  schema: z.object({ workloads: z.array(localWorkloadSchema) }),
  secret: [["workloads", "*", "env"]],
  namedByFile: true,
});

export type LocalWorkloads = ObjectOf<typeof localWorkloadsKind>;
export type LocalWorkload = z.output<typeof localWorkloadSchema>;
