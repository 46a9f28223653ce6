import { create } from "@bufbuild/protobuf";
import {
  type RetryPolicy as EnvoyRetryPolicy,
  RetryPolicy_RetryHostPredicateSchema,
  RetryPolicySchema,
} from "@diolkos/envoy-api/envoy/config/route/v3/route_components_pb.js";
import { PreviousHostsPredicateSchema } from "@diolkos/envoy-api/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.js";
import type { RetryPolicy } from "#model/route.ts";
import { count, duration, pack } from "./any.ts";

/** The retry policy of a route or a virtual host; `perTryIdleMs` belongs to the route's timeouts. */
export function buildRetryPolicy(retry: RetryPolicy, perTryIdleMs?: number): EnvoyRetryPolicy {
  return create(RetryPolicySchema, {
    retryOn: retry.on.join(","),
    numRetries: count(retry.retries),
    retriableStatusCodes: [...(retry.statusCodes ?? [])],
    ...(retry.perTryTimeoutMs === undefined ? {} : { perTryTimeout: duration(retry.perTryTimeoutMs) }),
    ...(perTryIdleMs === undefined ? {} : { perTryIdleTimeout: duration(perTryIdleMs) }),
    ...(retry.avoidPreviousHosts
      ? { retryHostPredicate: [previousHosts], hostSelectionRetryMaxAttempts: BigInt(5) }
      : {}),
  });
}

const previousHosts = create(RetryPolicy_RetryHostPredicateSchema, {
  name: "envoy.retry_host_predicates.previous_hosts",
  configType: {
    case: "typedConfig",
    value: pack(PreviousHostsPredicateSchema, create(PreviousHostsPredicateSchema)),
  },
});
