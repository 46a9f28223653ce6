import { z } from "zod";
import { defineKind, type ObjectOf } from "./kind.ts";
import { labelSelectorSchema } from "./label-selector.ts";
import { podTemplateSchema } from "./pod-template.ts";
import { unreadFields } from "./unread-fields.ts";

/** A Kubernetes DaemonSet; see Deployment. */
export const daemonSetKind = defineKind({
  kind: "DaemonSet",
  apiVersions: ["apps/v1", "apps/v1beta2", "extensions/v1beta1"],
  scope: "Namespaced",
  docs: "A workload with one pod on each node. Its pod template gives labels, annotations and ports.",
  schema: z.object({
    spec: z.object({
      selector: labelSelectorSchema.optional(),
      template: podTemplateSchema,
      ...unreadFields("minReadySeconds", "revisionHistoryLimit", "templateGeneration", "updateStrategy"),
    }),
  }),
});

export type DaemonSet = ObjectOf<typeof daemonSetKind>;
