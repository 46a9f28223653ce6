import { createPrivateKey, X509Certificate } from "node:crypto";
import type { Graph, Reader, Table } from "#incremental/graph.ts";
import { gatewayScope, modelKey } from "#model/model.ts";
import type { ServerSecret } from "#model/secret.ts";
import { type FieldPath, formatRef, type ObjectRef } from "#problems/object-ref.ts";
import type { Ingress } from "#resources/ingress.ts";
import { objectKey, refOf } from "#resources/kind.ts";
import type { Objects } from "#resources/object-store.ts";
import { type Secret, secretKind, secretText } from "#resources/secret.ts";
import { type Aged, compareAge } from "../kong/age.ts";
import { finding } from "../kong/finding.ts";

/** Certificates by which the gateway's TLS port shows itself. */
export interface IngressTls {
  /** Keyed by `modelKey(scope, name)`; the name is `namespace/name` of the Secret. */
  readonly secrets: Table<ServerSecret>;
  /** The hosts of each certificate; the same keys. */
  readonly hosts: Table<readonly string[]>;
}

/** A host of an Ingress's `tls`, and the Secret that it names for it. */
interface HostClaim extends Aged {
  readonly host: string;
  readonly secret: string;
  readonly ref: ObjectRef;
  readonly field: FieldPath;
}

/** The certificates of all Ingresses: of each host the oldest Ingress's counts. */
export function ingressTls(graph: Graph, ingresses: Table<Ingress>, objects: Objects): IngressTls {
  const secretObjects = objects.table(secretKind);
  graph.derive("ingress/tls without a host", ingresses, (_, ingress, read) => reportHostless(ingress, read));
  const claims = graph.index("ingress/tls hosts", ingresses, hostClaims);
  const chosen = graph.derive("ingress/tls of hosts", claims, (host, all, read) => {
    const [oldest, ...others] = [...all].sort(compareAge);
    if (oldest === undefined) return undefined;
    for (const other of others) {
      if (other.secret === oldest.secret) continue;
      read.report(
        finding(
          "host-conflict",
          other.ref,
          other.field,
          `${formatRef(oldest.ref)} has a certificate for ${host} and is older, so this one is not used`,
          {
            related: [oldest.ref],
            fix: "Name the same Secret in both, or the host in one.",
          },
        ),
      );
    }
    return oldest;
  });
  const bySecret = graph.index("ingress/tls secrets", chosen, (_, claim) => [[claim.secret, claim] as const]);
  const found = graph.derive(
    "ingress/certificates",
    bySecret,
    (key, [claim], read): ServerSecret | undefined => {
      const secret = read.get(secretObjects, key);
      if (claim === undefined) return undefined;
      if (secret === undefined) {
        reportMissing(claim, key, read);
        return undefined;
      }
      return readCertificate(secret, key, read);
    },
  );
  const byName = graph.index("ingress/certificates by name", found, (_, secret) => [
    [modelKey(secret.scope, secret.name), secret] as const,
  ]);
  return {
    secrets: graph.derive("ingress/server secrets", byName, (_, [secret]) => secret),
    hosts: graph.derive(
      "ingress/certificate hosts",
      byName,
      (_, [secret], read) => secret && (read.get(bySecret, secret.name) ?? []).map(({ host }) => host).sort(),
    ),
  };
}

function* hostClaims(key: string, ingress: Ingress): Generator<readonly [string, HostClaim]> {
  const { namespace, creationTimestamp: created } = ingress.metadata;
  for (const [at, { hosts = [], secretName = "" }] of (ingress.spec?.tls ?? []).entries()) {
    if (secretName === "") continue;
    for (const [hostAt, host] of hosts.entries()) {
      const field = ["spec", "tls", at, "hosts", hostAt];
      yield [
        host,
        { host, secret: objectKey(namespace, secretName), ref: refOf(ingress), field, key, created },
      ];
    }
  }
}

function reportHostless(ingress: Ingress, read: Reader): undefined {
  for (const [at, { hosts = [], secretName = "" }] of (ingress.spec?.tls ?? []).entries()) {
    if (hosts.length > 0 && secretName !== "") continue;
    const lacks = secretName === "" ? "secretName" : "hosts";
    read.report({
      ...finding(
        "invalid-field",
        refOf(ingress),
        ["spec", "tls", at],
        `it has no ${lacks}, so it has no effect`,
        {
          fix: `Add ${lacks}.`,
        },
      ),
      severity: "warning",
    });
  }
}

function reportMissing(claim: HostClaim, key: string, read: Reader): void {
  const slash = key.indexOf("/");
  const secret = { kind: "Secret", namespace: key.slice(0, slash), name: key.slice(slash + 1) };
  read.report(
    finding(
      "reference-missing",
      claim.ref,
      claim.field,
      `${formatRef(secret)} does not exist; ${claim.host} has no certificate`,
      {
        related: [secret],
        fix: "Create the Secret with tls.crt and tls.key.",
      },
    ),
  );
}

/** Undefined when it is not a certificate with its key. What is wrong is said without any text of it. */
function readCertificate(secret: Secret, name: string, read: Reader): ServerSecret | undefined {
  const certificateChain = secretText(secret, "tls.crt") ?? "";
  const privateKey = secretText(secret, "tls.key") ?? "";
  const fault = certificateFault(certificateChain, privateKey);
  if (fault !== undefined) {
    read.report(
      finding("certificate-invalid", refOf(secret), ["data"], fault, {
        fix: "Put the certificate and its chain into tls.crt and the key into tls.key, as PEM.",
      }),
    );
    return undefined;
  }
  return {
    scope: gatewayScope,
    name,
    certificateChain,
    privateKey,
    origin: { object: refOf(secret), field: ["data"] },
  };
}

function certificateFault(certificate: string, key: string): string | undefined {
  try {
    const parsed = new X509Certificate(certificate);
    try {
      return parsed.checkPrivateKey(createPrivateKey(key))
        ? undefined
        : "tls.key is not the key of the certificate in tls.crt";
    } catch {
      return "tls.key is no private key in PEM";
    }
  } catch {
    return "tls.crt is no certificate in PEM";
  }
}
