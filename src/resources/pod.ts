import { z } from "zod";
import { defineKind, type ObjectOf } from "./kind.ts";
import { podSpecSchema } from "./pod-template.ts";

/** A Kubernetes Pod: a workload of its own, which a local process may stand for. */
export const podKind = defineKind({
  kind: "Pod",
  apiVersions: ["v1"],
  scope: "Namespaced",
  docs: "One copy of an application. A local process may stand for it.",
  schema: z.object({ spec: podSpecSchema }),
});

export type Pod = ObjectOf<typeof podKind>;
