import type { Consumer, Credential } from "#model/consumer.ts";

/** A consumer for tests. */
export function consumer(
  name: string,
  credentials: readonly Credential[],
  more: Partial<Pick<Consumer, "customId" | "groups">> = {},
): Consumer {
  return {
    id: `id-of-${name}`,
    username: name,
    customId: more.customId ?? "",
    groups: more.groups ?? [],
    credentials,
    origin: { object: { kind: "KongConsumer", namespace: "test", name }, field: [] },
  };
}

export function key(key: string, id = `credential-${key}`): Credential {
  return { type: "key-auth", id, key };
}

export function password(username: string, password: string): Credential {
  return { type: "basic-auth", id: `credential-${username}`, username, password };
}
