import { otherPlugins } from "#plugins/other-plugins.ts";
import { parseConfig, type ReportField } from "#plugins/parse-config.ts";
import type { Plugin } from "#plugins/plugin.ts";
import { plugins } from "#plugins/registry.ts";
import type { ObjectRef } from "#problems/object-ref.ts";
import type { Problem } from "#problems/problem.ts";
import { type KubernetesObject, refOf } from "#resources/kind.ts";
import { type KongClusterPlugin, kongClusterPluginKind } from "#resources/kong-cluster-plugin.ts";
import { type KongPlugin, kongPluginKind } from "#resources/kong-plugin.ts";
import { suggest } from "#resources/suggest.ts";
import { finding } from "./finding.ts";

const byName: ReadonlyMap<string, Plugin> = new Map(plugins.map((plugin) => [plugin.name, plugin]));

/** The plugin of this name that Diolkos serves. */
export function findPlugin(name: string): Plugin | undefined {
  return byName.get(name);
}

/**
 * What makes a version of a KongPlugin or KongClusterPlugin worse than an earlier one: an unknown plugin, or a broken
 * configuration of one that protects. Other faults leave the object in use and are reported when it is translated. Any
 * other kind has none.
 */
export function validateKongPlugin(object: KubernetesObject): readonly Problem[] {
  if (!isPluginObject(object) || object.disabled === true) return [];
  const plugin = findPlugin(object.plugin);
  if (plugin === undefined) {
    const other = otherPlugins.get(object.plugin);
    return other?.protects === false ? [] : [unservedPlugin(refOf(object), object.plugin)];
  }
  // What a Secret says is known to the translation alone.
  if (!plugin.protects || object.configFrom !== undefined || object.configPatches !== undefined) return [];
  const problems: Problem[] = [];
  readConfig(
    plugin,
    object.config,
    configReport(refOf(object), (found) => problems.push(found)),
  );
  return problems;
}

/** Says that a plugin is not served and what to do instead. */
export function unservedPlugin(object: ObjectRef, name: string): Problem {
  const other = otherPlugins.get(name);
  if (other !== undefined) {
    return finding("not-supported", object, ["plugin"], `the plugin ${name} is not supported`, {
      fix: other.instead,
    });
  }
  const meant = suggest(name, [...byName.keys(), ...otherPlugins.keys()]);
  return finding("unknown-plugin", object, ["plugin"], `there is no plugin ${JSON.stringify(name)}`, {
    fix:
      meant === undefined
        ? "Remove it, or move what it does into the application: plugins of one's own do not run here."
        : `Did you mean ${meant}?`,
  });
}

/** Reads a configuration and everything that the plugin makes of it; undefined when it is broken. */
export function readConfig(
  plugin: Plugin,
  config: unknown,
  report: ReportField,
  show: "show values" | "hide values" = "show values",
): Record<string, unknown> | undefined {
  const parsed = parseConfig(plugin, config, report, show);
  if (parsed === undefined) return undefined;
  const context = { instance: "", service: "", object: "", report };
  return plugin.parse(parsed, context) === undefined ? undefined : parsed;
}

/** Puts a plugin's findings at its object's `config`. */
export function configReport(object: ObjectRef, report: (problem: Problem) => void): ReportField {
  return (field, message, fix) =>
    report(finding("plugin-config", object, ["config", ...field], message, fix === undefined ? {} : { fix }));
}

function isPluginObject(object: KubernetesObject): object is KongPlugin | KongClusterPlugin {
  return object.kind === kongPluginKind.kind || object.kind === kongClusterPluginKind.kind;
}
