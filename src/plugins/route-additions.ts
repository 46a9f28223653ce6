import { createHash } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { programMetadata } from "#envoy/module/encode-program.ts";
import { enableModule, moduleFilterName } from "#envoy/module/module-filter.ts";
import type { RouteAdditions } from "#envoy/route.ts";
import type { Policy } from "#model/policy.ts";
import type { Step } from "#model/program.ts";
import type { HeaderOperation, PathRewrite, Route } from "#model/route.ts";
import { type Plugin, phases, type RoutePatch } from "./plugin.ts";

/** Applies a route's policies in the order of phases; a policy without a plugin is a defect of ours. */
export function routeAdditions(plugins: readonly Plugin[]): (route: Route) => RouteAdditions {
  const bySlot = new Map(plugins.map((plugin) => [plugin.slot.name, plugin]));
  return (route) => {
    if (route.policies.length === 0) return none;
    const steps: Step[] = [];
    const filters = new Map<string, Any>();
    const requestHeaders: HeaderOperation[] = [];
    const responseHeaders: HeaderOperation[] = [];
    let path: PathRewrite | undefined;
    const patch: RoutePatch = {
      path: (rewrite) => {
        path = rewrite;
      },
      step: (step) => steps.push(step),
      filter: (name, config) => filters.set(name, create(AnySchema, config)),
      requestHeaders: (...operations) => requestHeaders.push(...operations),
      responseHeaders: (...operations) => responseHeaders.push(...operations),
    };
    for (const { plugin, policy } of inPhaseOrder(route.policies, bySlot)) plugin.patch(policy.value, patch);
    const native = { filters, requestHeaders, responseHeaders, ...(path === undefined ? {} : { path }) };
    if (steps.length === 0) return native;
    const mark = steps.some((step) => movesRequest(step, route)) ? { mark: markOf(route) } : {};
    filters.set(moduleFilterName, enableModule());
    return { ...native, ...mark, metadata: programMetadata({ steps, ...mark }) };
  };
}

/** True when a step changes what routes are chosen by. */
function movesRequest(step: Step, { match }: Route): boolean {
  if (step.step === "transform-request") return true;
  // A hidden credential may be the very header or argument that the route asks for.
  const asksFor = [...(match.headers ?? []), ...(match.query ?? [])].length > 0;
  return "hideCredentials" in step && step.hideCredentials && asksFor;
}

/** Tells a route from the others of its host. */
function markOf(route: Route): string {
  const match = JSON.stringify(route.match);
  return createHash("sha256").update(`${route.name}\n${match}`).digest("base64url").slice(0, 16);
}

const none: RouteAdditions = { filters: new Map(), requestHeaders: [], responseHeaders: [] };

function inPhaseOrder(policies: readonly Policy[], bySlot: ReadonlyMap<string, Plugin>) {
  return policies
    .map((policy) => {
      const plugin = bySlot.get(policy.slot.name);
      if (plugin === undefined) throw new Error(`no plugin owns the slot ${policy.slot.name}`);
      return { plugin, policy };
    })
    .sort((a, b) => phases.indexOf(a.plugin.phase) - phases.indexOf(b.plugin.phase));
}
