import type { FieldPath } from "#problems/object-ref.ts";
import type { Problem } from "#problems/problem.ts";
import type { GatewayGrpcRoute, GatewayHttpRoute, GatewayRoute } from "#resources/gateway-route.ts";
import { Findings, given, listed } from "./findings.ts";
import { checkHeaderMatches, checkNameOrArn, checkRegex } from "./rules-shared.ts";

/** What App Mesh refused in a GatewayRoute; the kind itself is not supported yet. */
export function checkGatewayRoute(route: GatewayRoute): readonly Problem[] {
  const findings = new Findings(route);
  const { httpRoute, http2Route, grpcRoute } = route.spec ?? {};
  const kinds = given({ httpRoute, http2Route, grpcRoute });
  if (kinds.length !== 1) {
    const message = `A gateway route is one of httpRoute, http2Route and grpcRoute; this one is ${listed(kinds) || "none"}.`;
    findings.invalid(["spec"], message);
  }
  if (httpRoute !== undefined) checkHttpRoute(findings, ["spec", "httpRoute"], httpRoute);
  if (http2Route !== undefined) checkHttpRoute(findings, ["spec", "http2Route"], http2Route);
  if (grpcRoute !== undefined) checkGrpcRoute(findings, ["spec", "grpcRoute"], grpcRoute);
  findings.notSupported(["kind"], "A GatewayRoute", "It is not served.");
  return findings.problems;
}

type Hostname = GatewayHttpRoute["match"]["hostname"];

function checkHostname(findings: Findings, field: FieldPath, hostname: Hostname): void {
  if (hostname === undefined || given({ ...hostname }).length === 1) return;
  findings.invalid(field, "A host name is matched by either exact or suffix.");
}

function checkTarget(
  findings: Findings,
  field: FieldPath,
  target: GatewayHttpRoute["action"]["target"],
): void {
  const { virtualServiceRef, virtualServiceARN } = target.virtualService;
  checkNameOrArn(findings, field, virtualServiceRef, virtualServiceARN, "virtualService");
}

function checkHttpRoute(findings: Findings, field: FieldPath, route: GatewayHttpRoute): void {
  const { match, action } = route;
  const place = [...field, "match"];
  const { prefix, path, hostname } = match;
  if (prefix === undefined && path === undefined && hostname === undefined) {
    findings.invalid(place, "A gateway route matches by prefix, path or hostname; none is set.");
  }
  if (prefix !== undefined && path !== undefined) {
    findings.invalid(place, "A gateway route matches by prefix or path, not by both.");
  }
  if (path !== undefined && given({ ...path }).length !== 1) {
    findings.invalid([...place, "path"], "A path is matched by either exact or regex.");
  }
  checkRegex(findings, [...place, "path", "regex"], path?.regex);
  if (prefix !== undefined && !prefix.startsWith("/")) {
    findings.invalid([...place, "prefix"], `A prefix starts with a slash; ${prefix} never matches.`);
  }
  checkHostname(findings, [...place, "hostname"], hostname);
  checkHeaderMatches(findings, [...place, "headers"], match.headers);
  (match.queryParameters ?? []).forEach((parameter, at) => {
    if (parameter.match === undefined || parameter.match.exact !== undefined) return;
    findings.invalid([...place, "queryParameters", at, "match"], "A query parameter's match needs exact.");
  });
  checkTarget(findings, [...field, "action", "target", "virtualService"], action.target);
  checkRewrite(findings, [...field, "action", "rewrite"], action.rewrite);
}

function checkRewrite(
  findings: Findings,
  field: FieldPath,
  rewrite: GatewayHttpRoute["action"]["rewrite"],
): void {
  if (rewrite === undefined) return;
  const { prefix, path } = rewrite;
  if (given({ ...rewrite }).length === 0) {
    findings.invalid(field, "A rewrite names at least one of hostname, prefix and path.");
  }
  if (prefix !== undefined && path !== undefined) {
    findings.invalid(field, "A rewrite replaces the prefix or the path, not both.");
  }
  if (prefix?.defaultPrefix !== undefined && prefix.value !== undefined) {
    findings.invalid([...field, "prefix"], "A prefix rewrite has either defaultPrefix or value.");
  }
  const { value } = prefix ?? {};
  if (value !== undefined && !(value.startsWith("/") && value.endsWith("/"))) {
    findings.invalid(
      [...field, "prefix", "value"],
      `A new prefix starts and ends with a slash, unlike ${value}.`,
    );
  }
}

function checkGrpcRoute(findings: Findings, field: FieldPath, { match, action }: GatewayGrpcRoute): void {
  const place = [...field, "match"];
  if (match.serviceName === undefined && match.hostname === undefined) {
    findings.invalid(place, "A gRPC gateway route matches by serviceName or hostname; neither is set.");
  }
  checkHostname(findings, [...place, "hostname"], match.hostname);
  checkHeaderMatches(findings, [...place, "metadata"], match.metadata);
  checkTarget(findings, [...field, "action", "target", "virtualService"], action.target);
}
