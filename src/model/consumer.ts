import type { Origin } from "#problems/object-ref.ts";

export type Credential =
  | { readonly type: "key-auth"; readonly id: string; readonly key: string }
  | {
      readonly type: "basic-auth";
      readonly id: string;
      readonly username: string;
      readonly password: string;
    };

/** Someone who calls, known by credentials. Ids are stable UUIDs made from names. */
export interface Consumer {
  readonly id: string;
  readonly username: string;
  readonly customId: string;
  /** ACL groups, sorted. */
  readonly groups: readonly string[];
  readonly credentials: readonly Credential[];
  readonly origin: Origin;
}
