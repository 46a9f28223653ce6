import type { Graph, Reader, Table } from "#incremental/graph.ts";
import type { Consumer, Credential } from "#model/consumer.ts";
import { formatRef, type ObjectRef, refKey } from "#problems/object-ref.ts";
import { objectKey, refOf } from "#resources/kind.ts";
import { type KongConsumer, kongConsumerKind } from "#resources/kong-consumer.ts";
import { kongConsumerGroupKind } from "#resources/kong-consumer-group.ts";
import type { Objects } from "#resources/object-store.ts";
import { secretKind } from "#resources/secret.ts";
import { type Aged, compareAge } from "./age.ts";
import { kongAnnotations, referenceMissing } from "./annotations.ts";
import type { ClassMatch } from "./class-match.ts";
import { credentialClaim, duplicateCredential, type FoundCredential, readCredential } from "./credentials.ts";
import { finding } from "./finding.ts";
import { kongId } from "./kong-ids.ts";

/** A KongConsumer with its credentials, before it is compared with the others. */
interface Draft extends Aged {
  readonly consumer: Consumer;
  readonly ref: ObjectRef;
  /** Position in `credentials` of each credential. */
  readonly places: readonly number[];
}

/** Keyed by consumer id. */
export function consumers(graph: Graph, objects: Objects, classes: ClassMatch): Table<Consumer> {
  const secrets = objects.table(secretKind);
  // A Secret is read once, however many consumers name it, so that what is wrong with it is reported once.
  const named = graph.index("kong/secrets of consumers", objects.table(kongConsumerKind), (_, consumer) =>
    (consumer.credentials ?? []).map((name) => [objectKey(consumer.metadata.namespace, name), true] as const),
  );
  const credentials = graph.derive("kong/credentials", named, (key, _, read): FoundCredential | undefined => {
    const secret = read.get(secrets, key);
    return secret && readCredential(secret, read.report);
  });
  const drafts = graph.derive("kong/consumers read", objects.table(kongConsumerKind), (key, object, read) => {
    if (!classes.matches(object, undefined, read)) return undefined;
    reportUnserved(object, objects, read);
    const find = (name: string): FoundCredential | "missing" | undefined => {
      const place = objectKey(object.metadata.namespace, name);
      return read.get(secrets, place) === undefined ? "missing" : read.get(credentials, place);
    };
    return draft(key, object, find, read);
  });
  const claims = graph.index("kong/credential claims", drafts, (_, { consumer, ref }) =>
    consumer.credentials.map((credential) => [credentialClaim(credential), ref] as const),
  );
  const names = graph.index("kong/consumer names", drafts, (key, one) =>
    nameClaims(one).map((claim) => [claim, { key, ref: one.ref, created: one.created }] as const),
  );
  const accepted = graph.derive("kong/consumers accepted", drafts, (key, one, read) =>
    hasOwnName(key, one, names, read) && hasOwnCredentials(one, claims, read) ? one.consumer : undefined,
  );
  const byId = graph.index("kong/consumers by id", accepted, (_, consumer) => [
    [consumer.id, consumer] as const,
  ]);
  return graph.derive("kong/consumers", byId, (_, [consumer]) => consumer);
}

function draft(
  key: string,
  object: KongConsumer,
  find: (secret: string) => FoundCredential | "missing" | undefined,
  read: Reader,
): Draft {
  const ref = refOf(object);
  const found: Credential[] = [];
  const places: number[] = [];
  const groups = new Set<string>();
  for (const [at, name] of (object.credentials ?? []).entries()) {
    const credential = find(name);
    if (credential === undefined) continue;
    if (credential === "missing") {
      const secret = { kind: "Secret", namespace: ref.namespace, name };
      read.report(
        referenceMissing(
          object,
          ["credentials", at],
          secret,
          "the consumer is without this credential",
          "Create the Secret, or take its name out.",
        ),
      );
    } else if (credential.kind === "group") {
      groups.add(credential.group);
    } else {
      found.push(credential.credential);
      places.push(at);
    }
  }
  const username = object.username ?? "";
  const customId = object.custom_id ?? "";
  const created = object.metadata.creationTimestamp;
  return {
    key,
    ref,
    places,
    ...(created === undefined ? {} : { created }),
    consumer: {
      id: kongId("consumers", username === "" ? `custom_id:${customId}` : username),
      username,
      customId,
      groups: [...groups].sort(),
      credentials: found,
      origin: { object: ref, field: [username === "" ? "custom_id" : "username"] },
    },
  };
}

/** User names and custom ids are unique over the whole gateway. */
function nameClaims({ consumer }: Draft): readonly string[] {
  return [
    ...(consumer.username === "" ? [] : [`username:${consumer.username}`]),
    ...(consumer.customId === "" ? [] : [`custom_id:${consumer.customId}`]),
  ];
}

/** Of two consumers with one name the older one is served: a new one must not take its place, nor put it out. */
function hasOwnName(
  key: string,
  one: Draft,
  names: Table<readonly (Aged & { readonly ref: ObjectRef })[]>,
  read: Reader,
): boolean {
  for (const claim of nameClaims(one)) {
    const [oldest] = [...(read.get(names, claim) ?? [])].sort(compareAge);
    if (oldest === undefined || oldest.key === key) continue;
    const field = claim.slice(0, claim.indexOf(":"));
    read.report(
      finding(
        "consumer-duplicate",
        one.ref,
        [field],
        `${formatRef(oldest.ref)} has the same ${field}, so this consumer is not accepted`,
        {
          related: [oldest.ref],
          fix: `Use another ${field}; it is unique over all namespaces.`,
        },
      ),
    );
    return false;
  }
  return true;
}

function hasOwnCredentials(one: Draft, claims: Table<readonly ObjectRef[]>, read: Reader): boolean {
  let own = true;
  for (const [at, credential] of one.consumer.credentials.entries()) {
    const holders = read.get(claims, credentialClaim(credential)) ?? [];
    const others = holders.filter((holder) => refKey(holder) !== refKey(one.ref));
    if (others.length === 0) continue;
    read.report(duplicateCredential(one.ref, ["credentials", one.places[at] ?? 0], credential.type, others));
    own = false;
  }
  return own;
}

function reportUnserved(object: KongConsumer, objects: Objects, read: Reader): void {
  const plugins = kongAnnotations(object, read.report).find("plugins");
  if (plugins !== undefined && plugins.value.trim() !== "") {
    read.report(
      finding(
        "not-supported",
        refOf(object),
        plugins.field,
        "plugins of a consumer are not supported; they are not applied",
        {
          fix: "Name the plugins at an Ingress or a Service.",
        },
      ),
    );
  }
  for (const [at, name] of (object.consumerGroups ?? []).entries()) {
    const { namespace } = object.metadata;
    if (read.get(objects.table(kongConsumerGroupKind), objectKey(namespace, name)) !== undefined) continue;
    const group = { kind: kongConsumerGroupKind.kind, namespace, name };
    read.report(
      referenceMissing(
        object,
        ["consumerGroups", at],
        group,
        "the consumer is not in it",
        "Create the group, or take its name out.",
      ),
    );
  }
}
