import type { Graph, Reader, Table } from "#incremental/graph.ts";
import { formatRef, type ObjectRef, type Origin } from "#problems/object-ref.ts";
import { type KubernetesObject, refOf } from "#resources/kind.ts";
import { kongClusterPluginKind } from "#resources/kong-cluster-plugin.ts";
import { kongPluginKind } from "#resources/kong-plugin.ts";
import type { Objects } from "#resources/object-store.ts";
import { type ReferenceGrant, referenceGrantKind } from "#resources/reference-grant.ts";
import { type Annotations, splitList } from "./annotations.ts";
import { finding } from "./finding.ts";
import type { PluginConfigs } from "./plugin-configs.ts";

/** One plugin that an object names. */
export interface PluginUse {
  /** The plugin's object; undefined when there is none that may be used. */
  readonly object?: ObjectRef;
  /** The plugin's name, e.g. `key-auth`, of an existing object. */
  readonly plugin?: string;
  readonly origin: Origin;
}

export interface PluginReferences {
  /** The plugins that the object's annotation names, in its order; missing ones are reported. */
  resolve(object: KubernetesObject, annotations: Annotations, read: Reader): readonly PluginUse[];
}

export function pluginReferences(graph: Graph, objects: Objects, configs: PluginConfigs): PluginReferences {
  const grants = graph.index("kong/reference grants", objects.table(referenceGrantKind), (_, grant) => [
    [grant.metadata.namespace, grant.spec] as const,
  ]);
  return {
    resolve: (object, annotations, read) =>
      namedPlugins(object, annotations).map((named) => resolveOne(object, named, configs, grants, read)),
  };
}

interface NamedPlugin {
  readonly namespace: string;
  readonly name: string;
  readonly origin: Origin;
}

/** `konghq.com/plugins`, and `<plugin>.plugin.konghq.com` of Kong's controller up to 0.4. */
function namedPlugins(object: KubernetesObject, annotations: Annotations): readonly NamedPlugin[] {
  const ref = refOf(object);
  const named: NamedPlugin[] = [];
  const add = (text: string, field: readonly string[]) => {
    for (const item of splitList(text)) {
      const at = item.indexOf(":");
      named.push({
        namespace: at < 0 ? ref.namespace : item.slice(0, at),
        name: item.slice(at + 1),
        origin: { object: ref, field },
      });
    }
  };
  const annotation = annotations.find("plugins");
  if (annotation !== undefined) add(annotation.value, annotation.field.map(String));
  for (const [key, value] of Object.entries(object.metadata.annotations)) {
    if (key.endsWith(".plugin.konghq.com")) add(value, ["metadata", "annotations", key]);
  }
  return named;
}

function resolveOne(
  object: KubernetesObject,
  { namespace, name, origin }: NamedPlugin,
  configs: PluginConfigs,
  grants: Table<readonly ReferenceGrant["spec"][]>,
  read: Reader,
): PluginUse {
  const ref = refOf(object);
  const local = { kind: kongPluginKind.kind, namespace, name };
  if (namespace !== ref.namespace && !isPermitted(object, name, read.get(grants, namespace) ?? [])) {
    read.report(
      finding(
        "reference-not-permitted",
        ref,
        origin.field,
        `${formatRef(local)} may not be used from the namespace ${ref.namespace}; requests that need it get 503`,
        { related: [local], fix: `Add a ReferenceGrant in the namespace ${namespace}.` },
      ),
    );
    return { origin };
  }
  for (const candidate of [local, { kind: kongClusterPluginKind.kind, namespace: "", name }]) {
    const config = configs.find(read, candidate);
    if (config !== undefined) return { object: candidate, plugin: config.plugin, origin };
  }
  read.report(
    finding(
      "reference-missing",
      ref,
      origin.field,
      `there is no usable ${formatRef(local)}; requests that need it get 503, because it may be what protects the route`,
      { related: [local], fix: "Create or correct it, or take its name out of the annotation." },
    ),
  );
  return { origin };
}

function isPermitted(
  object: KubernetesObject,
  name: string,
  grants: readonly ReferenceGrant["spec"][],
): boolean {
  const slash = object.apiVersion.indexOf("/");
  const group = slash < 0 ? "" : object.apiVersion.slice(0, slash);
  return grants.some(
    ({ from, to }) =>
      from.some(
        (one) =>
          one.kind === object.kind &&
          one.namespace === object.metadata.namespace &&
          sameGroup(one.group, group),
      ) &&
      to.some(
        (one) =>
          one.group === "configuration.konghq.com" &&
          one.kind === kongPluginKind.kind &&
          (one.name === undefined || one.name === name),
      ),
  );
}

/** An Ingress of the old group is the same kind of object. */
function sameGroup(granted: string, group: string): boolean {
  return granted === group || (group === "extensions" && granted === "networking.k8s.io");
}
