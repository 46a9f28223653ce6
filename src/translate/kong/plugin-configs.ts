import type { Graph, Reader, Table } from "#incremental/graph.ts";
import { otherPlugins } from "#plugins/other-plugins.ts";
import { formatRef, type ObjectRef, type Origin } from "#problems/object-ref.ts";
import type { ProblemSink } from "#problems/problem.ts";
import { objectKey, refOf } from "#resources/kind.ts";
import { type KongClusterPlugin, kongClusterPluginKind } from "#resources/kong-cluster-plugin.ts";
import { type KongPlugin, kongPluginKind } from "#resources/kong-plugin.ts";
import { pluginSecrets } from "#resources/kong-types.ts";
import type { Objects } from "#resources/object-store.ts";
import { secretKind, secretText } from "#resources/secret.ts";
import type { ClassMatch } from "./class-match.ts";
import { finding } from "./finding.ts";
import { configWithSecrets, type SecretKey } from "./secret-config.ts";
import { configReport, findPlugin, readConfig, unservedPlugin } from "./validate-kong-plugin.ts";

/** A KongPlugin or KongClusterPlugin, ready to be used on routes. */
export interface PluginConfig {
  readonly ref: ObjectRef;
  readonly plugin: string;
  /**
   * `disabled`: a less specific one of the same plugin applies. `without`: the route is served without it. `closed`: a
   * route that needs it must not stand open.
   */
  readonly state: "ready" | "disabled" | "without" | "closed";
  /** What the plugin's schema made of it; of a ready one. */
  readonly config?: Record<string, unknown>;
  readonly origin: Origin;
}

export interface PluginConfigs {
  /** By the reference of the object. */
  find(read: Reader, ref: ObjectRef): PluginConfig | undefined;
  /** Plugins for every route; keyed by plugin name. */
  readonly globals: Table<PluginConfig>;
}

export function pluginConfigs(graph: Graph, objects: Objects, classes: ClassMatch): PluginConfigs {
  const secrets = objects.table(secretKind);
  const toConfig = (_: string, object: KongPlugin | KongClusterPlugin, read: Reader) =>
    readPluginObject(
      object,
      (from) => {
        const secret = read.get(secrets, objectKey(from.namespace, from.name));
        return secret && secretText(secret, from.key);
      },
      read.report,
    );
  const local = graph.derive("kong/plugins", objects.table(kongPluginKind), toConfig);
  const cluster = graph.derive("kong/cluster plugins", objects.table(kongClusterPluginKind), toConfig);

  const globalObjects = graph.derive(
    "kong/global plugins",
    objects.table(kongClusterPluginKind),
    (_, object, read) =>
      object.metadata.labels.global === "true" && classes.matches(object, undefined, read)
        ? { plugin: object.plugin, name: object.metadata.name }
        : undefined,
  );
  const byPlugin = graph.index("kong/global plugins by plugin", globalObjects, (_, { plugin, name }) => [
    [plugin, name] as const,
  ]);
  const globals = graph.derive("kong/effective global plugins", byPlugin, (plugin, names, read) => {
    const [name, ...others] = names;
    if (name === undefined) return undefined;
    if (others.length > 0) {
      reportCancelled(plugin, names, read);
      return undefined;
    }
    return read.get(cluster, objectKey("", name));
  });

  return {
    find: (read, ref) =>
      read.get(ref.kind === kongPluginKind.kind ? local : cluster, objectKey(ref.namespace, ref.name)),
    globals,
  };
}

function readPluginObject(
  object: KongPlugin | KongClusterPlugin,
  secretText: (from: SecretKey) => string | undefined,
  report: ProblemSink,
): PluginConfig {
  const ref = refOf(object);
  const found = (state: PluginConfig["state"], config?: Record<string, unknown>): PluginConfig => ({
    ref,
    plugin: object.plugin,
    state,
    ...(config === undefined ? {} : { config }),
    origin: { object: ref, field: ["plugin"] },
  });
  // As in Kong, one for other protocols only is as good as none for requests.
  const forRequests = object.protocols?.some((protocol) => /^(https?|grpcs?|wss?)$/.test(protocol)) ?? true;
  if (object.disabled === true || !forRequests) return found("disabled");
  reportUnserved(object, report);
  const plugin = findPlugin(object.plugin);
  if (plugin === undefined) {
    report(unservedPlugin(ref, object.plugin));
    return found(otherPlugins.get(object.plugin)?.protects === false ? "without" : "closed");
  }
  const broken = plugin.protects ? "closed" : "without";
  const full = configWithSecrets(object, {
    text: secretText,
    report: (code, field, message) => report(finding(code, ref, field, message)),
  });
  if (full === "broken") return found(broken);
  const fromSecret = object.configFrom !== undefined || object.configPatches !== undefined;
  const show = fromSecret ? "hide values" : "show values";
  const config = readConfig(plugin, full.config, configReport(ref, report), show);
  return config === undefined ? found(broken) : found("ready", config);
}

/** Fields that Kong has and that change nothing here, or that hold a secret in the open. */
function reportUnserved(object: KongPlugin | KongClusterPlugin, report: ProblemSink): void {
  if (object.ordering !== undefined) {
    report(
      finding("not-supported", refOf(object), ["ordering"], "the order of plugins cannot be changed", {
        fix: "Remove it; plugins run in Kong's own order.",
      }),
    );
  }
  for (const path of pluginSecrets) {
    if (!holdsText(object, path)) continue;
    report(
      finding("secret-in-clear", refOf(object), path, "the value is a secret and stands in the object", {
        fix: "Keep it in a Secret and name that in configFrom or configPatches.",
      }),
    );
  }
}

function holdsText(object: unknown, path: readonly string[]): boolean {
  let value = object;
  for (const part of path) {
    if (typeof value !== "object" || value === null) return false;
    value = (value as Record<string, unknown>)[part];
  }
  return typeof value === "string" && value !== "";
}

function reportCancelled(plugin: string, names: readonly string[], read: Reader): void {
  const refs = names.map((name) => ({ kind: kongClusterPluginKind.kind, namespace: "", name }));
  for (const ref of refs) {
    const related = refs.filter((other) => other !== ref);
    const others = related.map(formatRef).join(" and ");
    read.report(
      finding(
        "plugin-conflict",
        ref,
        ["metadata", "labels", "global"],
        `${plugin} is global here and in ${others}: neither is applied`,
        {
          related,
          fix: 'Leave the label global: "true" on one of them.',
        },
      ),
    );
  }
}
