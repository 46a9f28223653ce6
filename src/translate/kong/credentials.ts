import { createHash } from "node:crypto";
import type { Credential } from "#model/consumer.ts";
import type { ObjectRef } from "#problems/object-ref.ts";
import type { Problem, ProblemSink } from "#problems/problem.ts";
import { refOf } from "#resources/kind.ts";
import { type Secret, secretText } from "#resources/secret.ts";
import { finding } from "./finding.ts";
import { kongId } from "./kong-ids.ts";

const typeLabel = "konghq.com/credential";
const typeKey = "kongCredType";

/** What a credential Secret gives its consumer. */
export type FoundCredential =
  | { readonly kind: "credential"; readonly credential: Credential }
  | { readonly kind: "group"; readonly group: string };

const aliases: Readonly<Record<string, string>> = {
  keyauth_credential: "key-auth",
  basicauth_credential: "basic-auth",
  hmacauth_credential: "hmac-auth",
  jwt_secret: "jwt",
};
const unserved = ["hmac-auth", "jwt", "oauth2", "mtls-auth"];

/** Reads a credential Secret; undefined when it gives nothing. No problem holds a value of it. */
export function readCredential(secret: Secret, report: ProblemSink): FoundCredential | undefined {
  const type = credentialType(secret, report);
  if (type === undefined) return undefined;
  const name = `${secret.metadata.namespace}/${secret.metadata.name}`;
  const required = (key: string): string | undefined => {
    const value = secretText(secret, key);
    if (value !== undefined && value !== "") return value;
    report(
      invalid(secret, ["data"], `the ${type} credential has no ${key}`, `Add the key ${key} to the Secret.`),
    );
    return undefined;
  };
  switch (type) {
    case "key-auth": {
      const key = required("key");
      if (key === undefined || hasTtl(secret, report)) return undefined;
      return { kind: "credential", credential: { type, id: kongId("keyauth_credentials", name), key } };
    }
    case "basic-auth": {
      const username = required("username");
      const password = required("password");
      if (username === undefined || password === undefined) return undefined;
      const id = kongId("basicauth_credentials", name);
      return { kind: "credential", credential: { type, id, username, password } };
    }
    case "acl": {
      const group = required("group");
      return group === undefined ? undefined : { kind: "group", group };
    }
    default:
      report(
        unserved.includes(type)
          ? finding(
              "not-supported",
              refOf(secret),
              ["metadata", "labels", typeLabel],
              `credentials of the type ${type} are not supported`,
              {
                fix: "Use key-auth or basic-auth.",
              },
            )
          : invalid(
              secret,
              ["metadata", "labels", typeLabel],
              "it names no type of credential that Kong knows",
              "Use key-auth, basic-auth or acl.",
            ),
      );
      return undefined;
  }
}

/** The label of today, or the data key of Kong's controller before 3.2. */
function credentialType(secret: Secret, report: ProblemSink): string | undefined {
  const label = secret.metadata.labels[typeLabel] ?? "";
  if (label !== "") return aliases[label] ?? label;
  const key = secretText(secret, typeKey) ?? "";
  if (key !== "") {
    report(
      finding(
        "deprecated-form",
        refOf(secret),
        ["data", typeKey],
        `the data key ${typeKey} is read as the label ${typeLabel}`,
        {
          fix: `Label the Secret with ${typeLabel}.`,
        },
      ),
    );
    return aliases[key] ?? key;
  }
  report(
    invalid(
      secret,
      ["metadata", "labels"],
      "the Secret does not say which type of credential it holds",
      `Label it with ${typeLabel}: key-auth, or another type.`,
    ),
  );
  return undefined;
}

/** A key that is to end some day must not live for ever. */
function hasTtl(secret: Secret, report: ProblemSink): boolean {
  const ttl = secretText(secret, "ttl") ?? "";
  if (ttl === "" || ttl === "0") return false;
  report(
    finding(
      "not-supported",
      refOf(secret),
      ["data", "ttl"],
      "a key that ends by itself (ttl) is not supported; it is not accepted",
      {
        fix: "Remove ttl, and the Secret when the key is to end.",
      },
    ),
  );
  return true;
}

function invalid(secret: Secret, field: readonly string[], message: string, fix: string): Problem {
  return finding("credential-invalid", refOf(secret), field, message, { fix });
}

/**
 * Equal for two credentials that a request cannot tell apart. It is a hash, because it names things and names get
 * printed.
 */
export function credentialClaim(credential: Credential): string {
  const what = credential.type === "key-auth" ? credential.key : credential.username;
  return `${credential.type}:${createHash("sha256").update(what).digest("hex")}`;
}

/** Reports credentials of the same key or user name. */
export function duplicateCredential(
  object: ObjectRef,
  field: readonly (string | number)[],
  type: Credential["type"],
  related: readonly ObjectRef[],
): Problem {
  const what = type === "key-auth" ? "key" : "user name";
  return finding(
    "credential-duplicate",
    object,
    field,
    `another consumer has a ${type} credential of the same ${what}; neither consumer is accepted`,
    { related, fix: `Give each consumer a ${what} of its own.` },
  );
}
