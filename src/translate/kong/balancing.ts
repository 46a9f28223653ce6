import type { HashPolicy } from "#model/route.ts";
import type { FieldPath } from "#problems/object-ref.ts";
import type { ProblemSink } from "#problems/problem.ts";
import { hasControlCharacter, headerNamePattern } from "#resources/http-texts.ts";
import { type KubernetesObject, refOf } from "#resources/kind.ts";
import type { KongIngress, KongIngressUpstream } from "#resources/kong-ingress.ts";
import type { KongUpstreamPolicy } from "#resources/kong-upstream-policy.ts";
import { finding } from "./finding.ts";
import type { Balancing } from "./kong-service.ts";

/** What a KongUpstreamPolicy says of balancing. */
export function balancingOfPolicy(policy: KongUpstreamPolicy, report: ProblemSink): Balancing {
  const { algorithm = "round-robin", hashOn, hashOnFallback, healthchecks } = policy.spec ?? {};
  if (healthchecks !== undefined) reportHealthchecks(policy, ["spec", "healthchecks"], report);
  const inputs = [hashOn, hashOnFallback].map((input, at) =>
    input === undefined
      ? undefined
      : {
          field: ["spec", at === 0 ? "hashOn" : "hashOnFallback"],
          on: input.input ?? (input.header !== undefined ? "header" : undefined) ?? kindOf(input),
          name: input.header ?? input.cookie ?? input.queryArg ?? "",
          path: input.cookiePath ?? "/",
        },
  );
  return balancing(policy, algorithm, ["spec", "algorithm"], inputs, report);
}

function kindOf(input: { cookie?: string | undefined; queryArg?: string | undefined }): string {
  return input.cookie !== undefined ? "cookie" : input.queryArg !== undefined ? "query_arg" : "uri_capture";
}

/** What the `upstream` of a KongIngress says of balancing. */
export function balancingOfKongIngress(
  object: KongIngress,
  upstream: KongIngressUpstream,
  report: ProblemSink,
): Balancing {
  if (upstream.healthchecks !== undefined) reportHealthchecks(object, ["upstream", "healthchecks"], report);
  const { hash_on: on, hash_fallback: fallback, hash_on_cookie_path: path = "/" } = upstream;
  const inputs = [
    on === undefined
      ? undefined
      : {
          field: ["upstream", "hash_on"],
          on,
          name: nameOf(on, {
            header: upstream.hash_on_header,
            cookie: upstream.hash_on_cookie,
            query_arg: upstream.hash_on_query_arg,
          }),
          path,
        },
    fallback === undefined
      ? undefined
      : {
          field: ["upstream", "hash_fallback"],
          on: fallback,
          name: nameOf(fallback, {
            header: upstream.hash_fallback_header,
            cookie: upstream.hash_on_cookie,
            query_arg: upstream.hash_fallback_query_arg,
          }),
          path,
        },
  ];
  return balancing(object, upstream.algorithm ?? "round-robin", ["upstream", "algorithm"], inputs, report);
}

/** What the input is called; the others may be set, too, and say nothing. */
function nameOf(on: string, names: Readonly<Record<string, string | undefined>>): string {
  return names[on] ?? "";
}

interface HashInput {
  readonly field: FieldPath;
  readonly on: string;
  readonly name: string;
  readonly path: string;
}

function balancing(
  object: KubernetesObject,
  algorithm: string,
  field: FieldPath,
  inputs: readonly (HashInput | undefined)[],
  report: ProblemSink,
): Balancing {
  switch (algorithm) {
    case "least-connections":
      return { algorithm: "least-request" };
    case "consistent-hashing": {
      const hash = inputs.flatMap((input) => (input === undefined ? [] : hashPolicy(object, input, report)));
      // The fallback counts only where the first input is absent.
      return { algorithm: "ring-hash", hash: hash.map((one) => ({ ...one, terminal: true })) };
    }
    case "latency":
    case "sticky-sessions":
      report(
        finding(
          "not-supported",
          refOf(object),
          field,
          `the algorithm ${algorithm} is not supported; least-connections is used`,
          {
            fix: "Use round-robin, least-connections or consistent-hashing.",
          },
        ),
      );
      return { algorithm: "least-request" };
    default:
      return { algorithm: "round-robin" };
  }
}

function hashPolicy(object: KubernetesObject, input: HashInput, report: ProblemSink): readonly HashPolicy[] {
  const refuseName = (what: string): readonly HashPolicy[] => {
    report(
      finding(
        "invalid-field",
        refOf(object),
        input.field,
        `the name of the ${what} is missing or invalid, so it is not hashed`,
      ),
    );
    return [];
  };
  switch (input.on) {
    case "none":
      return [];
    case "ip":
    case "path":
      return [{ on: input.on }];
    case "header":
      if (!headerNamePattern.test(input.name)) return refuseName("header");
      return [{ on: "header", name: input.name }];
    case "query_arg":
      if (input.name === "" || hasControlCharacter(input.name)) return refuseName("query argument");
      return [{ on: "query", name: input.name }];
    case "cookie":
      if (!headerNamePattern.test(input.name)) return refuseName("cookie");
      if (hasControlCharacter(input.path)) return refuseName("cookie's path");
      return [{ on: "cookie", name: input.name, path: input.path }];
    case "consumer":
      // The header that authentication puts on the request.
      return [{ on: "header", name: "x-consumer-id" }];
    default:
      report(
        finding("not-supported", refOf(object), input.field, `hashing on ${input.on} is not supported`, {
          fix: "Hash on a header, a cookie, a query argument, the path, the consumer or the address.",
        }),
      );
      return [];
  }
}

function reportHealthchecks(object: KubernetesObject, field: FieldPath, report: ProblemSink): void {
  report(
    finding(
      "not-supported",
      refOf(object),
      field,
      "health checks are not supported; every ready endpoint is used",
      {
        fix: "Let readiness probes take failing endpoints out.",
      },
    ),
  );
}
