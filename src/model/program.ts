/**
 * A route's program: what the module inside Envoy does for a request on this route, step by step. It travels with the
 * route itself (in its metadata), so that a route and its features change at once.
 *
 * Texts of replies: `message` is put in Kong's JSON layout; `body` is sent as it is.
 */
export interface Program {
  readonly steps: readonly Step[];
  /**
   * The request is marked with this when the steps are done. Envoy chooses the route anew after each change of the
   * request's headers, so a route whose steps change what routes are chosen by (path, method, query, headers) needs a
   * twin that is chosen by the mark.
   */
  readonly mark?: string;
}

export type Step =
  | CorrelationIdStep
  | CorsStep
  | KeyAuthStep
  | BasicAuthStep
  | IpStep
  | AclStep
  | RateLimitStep
  | TransformRequestStep
  | TransformResponseStep
  | ReplyStep;

/** Gives every request an id in `header` unless the client sent one; `echo` puts it on the response too. */
export interface CorrelationIdStep {
  readonly step: "correlation-id";
  readonly header: string;
  readonly generator: "uuid" | "uuid#counter" | "tracker";
  readonly echo: boolean;
}

/** Answers preflights and marks responses. `origins` empty: any origin, answered with `*`. */
export interface CorsStep {
  readonly step: "cors";
  readonly origins: readonly string[];
  /** Origins as regular expressions in RE2 form, full match, compiled for the module by the control plane. */
  readonly originPatterns: readonly string[];
  readonly methods: readonly string[];
  /** Empty: the request's own Access-Control-Request-Headers are echoed. */
  readonly headers: readonly string[];
  readonly exposedHeaders: readonly string[];
  readonly credentials: boolean;
  /** Seconds; absent: no header. */
  readonly maxAge?: number;
  readonly privateNetwork: boolean;
  readonly preflightContinue: boolean;
  readonly allowOriginAbsent: boolean;
}

/** Requires a key of a known consumer. Names are tried in order, each in header then query. */
export interface KeyAuthStep {
  readonly step: "key-auth";
  readonly names: readonly string[];
  readonly inHeader: boolean;
  readonly inQuery: boolean;
  readonly hideCredentials: boolean;
  readonly runOnPreflight: boolean;
  readonly realm: string;
}

export interface BasicAuthStep {
  readonly step: "basic-auth";
  readonly realm: string;
  readonly hideCredentials: boolean;
}

/** Refuses by the client's address: `deny` first, then anything outside a non-empty `allow`. CIDR or single addresses. */
export interface IpStep {
  readonly step: "ip";
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  readonly status: number;
  /** Absent: Kong's own text with the address. */
  readonly message?: string;
}

/** Exactly one of `allow` and `deny` is non-empty. */
export interface AclStep {
  readonly step: "acl";
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  readonly hideGroupsHeader: boolean;
}

export type RateLimitUnit = "second" | "minute" | "hour" | "day" | "month" | "year";

export interface RateLimitStep {
  readonly step: "rate-limit";
  /** Requests with the same counter share the limit: one plugin instance on one route or service. */
  readonly counter: string;
  /** In ascending order of the window. */
  readonly windows: readonly { readonly unit: RateLimitUnit; readonly limit: number }[];
  readonly by:
    | { readonly kind: "consumer" | "credential" | "ip" | "service" }
    | { readonly kind: "header"; readonly name: string }
    | { readonly kind: "path"; readonly path: string };
  readonly hideHeaders: boolean;
  readonly status: number;
  readonly message: string;
  readonly faultTolerant: boolean;
  /** Absent: counted inside this Envoy. */
  readonly shared?: {
    /** Names the store's connection; the service knows its address and password. */
    readonly store: string;
    /** Seconds between synchronisations; negative: asked for each request. */
    readonly syncRate: number;
    readonly timeoutMs: number;
  };
}

export interface NamedValue {
  readonly name: string;
  readonly value: string;
}

/** In Kong's order: remove, rename, replace (only if present), add (only if absent), append. */
export interface NameOperations {
  readonly remove: readonly string[];
  readonly rename: readonly { readonly from: string; readonly to: string }[];
  readonly replace: readonly NamedValue[];
  readonly add: readonly NamedValue[];
  readonly append: readonly NamedValue[];
}

export interface TransformRequestStep {
  readonly step: "transform-request";
  readonly method?: string;
  readonly headers: NameOperations;
  readonly query: NameOperations;
  /** New path of the upstream request; the query stays. */
  readonly uri?: string;
}

export interface TransformResponseStep {
  readonly step: "transform-response";
  readonly headers: NameOperations;
}

/** Ends the request. With `trigger` only when a header or query argument of that name is present. */
export interface ReplyStep {
  readonly step: "reply";
  readonly status: number;
  readonly contentType?: string;
  readonly body?: string;
  readonly message?: string;
  readonly trigger?: string;
  /** Answers with a description of the request instead (Kong's `echo`). */
  readonly echo?: boolean;
}
