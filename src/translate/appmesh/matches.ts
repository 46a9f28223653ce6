import type { NamedMatch, PathMatch, StringMatch } from "#model/route.ts";
import type { FieldPath } from "#problems/object-ref.ts";
import type { NamedHeaderMatch } from "#resources/app-mesh-types.ts";
import type { HttpRouteSpec } from "#resources/virtual-router.ts";
import { type Findings, given } from "./findings.ts";
import { checkRegex } from "./rules-shared.ts";

/** Headers (or gRPC metadata) that must match; those without a match must be present. */
export function translateHeaders(headers: readonly NamedHeaderMatch[] | undefined): readonly NamedMatch[] {
  return (headers ?? []).map(({ name, match, invert }) => ({
    name: name.toLowerCase(),
    match: translateHeaderMatch(match),
    ...(invert === true ? { invert } : {}),
  }));
}

function translateHeaderMatch(match: NamedHeaderMatch["match"]): StringMatch {
  if (match?.exact !== undefined) return { kind: "exact", value: match.exact };
  if (match?.prefix !== undefined) return { kind: "prefix", value: match.prefix };
  if (match?.suffix !== undefined) return { kind: "suffix", value: match.suffix };
  if (match?.regex !== undefined) return { kind: "regex", pattern: match.regex };
  if (match?.range !== undefined) return { kind: "range", start: match.range.start, end: match.range.end };
  return { kind: "present" };
}

/** Query parameters that must match exactly, or be present. */
export function translateQuery(parameters: HttpRouteSpec["match"]["queryParameters"]): readonly NamedMatch[] {
  return (parameters ?? []).map(({ name, match }) => ({
    name,
    match: match?.exact === undefined ? { kind: "present" } : { kind: "exact", value: match.exact },
  }));
}

/** The path of an HTTP route: a plain prefix, an exact path, or a regular expression of the whole path. Anything else is
 * a finding, and the route cannot be served. */
export function translatePath(
  findings: Findings,
  field: FieldPath,
  match: Pick<HttpRouteSpec["match"], "prefix" | "path">,
): PathMatch | undefined {
  const { prefix, path } = match;
  if ((prefix === undefined) === (path === undefined)) {
    const both = prefix === undefined ? "neither is set" : "both are set";
    findings.invalid(
      field,
      `A route matches by either prefix or path; ${both}, and the route is not served.`,
    );
    return undefined;
  }
  if (prefix !== undefined) {
    if (prefix.startsWith("/")) return { kind: "prefix", value: prefix };
    findings.invalid(
      [...field, "prefix"],
      `A prefix starts with a slash; ${prefix} never matches.`,
      `/${prefix}`,
    );
    return undefined;
  }
  if (given({ ...path }).length !== 1) {
    const message = "A path is matched by either exact or regex; the route is not served.";
    findings.invalid([...field, "path"], message);
    return undefined;
  }
  if (path?.exact !== undefined) return { kind: "exact", value: path.exact };
  const pattern = path?.regex ?? "";
  if (!checkRegex(findings, [...field, "path", "regex"], pattern)) return undefined;
  return { kind: "regex", pattern, full: true };
}
