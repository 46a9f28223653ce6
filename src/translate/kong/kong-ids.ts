import { createHash } from "node:crypto";

/** The namespace of Kong's own name-based ids, so that an entity keeps the id that it had under Kong. */
const kongNamespace = "fd02801f-0957-4a15-a55a-c8d9606f30b5";

/** A name-based UUID (version 5). */
export function uuidFromName(namespace: string, name: string): string {
  const bytes = createHash("sha1")
    .update(Buffer.from(namespace.replaceAll("-", ""), "hex"))
    .update(name)
    .digest()
    .subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** The id that Kong's controller gives an entity: made from the entity's plural name and its own name. */
export function kongId(
  entities: "consumers" | "keyauth_credentials" | "basicauth_credentials",
  name: string,
): string {
  return uuidFromName(uuidFromName(kongNamespace, entities), name);
}
