import { create } from "@bufbuild/protobuf";
import {
  type RouteMatch as EnvoyRouteMatch,
  type HeaderMatcher,
  HeaderMatcherSchema,
  QueryParameterMatcherSchema,
  RouteMatch_GrpcRouteMatchOptionsSchema,
  RouteMatchSchema,
} from "@diolkos/envoy-api/envoy/config/route/v3/route_components_pb.js";
import { RegexMatcherSchema } from "@diolkos/envoy-api/envoy/type/matcher/v3/regex_pb.js";
import {
  type StringMatcher,
  StringMatcherSchema,
} from "@diolkos/envoy-api/envoy/type/matcher/v3/string_pb.js";
import { Int64RangeSchema } from "@diolkos/envoy-api/envoy/type/v3/range_pb.js";
import type { NamedMatch, PathMatch, RouteMatch, StringMatch } from "#model/route.ts";

/** The Envoy match of one route; `path` may differ from the model's where a rewrite needs several routes. */
export function buildRouteMatch(match: RouteMatch, path: PathMatch): EnvoyRouteMatch {
  const headers = (match.headers ?? []).map(buildHeaderMatch);
  if (match.methods !== undefined && match.methods.length > 0) headers.push(buildMethodMatch(match.methods));
  return create(RouteMatchSchema, {
    pathSpecifier: buildPath(path),
    headers,
    queryParameters: (match.query ?? []).map((query) =>
      create(QueryParameterMatcherSchema, {
        name: query.name,
        queryParameterMatchSpecifier:
          query.match.kind === "present"
            ? { case: "presentMatch", value: true }
            : { case: "stringMatch", value: buildStringMatch(query.match) },
      }),
    ),
    ...(match.grpc === true ? { grpc: create(RouteMatch_GrpcRouteMatchOptionsSchema) } : {}),
  });
}

function buildPath(path: PathMatch): NonNullable<EnvoyRouteMatch["pathSpecifier"]> {
  switch (path.kind) {
    case "prefix":
      return { case: "prefix", value: path.value };
    case "segments":
      return path.value === "/"
        ? { case: "prefix", value: "/" }
        : { case: "pathSeparatedPrefix", value: path.value };
    case "exact":
      return { case: "path", value: path.value };
    case "regex":
      // Envoy wants the whole path matched.
      return { case: "safeRegex", value: create(RegexMatcherSchema, { regex: wholePathRegex(path) }) };
  }
}

function wholePathRegex(path: PathMatch & { kind: "regex" }): string {
  return path.full ? path.pattern : `(?:${path.pattern}).*`;
}

function buildMethodMatch(methods: readonly string[]): HeaderMatcher {
  const [only] = methods;
  const match: StringMatch =
    methods.length === 1 && only !== undefined
      ? { kind: "exact", value: only }
      : { kind: "regex", pattern: [...methods].sort().join("|") };
  return buildHeaderMatch({ name: ":method", match });
}

function buildHeaderMatch(header: NamedMatch): HeaderMatcher {
  const { match } = header;
  const specifier = (): NonNullable<HeaderMatcher["headerMatchSpecifier"]> => {
    if (match.kind === "present") return { case: "presentMatch", value: true };
    if (match.kind === "range") {
      const range = create(Int64RangeSchema, { start: BigInt(match.start), end: BigInt(match.end) });
      return { case: "rangeMatch", value: range };
    }
    return { case: "stringMatch", value: buildStringMatch(match) };
  };
  return create(HeaderMatcherSchema, {
    name: header.name.toLowerCase(),
    headerMatchSpecifier: specifier(),
    invertMatch: header.invert ?? false,
  });
}

function buildStringMatch(match: StringMatch): StringMatcher {
  switch (match.kind) {
    case "regex": {
      // `ignore_case` has no effect on regular expressions in Envoy.
      const regex = match.ignoreCase === true ? `(?i)${match.pattern}` : match.pattern;
      return create(StringMatcherSchema, {
        matchPattern: { case: "safeRegex", value: create(RegexMatcherSchema, { regex }) },
      });
    }
    case "exact":
    case "prefix":
    case "suffix":
    case "contains":
      return create(StringMatcherSchema, {
        matchPattern: { case: match.kind, value: match.value },
        ignoreCase: match.ignoreCase ?? false,
      });
    case "present":
    case "range":
      throw new Error(`a ${match.kind} match is no string match`);
  }
}
