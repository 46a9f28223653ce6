import { stringify } from "yaml";
import { z } from "zod";
import { otherPlugins } from "#plugins/other-plugins.ts";
import { type Plugin, phases } from "#plugins/plugin.ts";
import { plugins } from "#plugins/registry.ts";
import type { Kind, KubernetesObject } from "#resources/kind.ts";
import { kinds } from "#resources/registry.ts";

/** The part of JSON Schema that the plugins' schemas make. */
interface JsonSchema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly JsonSchema[];
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly additionalProperties?: boolean | JsonSchema;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
}

const made = "<!-- Made from src/ by docs/generated.test.ts; UPDATE_DOCS=1 rewrites it. -->";

/** Text of docs/plugins.md: one section for each plugin of the registry. */
export function pluginsPage(): string {
  const inOrder = [...plugins].sort((a, b) => phases.indexOf(a.phase) - phases.indexOf(b.phase));
  const sections = [
    made,
    "# Plugins",
    "Kong's plugins that Diolkos serves, with Kong's names, fields and defaults, in the order in which they run. A KongPlugin of another name is refused with the problem [unknown-plugin](problems.md#unknown-plugin). An unknown field is an error, as in Kong.",
    ["| Plugin | What you get |", "|---|---|", ...inOrder.map(overviewRow)].join("\n"),
    ...inOrder.map(pluginSection),
    "## Plugins that are not served",
    "A KongPlugin of one of these is refused with the problem [not-supported](problems.md#not-supported). A plugin that keeps requests out is never left out in silence: its routes answer 503.",
    otherPluginsTable(),
  ];
  return `${sections.join("\n\n")}\n`;
}

/** Table of the kinds whose first apiVersion is of this group. */
export function kindsTable(isIncluded: (kind: Kind<KubernetesObject>) => boolean): string {
  const rows = kinds
    .filter(isIncluded)
    .map(
      ({ kind, apiVersions, docs }) =>
        `| ${kind} | ${apiVersions.map((one) => `\`${one}\``).join(", ")} | ${docs} |`,
    );
  return ["| Kind | apiVersion | What it is |", "|---|---|---|", ...rows].join("\n");
}

function overviewRow({ name, docs }: Plugin): string {
  return `| [${name}](#${name}) | ${docs.summary} |`;
}

function otherPluginsTable(): string {
  const rows = [...otherPlugins].map(
    ([name, { protects, instead }]) =>
      `| ${name} | ${protects ? "answer 503" : "are served without it"} | ${instead} |`,
  );
  return ["| Plugin | Its routes | Instead |", "|---|---|---|", ...rows].join("\n");
}

function pluginSection(plugin: Plugin): string {
  const { name, docs } = plugin;
  const schema = z.toJSONSchema(plugin.schema, { io: "input" }) as JsonSchema;
  return [
    `## ${name}`,
    docs.summary,
    ...(plugin.protects ? ["While its configuration is invalid, its routes answer 503."] : []),
    ["| Field | Type | Default |", "|---|---|---|", ...fieldRows(schema, "")].join("\n"),
    ...docs.examples.flatMap(({ title, config }, at) => [`${title}:`, exampleManifest(name, config, at)]),
    ...(docs.differences.length === 0
      ? ["No known difference from Kong 3.9."]
      : ["Differences from Kong 3.9:", docs.differences.map((one) => `- ${one}`).join("\n")]),
  ].join("\n\n");
}

function fieldRows(schema: JsonSchema, parent: string): readonly string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, field]) => {
    const name = `${parent}${key}`;
    if (field.properties !== undefined) return fieldRows(field, `${name}.`);
    const fallback = field.default === undefined ? "–" : `\`${JSON.stringify(field.default)}\``;
    return [`| \`${name}\` | ${typeText(field)} | ${fallback} |`];
  });
}

function typeText(schema: JsonSchema): string {
  if (schema.enum !== undefined) return schema.enum.map((one) => `\`${one}\``).join(", ");
  if (schema.const !== undefined) return `\`${schema.const}\``;
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeText).join(" or ");
  if (schema.type === "array")
    return `list of ${schema.items === undefined ? "anything" : typeText(schema.items)}`;
  return `${schema.type ?? "anything"}${rangeText(schema)}`;
}

function rangeText({ minimum, maximum, exclusiveMinimum }: JsonSchema): string {
  // Zod gives every integer the bounds of a double's exact range.
  const low = minimum === undefined || minimum <= Number.MIN_SAFE_INTEGER ? undefined : minimum;
  const high = maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER ? undefined : maximum;
  if (exclusiveMinimum !== undefined) return ` above ${exclusiveMinimum}`;
  if (low !== undefined && high !== undefined) return `, ${low} to ${high}`;
  if (low !== undefined) return `, at least ${low}`;
  return high === undefined ? "" : `, at most ${high}`;
}

function exampleManifest(plugin: string, config: unknown, at: number): string {
  const manifest = {
    apiVersion: "configuration.konghq.com/v1",
    kind: "KongPlugin",
    metadata: { name: `${plugin}-${at + 1}`, namespace: "default" },
    plugin,
    ...(isEmpty(config) ? {} : { config }),
  };
  return `\`\`\`yaml\n${stringify(manifest, { lineWidth: 0 })}\`\`\``;
}

function isEmpty(config: unknown): boolean {
  return typeof config === "object" && config !== null && Object.keys(config).length === 0;
}
