import { z } from "zod";
import { defineKind, type ObjectOf } from "./kind.ts";
import { labelSelectorSchema } from "./label-selector.ts";
import { podTemplateSchema } from "./pod-template.ts";
import { unreadFields } from "./unread-fields.ts";

/** A Kubernetes StatefulSet; see Deployment. */
export const statefulSetKind = defineKind({
  kind: "StatefulSet",
  apiVersions: ["apps/v1", "apps/v1beta2", "apps/v1beta1"],
  scope: "Namespaced",
  docs: "A workload whose pods have names that stay. Its pod template gives labels, annotations and ports.",
  schema: z.object({
    spec: z.object({
      selector: labelSelectorSchema.optional(),
      template: podTemplateSchema,
      ...unreadFields(
        "minReadySeconds",
        "ordinals",
        "persistentVolumeClaimRetentionPolicy",
        "podManagementPolicy",
        "replicas",
        "revisionHistoryLimit",
        "serviceName",
        "updateStrategy",
        "volumeClaimTemplates",
      ),
    }),
  }),
});

export type StatefulSet = ObjectOf<typeof statefulSetKind>;
