import { re2Problem } from "#model/re2.ts";
import type { FieldPath } from "#problems/object-ref.ts";
import type { Ingress, IngressPath } from "#resources/ingress.ts";
import type { KongPath } from "../kong/kong-route.ts";

/** How the paths of one Ingress are read. */
export interface PathReading {
  /** What stands before a regular expression; Kong's controller: `/~`. */
  readonly regexPrefix: string;
  /** Takes a path with other characters than those of plain paths for a regular expression, as Kong before 3.0 did. */
  readonly detectRegex: boolean;
}

/** How an Ingress's paths are read; `legacy`: its class says to recognise expressions by their characters. */
export function pathReading(ingress: Ingress, legacy: boolean): PathReading {
  // Objects of the older versions come from the time of Kong 2, which did so.
  const older = ingress.apiVersion !== "networking.k8s.io/v1";
  return {
    regexPrefix: ingress.metadata.annotations["konghq.com/regex-prefix"] ?? "/~",
    detectRegex: older || legacy,
  };
}

const plainPath = /^[a-zA-Z0-9.\-_~/%]*$/;
/** Characters that mean something in a regular expression. A dot means any character, in Kong's paths too. */
const special = /[\\^$.*+?()[\]{}|]/;

/**
 * The Kong paths of one Ingress path. Kong's controller makes expressions of Exact and Prefix paths without quoting
 * them, so a dot in such a path stands for any character here as well.
 */
export function kongPaths(path: IngressPath, field: FieldPath, reading: PathReading): readonly KongPath[] {
  const text = (path.path ?? "").replace(/\/{2,}/g, "/") || "/";
  switch (path.pathType ?? "ImplementationSpecific") {
    case "Prefix": {
      const base = text.replace(/^\/+|\/+$/g, "");
      if (base === "") return [{ kind: "prefix", value: "/", field }];
      const first = readPath(`/${base}/`, field, reading);
      // A number sign is in no request's path, but Envoy takes none in whole segments either.
      return first.kind === "prefix" && !special.test(base) && !base.includes("#")
        ? [{ kind: "segments", value: `/${base}`, field }]
        : [first, { kind: "regex", pattern: `/${base}`, full: true, field }];
    }
    case "Exact": {
      const value = `/${text.replace(/^\/+/, "")}`;
      return special.test(value)
        ? [{ kind: "regex", pattern: value, full: true, field }]
        : [{ kind: "exact", value, field }];
    }
    case "ImplementationSpecific":
      return [readPath(text, field, reading)];
  }
}

function readPath(text: string, field: FieldPath, reading: PathReading): KongPath {
  if (reading.regexPrefix !== "" && text.startsWith(reading.regexPrefix)) {
    return regexPath(text.slice(reading.regexPrefix.length), field);
  }
  return reading.detectRegex && !plainPath.test(text)
    ? regexPath(text, field)
    : { kind: "prefix", value: text, field };
}

/** An expression anchored at the start. A `$` that ends the whole of it is said apart, which is cheaper to match. */
function regexPath(pattern: string, field: FieldPath): KongPath {
  const bare = pattern.startsWith("^") ? pattern.slice(1) : pattern;
  const anchored = /^(?:[^\\]|\\.)+\$$/s.test(bare) && !hasTopLevelAlternative(bare);
  return { kind: "regex", pattern: anchored ? bare.slice(0, -1) : bare, full: anchored, field };
}

function hasTopLevelAlternative(pattern: string): boolean {
  let depth = 0;
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at];
    if (char === "\\") at++;
    else if (char === "(") depth++;
    else if (char === ")") depth--;
    else if (char === "|" && depth === 0) return true;
  }
  return false;
}

/** What Envoy cannot hold of a path's expression; undefined when nothing speaks against it. */
export function regexFault(path: KongPath): string | undefined {
  return path.kind === "regex" ? re2Problem(path.pattern) : undefined;
}
