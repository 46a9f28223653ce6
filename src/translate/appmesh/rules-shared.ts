import { re2Problem } from "#model/re2.ts";
import type { FieldPath } from "#problems/object-ref.ts";
import type {
  ClientPolicy,
  ConnectionPool,
  ListenerTls,
  Logging,
  NamedHeaderMatch,
  PortProtocol,
} from "#resources/app-mesh-types.ts";
import type { Findings } from "./findings.ts";
import { given, listed } from "./findings.ts";

/** One kind of connection pool, and that of the listener's protocol. */
export function checkConnectionPool(
  findings: Findings,
  field: FieldPath,
  pool: ConnectionPool | undefined,
  protocol: PortProtocol,
): void {
  const kinds = given({ ...pool });
  if (kinds.length > 1) {
    findings.invalid(
      field,
      `A listener has one kind of connection pool, not ${listed(kinds)}; ${protocol} counts.`,
    );
  } else if (kinds.length === 1 && kinds[0] !== protocol) {
    findings.invalid(
      field,
      `The listener speaks ${protocol}, but its connection pool is of the kind ${kinds[0]}; it has no effect.`,
      `Name the pool ${protocol}.`,
    );
  }
}

/** TLS of a listener: its mode, its certificate, and that it is not served yet. */
export function checkListenerTls(findings: Findings, field: FieldPath, tls: ListenerTls | undefined): void {
  if (tls === undefined) return;
  if (!["STRICT", "PERMISSIVE", "DISABLED"].includes(tls.mode)) {
    findings.invalid([...field, "mode"], `${tls.mode} is none of STRICT, PERMISSIVE and DISABLED.`);
  }
  const certificates = given({ ...tls.certificate });
  if (certificates.length !== 1) {
    const message = `A listener has one of the certificates file, sds and acm; this one has ${listed(certificates) || "none"}.`;
    findings.invalid([...field, "certificate"], message);
  }
  if (tls.mode === "DISABLED") return;
  findings.notSupported(
    field,
    "TLS between workloads",
    tls.mode === "PERMISSIVE"
      ? "The listener accepts plaintext only."
      : "The listener stays closed, and calls of it get 503, because plaintext is not allowed.",
  );
}

/** Whether a listener's TLS forbids to serve it in plaintext. */
export function demandsTls(tls: ListenerTls | undefined): boolean {
  return tls !== undefined && tls.mode !== "PERMISSIVE" && tls.mode !== "DISABLED";
}

/** A client policy is not served yet. */
export function checkClientPolicy(
  findings: Findings,
  field: FieldPath,
  policy: ClientPolicy | undefined,
): void {
  if (policy?.tls === undefined) return;
  findings.notSupported(
    [...field, "tls"],
    "A client policy for TLS",
    // AWS's default of `enforce` is true.
    policy.tls.enforce === false
      ? "The backends are called in plaintext."
      : "Calls of the backends get 503, because plaintext is not allowed.",
  );
}

/** Access logs are not written yet; a format is of one kind. */
export function checkLogging(findings: Findings, field: FieldPath, logging: Logging | undefined): void {
  const file = logging?.accessLog?.file;
  if (file === undefined) return;
  const formats = given({ ...file.format });
  if (file.format !== undefined && formats.length !== 1) {
    const message = `An access log's format is either text or json; this one has ${listed(formats) || "neither"}.`;
    findings.invalid([...field, "accessLog", "file", "format"], message);
  }
  findings.notSupported([...field, "accessLog"], "An access log", "Nothing is written.");
}

/**
 * One way to match for each header or metadata entry, regular expressions that Envoy can hold, ranges that hold
 * something. Returns false when a route with these cannot be served.
 */
export function checkHeaderMatches(
  findings: Findings,
  field: FieldPath,
  headers: readonly NamedHeaderMatch[] | undefined,
): boolean {
  let usable = true;
  (headers ?? []).forEach((header, at) => {
    const place = [...field, at, "match"];
    const ways = given({ ...header.match });
    if (header.match !== undefined && ways.length !== 1) {
      const message = `A match is one of exact, prefix, suffix, regex and range; this one has ${listed(ways) || "none"}.`;
      findings.invalid(place, message);
      usable = false;
    }
    const range = header.match?.range;
    if (range !== undefined && range.end <= range.start) {
      findings.invalid([...place, "range"], "A range's end must be greater than its start.");
      usable = false;
    }
    if (!checkRegex(findings, [...place, "regex"], header.match?.regex)) usable = false;
  });
  return usable;
}

/** Reports a regular expression that Envoy cannot hold; true when it is fine or absent. */
export function checkRegex(findings: Findings, field: FieldPath, pattern: string | undefined): boolean {
  const construct = pattern === undefined ? undefined : re2Problem(pattern);
  if (construct === undefined) return true;
  findings.regexUnsupported(field, construct);
  return false;
}

/** Each name or ARN is given once, and not both. */
export function checkNameOrArn(
  findings: Findings,
  field: FieldPath,
  name: unknown,
  arn: unknown,
  fields: string,
): void {
  if (name !== undefined && arn !== undefined) {
    findings.doubtful(
      field,
      `Both ${fields}Ref and ${fields}ARN are set; the reference counts.`,
      "Keep one of them.",
    );
  }
}
