import { z } from "zod";
import { defineKind, type ObjectOf } from "./kind.ts";
import { unreadFields } from "./unread-fields.ts";

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const base64Schema = z.string().refine((text) => base64.test(text.replace(/\s/g, "")), {
  message: "is not valid base64",
  params: { fix: "Encode the value with base64, or put the plain text under stringData." },
});

/** A Kubernetes Secret: credentials, certificates with their keys, plugin configurations. */
export const secretKind = defineKind({
  kind: "Secret",
  apiVersions: ["v1"],
  scope: "Namespaced",
  docs: "Values that must not be shown: credentials of consumers, certificates with their keys, parts of plugin configurations.",
  schema: z.object({
    type: z.string().optional(),
    data: z.record(z.string(), base64Schema).optional(),
    stringData: z.record(z.string(), z.string()).optional(),
    ...unreadFields("immutable"),
  }),
  secret: [["data"], ["stringData"]],
});

export type Secret = ObjectOf<typeof secretKind>;

/** The value of one key as text, decoded; `stringData` wins over `data`, as in Kubernetes. */
export function secretText(secret: Secret, key: string): string | undefined {
  if (secret.stringData && Object.hasOwn(secret.stringData, key)) return secret.stringData[key];
  if (!secret.data || !Object.hasOwn(secret.data, key)) return undefined;
  return Buffer.from(secret.data[key] ?? "", "base64").toString("utf8");
}

/** All keys of a Secret, sorted. */
export function secretKeys(secret: Secret): readonly string[] {
  return [...new Set([...Object.keys(secret.data ?? {}), ...Object.keys(secret.stringData ?? {})])].sort();
}
