import type { FieldPath, Origin } from "#problems/object-ref.ts";
import type { PluginUse } from "./plugin-references.ts";
import type { RewriteTemplate } from "./rewrite-template.ts";

/** One path of a Kong route. Kong itself knows prefixes and regular expressions; the others are what Ingress makes of them. */
export type KongPath = { readonly field: FieldPath } & (
  | { readonly kind: "prefix"; readonly value: string }
  /** Kong's pair of the prefix `/value/` and the expression `/value$`. */
  | { readonly kind: "segments"; readonly value: string }
  /** Kong's expression `/value$`. */
  | { readonly kind: "exact"; readonly value: string }
  | { readonly kind: "regex"; readonly pattern: string; readonly full: boolean }
);

/** Any of the values must be in the header; `~*` in front makes one a regular expression without regard to case. */
export interface HeaderCriterion {
  readonly name: string;
  readonly values: readonly string[];
}

/** What Ingress annotations and KongIngress say of a route. */
export interface RouteSettings {
  readonly stripPath: boolean;
  readonly preserveHost: boolean;
  readonly pathHandling: "v0" | "v1";
  readonly regexPriority: number;
  /** Empty: any. Capital letters. */
  readonly methods: readonly string[];
  readonly headers: readonly HeaderCriterion[];
  readonly snis: readonly string[];
  /** Empty: http and https. */
  readonly protocols: readonly string[];
  readonly httpsRedirect: 426 | 301 | 302 | 307 | 308;
  /** The whole path that the application gets. */
  readonly rewrite?: RewriteTemplate;
}

/** A Kubernetes Service and one of its ports, as a route names it. */
export interface ServiceReference {
  /** Kong's name of the service: `namespace.service.port`. */
  readonly name: string;
  readonly namespace: string;
  readonly service: string;
  /** Absent: the Service's only port. */
  readonly port?: number | string;
}

/** A route as Kong has it: all paths of one Ingress that lead from one host to one Service port. */
export interface KongRoute {
  /** `namespace.ingress.service.host.port` */
  readonly name: string;
  /** Exact, `*.suffix` or `prefix.*`, lower case; empty: any host. */
  readonly hosts: readonly string[];
  readonly paths: readonly KongPath[];
  readonly settings: RouteSettings;
  readonly service: ServiceReference;
  readonly plugins: readonly PluginUse[];
  /** RFC 3339; absent in most files. */
  readonly created?: string;
  /** Who is older where `created` does not tell: `namespace/name` of the object. */
  readonly key: string;
  readonly origin: Origin;
  /** Other objects that shaped it, e.g. a KongIngress. */
  readonly origins: readonly Origin[];
}

/** Names of Kong's entities, as users' dashboards know them. */
export function kongServiceName(
  namespace: string,
  service: string,
  port: number | string | undefined,
): string {
  return `${namespace}.${service}.${port ?? "implicitPort"}`;
}

export function kongRouteName(
  namespace: string,
  ingress: string,
  service: string,
  host: string,
  port: number | string | undefined,
): string {
  return `${namespace}.${ingress}.${service}.${host.replaceAll("*", "_")}.${port ?? "implicitPort"}`;
}
