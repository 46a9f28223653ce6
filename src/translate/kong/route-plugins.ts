import type { Reader, Table } from "#incremental/graph.ts";
import type { Policy } from "#model/policy.ts";
import type { SharedStore } from "#model/shared-store.ts";
import { phases } from "#plugins/plugin.ts";
import { type Origin, refKey } from "#problems/object-ref.ts";
import { finding } from "./finding.ts";
import type { PluginConfig, PluginConfigs } from "./plugin-configs.ts";
import type { PluginUse } from "./plugin-references.ts";
import { findPlugin } from "./validate-kong-plugin.ts";

/** The plugins of one route, in the order in which they run. */
export interface RoutePlugins {
  readonly policies: readonly Policy[];
  /** A plugin that may be what protects the route is missing or broken: it must not stand open. */
  readonly closed: boolean;
  readonly origins: readonly Origin[];
  /** The stores that they count in. */
  readonly stores: readonly SharedStore[];
}

/** Where plugins are attached, the most specific place first. */
export interface PluginPlaces {
  readonly route: { readonly name: string; readonly uses: readonly PluginUse[] };
  readonly service: { readonly name: string; readonly uses: readonly PluginUse[] };
}

interface Attached {
  readonly instance: string;
  readonly origin: Origin;
  readonly config: PluginConfig;
}

/**
 * Of each plugin exactly one instance runs, the most specific one: that of the route, else of the service, else the
 * global one. Its whole configuration counts; nothing is merged. A disabled one makes room for a less specific one.
 */
export function routePlugins(places: PluginPlaces, configs: PluginConfigs, read: Reader): RoutePlugins {
  const chosen = new Map<string, Attached>();
  let closed = false;
  const attach = (instance: string, uses: readonly PluginUse[]) => {
    const level = new Map<string, Attached>();
    for (const use of uses) {
      const config = use.object && configs.find(read, use.object);
      if (config === undefined) closed = true;
      else if (config.state !== "disabled" && !level.has(config.plugin)) {
        level.set(config.plugin, { instance, origin: use.origin, config });
      }
    }
    for (const [name, attached] of level) if (!chosen.has(name)) chosen.set(name, attached);
  };
  attach(`route:${places.route.name}`, places.route.uses);
  attach(`service:${places.service.name}`, places.service.uses);
  for (const [plugin, config] of globalConfigs(configs.globals, read)) {
    // No route names it, so a global one that cannot be applied shuts none: that would shut them all.
    if (config.state === "ready" && !chosen.has(plugin)) {
      chosen.set(plugin, { instance: "global", origin: config.origin, config });
    }
  }

  const policies: { readonly phase: number; readonly policy: Policy }[] = [];
  const origins: Origin[] = [];
  const stores: SharedStore[] = [];
  for (const attached of chosen.values()) {
    const { config, instance, origin } = attached;
    if (config.state === "closed") closed = true;
    const plugin = config.state === "ready" ? findPlugin(config.plugin) : undefined;
    if (plugin === undefined || config.config === undefined) continue;
    const context = {
      instance,
      service: places.service.name,
      object: refKey(config.ref),
      // What is wrong with the configuration itself is reported once, where the object is read.
      report: () => {},
    };
    const value = plugin.parse(config.config, context);
    if (value === undefined) continue;
    policies.push({
      phase: phases.indexOf(plugin.phase),
      policy: { slot: plugin.slot, value, instance, origin: config.origin },
    });
    stores.push(...(plugin.stores?.(config.config, context) ?? []));
    origins.push(config.origin);
    if (origin !== config.origin) origins.push(origin);
  }
  policies.sort((a, b) => a.phase - b.phase);
  return { policies: policies.map(({ policy }) => policy), closed, origins, stores };
}

function globalConfigs(
  globals: Table<PluginConfig>,
  read: Reader,
): readonly (readonly [string, PluginConfig])[] {
  return read.keys(globals).flatMap((plugin) => {
    const config = read.get(globals, plugin);
    return config === undefined ? [] : [[plugin, config] as const];
  });
}

/** Reports plugins that one object names twice: Kong takes one instance of a plugin in one place. */
export function reportTwice(uses: readonly PluginUse[], read: Reader): void {
  const seen = new Map<string, PluginUse>();
  for (const use of uses) {
    if (use.plugin === undefined || use.object === undefined) continue;
    const first = seen.get(use.plugin);
    if (first?.object === undefined) {
      seen.set(use.plugin, use);
      continue;
    }
    const names = `${first.object.name} and ${use.object.name}`;
    read.report(
      finding(
        "plugin-conflict",
        use.origin.object,
        use.origin.field,
        `${names} are both ${use.plugin}; only ${first.object.name} is applied`,
        { related: [first.object, use.object], fix: "Name one of them." },
      ),
    );
  }
}
