import { z } from "zod";
import { defineKind, type ObjectOf } from "./kind.ts";
import { unreadFields } from "./unread-fields.ts";

/** A Kubernetes Namespace; its labels decide which mesh its objects belong to. */
export const namespaceKind = defineKind({
  kind: "Namespace",
  apiVersions: ["v1"],
  scope: "Cluster",
  docs: "A group of objects. Its labels decide which mesh the objects in it belong to.",
  schema: z.object({ ...unreadFields("spec") }),
});

export type Namespace = ObjectOf<typeof namespaceKind>;
