import type { PathMatch, PathRewrite } from "#model/route.ts";

/** One Envoy route's share of a model route: what it matches and how it changes the path. */
export interface PathVariant {
  readonly path: PathMatch;
  readonly rewrite?:
    | { readonly kind: "prefix"; readonly value: string }
    | { readonly kind: "regex"; readonly pattern: string; readonly substitution: string };
}

/**
 * Envoy replaces a prefix as plain text, users expect whole segments joined by exactly one slash (Kong's strip-path and
 * App Mesh's prefix rewrite both do). So a model route becomes up to three Envoy routes, the more specific ones first.
 */
export function pathVariants(path: PathMatch, rewrite: PathRewrite | undefined): readonly PathVariant[] {
  if (rewrite === undefined) return [{ path }];
  switch (rewrite.kind) {
    case "regex":
      return [
        { path, rewrite: { kind: "regex", pattern: rewrite.pattern, substitution: rewrite.substitution } },
      ];
    case "replace-all":
      return [{ path, rewrite: { kind: "regex", pattern: "^.*$", substitution: literal(rewrite.path) } }];
    case "replace-matched":
      return replaceMatched(path, rewrite.prefix);
  }
}

function replaceMatched(path: PathMatch, prefix: string): readonly PathVariant[] {
  const withSlash = prefix.endsWith("/") ? prefix : `${prefix}/`;
  const whole = prefix === "" ? "/" : prefix;
  const to = (value: string) => ({ kind: "prefix", value }) as const;
  switch (path.kind) {
    case "exact":
      return [{ path, rewrite: to(whole) }];
    case "segments":
      if (path.value === "/") return withSlash === "/" ? [{ path }] : [{ path, rewrite: to(withSlash) }];
      return [
        { path: { kind: "prefix", value: `${path.value}/` }, rewrite: to(withSlash) },
        { path: { kind: "exact", value: path.value }, rewrite: to(whole) },
      ];
    case "prefix": {
      if (path.value === "/" && withSlash === "/") return [{ path }];
      if (path.value.endsWith("/")) return [{ path, rewrite: to(withSlash) }];
      const variants: PathVariant[] = [
        { path: { kind: "prefix", value: `${path.value}/` }, rewrite: to(withSlash) },
        { path, rewrite: to(withSlash) },
      ];
      if (whole !== withSlash) {
        variants.splice(1, 0, { path: { kind: "exact", value: path.value }, rewrite: to(whole) });
      }
      return variants;
    }
    case "regex": {
      const rest = `\\${captureGroups(path.pattern) + 1}`;
      const pattern = path.full ? `^(?:${path.pattern})$` : `^(?:${path.pattern})/?(.*)$`;
      const substitution = path.full ? literal(whole) : `${literal(withSlash)}${rest}`;
      return [{ path, rewrite: { kind: "regex", pattern, substitution } }];
    }
  }
}

/** Text for a substitution, where a backslash starts a reference. */
function literal(text: string): string {
  return text.replaceAll("\\", "\\\\");
}

/** Number of capturing groups of an RE2 pattern. */
export function captureGroups(pattern: string): number {
  let count = 0;
  let inClass = false;
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at];
    if (char === "\\") at++;
    else if (inClass) inClass = char !== "]";
    else if (char === "[") {
      inClass = true;
      // A closing bracket in first place is an ordinary member.
      if (pattern[at + 1] === "^") at++;
      if (pattern[at + 1] === "]") at++;
    } else if (char === "(" && (pattern[at + 1] !== "?" || /^\?P?<[^=!]/.test(pattern.slice(at + 1))))
      count++;
  }
  return count;
}
