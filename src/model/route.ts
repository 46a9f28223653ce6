import type { Origin } from "#problems/object-ref.ts";
import type { Policy } from "./policy.ts";

/** How a path is matched; always the path without its query, after normalisation. */
export type PathMatch =
  /** Plain string prefix: `/foo` matches `/foobar`. */
  | { readonly kind: "prefix"; readonly value: string }
  /** Whole segments: `/foo` matches `/foo` and `/foo/bar`, not `/foobar`; `/` matches all. No slash at the end. */
  | { readonly kind: "segments"; readonly value: string }
  | { readonly kind: "exact"; readonly value: string }
  /** RE2, anchored at the start; at the end too when `full`. */
  | { readonly kind: "regex"; readonly pattern: string; readonly full: boolean };

export type StringMatch =
  | {
      readonly kind: "exact" | "prefix" | "suffix" | "contains";
      readonly value: string;
      readonly ignoreCase?: boolean;
    }
  /** RE2, must match the whole value. */
  | { readonly kind: "regex"; readonly pattern: string; readonly ignoreCase?: boolean }
  | { readonly kind: "present" }
  /** Half-open range of integers. */
  | { readonly kind: "range"; readonly start: number; readonly end: number };

export interface NamedMatch {
  readonly name: string;
  readonly match: StringMatch;
  readonly invert?: boolean;
}

/** All that is given must hold. */
export interface RouteMatch {
  readonly path: PathMatch;
  /** Any of these; empty or absent: every method. */
  readonly methods?: readonly string[];
  readonly headers?: readonly NamedMatch[];
  readonly query?: readonly NamedMatch[];
  readonly grpc?: boolean;
}

export type PathRewrite =
  /** Replaces what the path match matched (prefix, segments or regex) by `prefix`, joined with exactly one slash. */
  | { readonly kind: "replace-matched"; readonly prefix: string }
  | { readonly kind: "replace-all"; readonly path: string }
  /** RE2 pattern over the whole path, substitution with `\1`. */
  | { readonly kind: "regex"; readonly pattern: string; readonly substitution: string };

export interface HeaderOperation {
  readonly op: "set" | "append" | "add-if-absent" | "remove";
  readonly name: string;
  readonly value: string;
}

/** Milliseconds; 0 switches the timeout off, absent leaves the engine's default. */
export interface RouteTimeouts {
  readonly request?: number;
  readonly idle?: number;
  readonly perTry?: number;
  readonly perTryIdle?: number;
}

export interface RetryPolicy {
  /** Envoy's `retry_on` words, e.g. `connect-failure`. */
  readonly on: readonly string[];
  readonly statusCodes?: readonly number[];
  readonly retries: number;
  readonly perTryTimeoutMs?: number;
  /** Prefer hosts that were not tried yet. */
  readonly avoidPreviousHosts: boolean;
}

export type HashPolicy =
  | { readonly on: "ip"; readonly terminal?: boolean }
  | { readonly on: "header" | "query"; readonly name: string; readonly terminal?: boolean }
  | { readonly on: "cookie"; readonly name: string; readonly path: string; readonly terminal?: boolean }
  | { readonly on: "path"; readonly terminal?: boolean };

export interface WeightedBackend {
  /** Name of a cluster of the same scope; undefined keeps the share of an unusable backend, which answers 503. */
  readonly cluster: string | undefined;
  readonly weight: number;
  readonly origin: Origin;
  readonly requestHeaders?: readonly HeaderOperation[];
}

export interface Forward {
  readonly kind: "forward";
  readonly backends: readonly WeightedBackend[];
  /** New Host header; "upstream-address" is the chosen endpoint's own name. */
  readonly host?: { readonly value: string } | "upstream-address";
  readonly path?: PathRewrite;
  readonly timeouts: RouteTimeouts;
  readonly retry?: RetryPolicy;
  readonly hash?: readonly HashPolicy[];
  readonly websocket: boolean;
  readonly requestHeaders?: readonly HeaderOperation[];
  readonly responseHeaders?: readonly HeaderOperation[];
}

export interface Redirect {
  readonly kind: "redirect";
  readonly status: 301 | 302 | 303 | 307 | 308;
  readonly scheme?: string;
  readonly host?: string;
  readonly port?: number;
  readonly path?: PathRewrite;
}

export interface Reply {
  readonly kind: "reply";
  readonly status: number;
  readonly body?: string;
  readonly headers?: readonly HeaderOperation[];
}

export type RouteAction = Forward | Redirect | Reply;

export interface Route {
  /** Shown in metrics, logs and `explain`; the name that the users' former engine used. */
  readonly name: string;
  readonly match: RouteMatch;
  readonly action: RouteAction;
  /** In the order in which they run. */
  readonly policies: readonly Policy[];
  /** All objects that shaped this route, the main one first. */
  readonly origins: readonly Origin[];
}

/** One host of one route table; the routes are in order of precedence, the first match wins. */
export interface VirtualHost {
  readonly scope: string;
  readonly routeTable: string;
  readonly name: string;
  /** Exact hosts, `*.suffix`, `prefix.*` or `*`, each with or without a port. */
  readonly domains: readonly string[];
  readonly routes: readonly Route[];
  readonly retry?: RetryPolicy;
}
