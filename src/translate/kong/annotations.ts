import { type FieldPath, formatRef } from "#problems/object-ref.ts";
import type { ProblemSink } from "#problems/problem.ts";
import { type KubernetesObject, refOf } from "#resources/kind.ts";
import { finding } from "./finding.ts";

export const prefix = "konghq.com/";

/** Names of before Kong's controller 1.0, by today's name. */
const olderNames: Readonly<Record<string, string>> = {
  plugins: "plugins.konghq.com",
  override: "configuration.konghq.com",
  protocols: "configuration.konghq.com/protocols",
  protocol: "configuration.konghq.com/protocol",
  "client-cert": "configuration.konghq.com/client-cert",
};

/** One annotation as it stands in the object. */
export interface Annotation {
  readonly key: string;
  readonly value: string;
  readonly field: FieldPath;
}

/**
 * Kong's annotations of one object. An invalid value is reported and reads as absent: Kong ignores it without a word.
 */
export interface Annotations {
  /** By the name after `konghq.com/`. */
  find(name: string): Annotation | undefined;
  text(name: string): string | undefined;
  boolean(name: string): boolean | undefined;
  /** A whole number from `min` to `max`. */
  integer(name: string, min: number, max: number): number | undefined;
  /** Comma-separated, trimmed, without empty items; undefined when the annotation is absent. */
  list(name: string): readonly string[] | undefined;
  /** Reports the annotation's value as invalid. */
  invalid(name: string, message: string, fix?: string): void;
}

export function kongAnnotations(object: KubernetesObject, report: ProblemSink): Annotations {
  const { annotations } = object.metadata;
  const reported = new Set<string>();
  const find = (name: string): Annotation | undefined => {
    const today = own(annotations, prefix + name);
    if (today !== undefined) return today;
    const older = olderNames[name];
    const found = older === undefined ? undefined : own(annotations, older);
    if (found !== undefined && !reported.has(name)) {
      reported.add(name);
      report(
        finding("deprecated-form", refOf(object), found.field, `${older} is read as ${prefix}${name}`, {
          fix: `Rename it to ${prefix}${name}.`,
        }),
      );
    }
    return found;
  };
  const invalid = (name: string, message: string, fix?: string) => {
    const field = find(name)?.field ?? ["metadata", "annotations", prefix + name];
    report(finding("invalid-annotation", refOf(object), field, message, fix === undefined ? {} : { fix }));
  };
  return {
    find,
    invalid,
    text: (name) => find(name)?.value,
    boolean(name) {
      const text = find(name)?.value;
      if (text === undefined || text === "") return undefined;
      const lower = text.toLowerCase();
      if (lower === "true" || lower === "false") return lower === "true";
      invalid(name, `${JSON.stringify(text)} is neither true nor false, so it has no effect`);
      return undefined;
    },
    integer(name, min, max) {
      const text = find(name)?.value;
      if (text === undefined || text === "") return undefined;
      const value = Number(text);
      if (/^[+-]?\d+$/.test(text) && Number.isSafeInteger(value) && value >= min && value <= max)
        return value;
      invalid(name, `${JSON.stringify(text)} is no whole number from ${min} to ${max}, so it has no effect`);
      return undefined;
    },
    list(name) {
      const text = find(name)?.value;
      return text === undefined ? undefined : splitList(text);
    },
  };
}

/** `ingress.kubernetes.io/<name>: "true"`, the form of two annotations that are not Kong's own. */
export function ingressFlag(object: KubernetesObject, name: string): boolean {
  return own(object.metadata.annotations, `ingress.kubernetes.io/${name}`)?.value === "true";
}

export function splitList(text: string, separator = ","): readonly string[] {
  return text
    .split(separator)
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

/** Reports a reference to an object that does not exist. */
export function referenceMissing(
  object: KubernetesObject,
  field: FieldPath,
  target: { readonly kind: string; readonly namespace: string; readonly name: string },
  consequence: string,
  fix: string,
) {
  return finding(
    "reference-missing",
    refOf(object),
    field,
    `${formatRef(target)} does not exist; ${consequence}`,
    {
      related: [target],
      fix,
    },
  );
}

function own(annotations: Readonly<Record<string, string>>, key: string): Annotation | undefined {
  const value = Object.hasOwn(annotations, key) ? annotations[key] : undefined;
  return value === undefined ? undefined : { key, value, field: ["metadata", "annotations", key] };
}
