import type { Reply } from "#model/route.ts";

/** An answer of the gateway itself, in Kong's layout of an error. */
export function errorReply(status: number, message: string): Reply {
  return {
    kind: "reply",
    status,
    body: `{\n  "message":"${message}"\n}`,
    headers: [{ op: "set", name: "content-type", value: "application/json; charset=utf-8" }],
  };
}
