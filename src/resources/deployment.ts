import { z } from "zod";
import { defineKind, type ObjectOf } from "./kind.ts";
import { labelSelectorSchema } from "./label-selector.ts";
import { podTemplateSchema } from "./pod-template.ts";
import { unreadFields } from "./unread-fields.ts";

/** A Kubernetes Deployment; locally its pod template says which labels and ports a workload has. */
export const deploymentKind = defineKind({
  kind: "Deployment",
  apiVersions: ["apps/v1", "apps/v1beta2", "apps/v1beta1", "extensions/v1beta1"],
  scope: "Namespaced",
  docs: "A workload. Its pod template gives labels, annotations and ports; local processes stand for its pods.",
  schema: z.object({
    spec: z.object({
      // The oldest API versions made the selector from the template's labels.
      selector: labelSelectorSchema.optional(),
      template: podTemplateSchema,
      ...unreadFields(
        "minReadySeconds",
        "paused",
        "progressDeadlineSeconds",
        "replicas",
        "revisionHistoryLimit",
        "rollbackTo",
        "strategy",
      ),
    }),
  }),
});

export type Deployment = ObjectOf<typeof deploymentKind>;
