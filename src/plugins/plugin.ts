import type { z } from "zod";
import type { Slot } from "#model/policy.ts";
import type { Step } from "#model/program.ts";
import type { HeaderOperation, PathRewrite } from "#model/route.ts";
import type { SharedStore } from "#model/shared-store.ts";
import type { FieldPath } from "#problems/object-ref.ts";

/**
 * When a plugin runs: Kong's execution order (highest priority first), the same for requests and responses.
 * Source: `shared/spec/kong.md` 4.1, from the priorities of Kong 3.9.
 */
export const phases = [
  "correlation-id",
  "bot-detection",
  "cors",
  "jwt",
  "key-auth",
  "ldap-auth",
  "basic-auth",
  "hmac-auth",
  "ip-restriction",
  "request-size-limiting",
  "acl",
  "rate-limiting",
  "response-ratelimiting",
  "request-transformer",
  "response-transformer",
  "redirect",
  "proxy-cache",
  "log",
  "request-termination",
] as const;

export type Phase = (typeof phases)[number];

/** What a plugin may change of the Envoy route it is on. */
export interface RoutePatch {
  /** Adds a step to the route's program, which the module inside Envoy runs in the order of phases. */
  step(step: Step): void;
  /** Switches an Envoy HTTP filter of the fixed chain on for this route, with its configuration (a packed message). */
  filter(name: string, config: { readonly typeUrl: string; readonly value: Uint8Array }): void;
  /** Replaces the route's own change of the path. The module must not do it: Envoy would look for the route again. */
  path(rewrite: PathRewrite): void;
  requestHeaders(...operations: readonly HeaderOperation[]): void;
  responseHeaders(...operations: readonly HeaderOperation[]): void;
}

/** What `parse` knows beside the configuration. */
export interface ParseContext {
  /** The place where this instance runs, e.g. `route:prod.dj.jazz..9080`. What it names is shared: counters. */
  readonly instance: string;
  /** Name of the service behind the route. */
  readonly service: string;
  /** The object that holds the configuration, e.g. `KongPlugin/prod/rl-by-minute`; the same for all its places. */
  readonly object: string;
  /** Puts a problem at a field of the configuration (path relative to `config`). */
  report(field: FieldPath, message: string, fix?: string): void;
}

export interface PluginExample {
  readonly title: string;
  readonly config: unknown;
}

export interface PluginDocs {
  /** One or two sentences: what the user gets. */
  readonly summary: string;
  /** Each is parsed by a test and must give no problem. */
  readonly examples: readonly PluginExample[];
  /** What differs from Kong 3.9, each as one sentence; printed by `assess`. */
  readonly differences: readonly string[];
}

/** One gateway feature: schema → slot → change of the Envoy route. The registry is generated from the folder. */
export interface Plugin<Schema extends z.ZodObject = z.ZodObject, Value = unknown> {
  readonly name: string;
  readonly phase: Phase;
  readonly docs: PluginDocs;
  /** Of `config`, with Kong's defaults. */
  readonly schema: Schema;
  readonly slot: Slot<Value>;
  /** Plugins that need to know the caller refuse to be scoped by it. */
  readonly consumerScope: boolean;
  /** It keeps requests out. A route whose protection is broken answers 503 instead of standing open. */
  readonly protects: boolean;
  /** From the valid configuration to what the patch needs; undefined when a reported problem leaves nothing to apply. */
  parse(config: z.output<Schema>, context: ParseContext): Value | undefined;
  patch(value: Value, route: RoutePatch): void;
  /** The stores that the configuration names; `parse` refers to them by id and keeps their passwords out of the value. */
  stores?(config: z.output<Schema>, context: Pick<ParseContext, "object">): readonly SharedStore[];
}

/** Checks the shape at compile time; returns its argument. */
export function definePlugin<Schema extends z.ZodObject, Value>(
  plugin: Plugin<Schema, Value>,
): Plugin<Schema, Value> {
  return plugin;
}
