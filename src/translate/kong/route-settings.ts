import { re2Problem } from "#model/re2.ts";
import type { Origin } from "#problems/object-ref.ts";
import type { ProblemSink } from "#problems/problem.ts";
import { hasControlCharacter, headerNamePattern } from "#resources/http-texts.ts";
import { type KubernetesObject, refOf } from "#resources/kind.ts";
import type { KongIngress, KongIngressRoute } from "#resources/kong-ingress.ts";
import { type Annotations, ingressFlag, prefix, splitList } from "./annotations.ts";
import { finding } from "./finding.ts";
import type { HeaderCriterion, RouteSettings } from "./kong-route.ts";
import { parseRewrite, type RewriteTemplate } from "./rewrite-template.ts";

const redirectCodes = [426, 301, 302, 307, 308] as const;
const servedProtocols = ["http", "https", "grpc", "grpcs", "ws", "wss"];
const otherProtocols = ["tcp", "tls", "tls_passthrough", "udp"];

/**
 * What annotations and a KongIngress say of the routes of an object (an Ingress). Annotations win. The defaults are
 * those of Kong's controller: the path stays, the client's Host stays.
 */
export function readRouteSettings(
  object: KubernetesObject,
  annotations: Annotations,
  override: KongIngress | undefined,
  report: ProblemSink,
): RouteSettings {
  const route: KongIngressRoute = override?.route ?? {};
  reportUnserved(object, annotations, report);
  const secure = readProtocols(object, annotations, route, report);
  const rewrite = readRewrite(annotations);
  return {
    stripPath: annotations.boolean("strip-path") ?? route.strip_path ?? false,
    preserveHost: annotations.boolean("preserve-host") ?? route.preserve_host ?? true,
    pathHandling: readPathHandling(annotations) ?? route.path_handling ?? "v0",
    regexPriority:
      annotations.integer("regex-priority", Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER) ??
      route.regex_priority ??
      0,
    methods: readMethods(annotations) ?? readMethodList(route.methods ?? []) ?? [],
    headers: readHeaders(object, annotations, route).map((header) => withoutFaults(object, header, report)),
    snis: readSnis(object, annotations, route, report),
    ...secure,
    ...(rewrite === undefined ? {} : { rewrite }),
  };
}

/** The KongIngress's share in a route's origins. */
export function overrideOrigins(override: KongIngress | undefined): readonly Origin[] {
  return override === undefined ? [] : [{ object: refOf(override), field: ["route"] }];
}

function readRewrite(annotations: Annotations): RewriteTemplate | undefined {
  const text = annotations.text("rewrite");
  if (text === undefined) return undefined;
  if (hasControlCharacter(text)) {
    annotations.invalid("rewrite", "the path holds a control character, so the annotation has no effect");
    return undefined;
  }
  const template = parseRewrite(text === "" ? "/" : text);
  if (template !== undefined && text !== "" && !text.startsWith("/")) {
    annotations.invalid("rewrite", "the path does not begin with a slash, so the annotation has no effect");
    return undefined;
  }
  if (template === undefined) {
    annotations.invalid(
      "rewrite",
      "a dollar or a backslash stands for nothing, so the annotation has no effect",
      "Write captures as $1 and a dollar as \\$.",
    );
  }
  return template;
}

function readMethods(annotations: Annotations): readonly string[] | undefined {
  const listed = annotations.list("methods");
  if (listed === undefined || listed.length === 0) return undefined;
  const methods = readMethodList(listed);
  if (methods === undefined)
    annotations.invalid("methods", "one of them is no HTTP method, so none of them counts");
  return methods;
}

/** One invalid method voids the list, as in Kong. */
function readMethodList(listed: readonly string[]): readonly string[] | undefined {
  const methods = listed.map((method) => method.trim().toUpperCase());
  return methods.every((method) => /^[A-Z]+$/.test(method)) ? [...new Set(methods)].sort() : undefined;
}

function readHeaders(
  object: KubernetesObject,
  annotations: Annotations,
  route: KongIngressRoute,
): readonly HeaderCriterion[] {
  const separator = annotations.text("headers-separator") || ",";
  const start = `${prefix}headers.`;
  const own = Object.entries(object.metadata.annotations).flatMap(([key, value]): HeaderCriterion[] => {
    const name = key.startsWith(start) ? key.slice(start.length) : "";
    const values = splitList(value, separator);
    if (name === "" || values.length === 0) return [];
    if (!headerNamePattern.test(name)) {
      annotations.invalid(`headers.${name}`, "no header has such a name, so it has no effect");
      return [];
    }
    if (name.toLowerCase() !== "host") return [{ name, values }];
    annotations.invalid(
      `headers.${name}`,
      "the Host header is no header criterion, so it has no effect",
      "Use the host of the rule, or konghq.com/host-aliases.",
    );
    return [];
  });
  const headers =
    own.length > 0 ? own : Object.entries(route.headers ?? {}).map(([name, values]) => ({ name, values }));
  return [...headers].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

/** Takes out regular expressions that Envoy cannot hold. A criterion without any value matches no request. */
function withoutFaults(
  object: KubernetesObject,
  header: HeaderCriterion,
  report: ProblemSink,
): HeaderCriterion {
  const values = header.values.filter((value) => {
    const fault = value.startsWith("~*") ? re2Problem(value.slice(2)) : undefined;
    if (fault === undefined) return true;
    report(
      finding(
        "regex-unsupported",
        refOf(object),
        ["metadata", "annotations", `${prefix}headers.${header.name}`],
        `the regular expression uses ${fault}, so it matches no request`,
        { fix: "Rewrite it in RE2's syntax, without that construct." },
      ),
    );
    return false;
  });
  return { name: header.name, values };
}

const sniPattern = /^[a-zA-Z0-9]+(-[a-zA-Z0-9]+)*(\.[a-zA-Z0-9]+(-[a-zA-Z0-9]+)*)*$/;

function readSnis(
  object: KubernetesObject,
  annotations: Annotations,
  route: KongIngressRoute,
  report: ProblemSink,
): readonly string[] {
  const listed = annotations.list("snis");
  const invalid = listed?.some((sni) => !sniPattern.test(sni)) ?? false;
  if (invalid) annotations.invalid("snis", "one of them is no host name, so none of them counts");
  const snis = listed === undefined || invalid ? (route.snis ?? []) : listed;
  if (snis.length > 0) {
    report(
      finding(
        "not-supported",
        refOf(object),
        annotations.find("snis")?.field ?? ["metadata", "annotations"],
        "the TLS server name is not looked at: the route serves every TLS connection that its other criteria admit",
        { fix: "Use the host of the rule." },
      ),
    );
  }
  return snis;
}

function readPathHandling(annotations: Annotations): "v0" | "v1" | undefined {
  const text = annotations.text("path-handling");
  if (text === undefined || text === "") return undefined;
  if (text === "v0" || text === "v1") return text;
  annotations.invalid("path-handling", `${JSON.stringify(text)} is neither v0 nor v1, so it has no effect`);
  return undefined;
}

function readProtocols(
  object: KubernetesObject,
  annotations: Annotations,
  route: KongIngressRoute,
  report: ProblemSink,
): Pick<RouteSettings, "protocols" | "httpsRedirect"> {
  let protocols: readonly string[] = route.protocols ?? [];
  const forced = ingressFlag(object, "force-ssl-redirect");
  if (forced) protocols = protocols.some((one) => one.startsWith("grpc")) ? ["grpcs"] : ["https"];
  const listed = annotations.list("protocols") ?? [];
  const wrong = listed.find((one) => !servedProtocols.includes(one) && !otherProtocols.includes(one));
  if (wrong !== undefined) {
    annotations.invalid(
      "protocols",
      `${JSON.stringify(wrong)} is no protocol of Kong's, so none of them counts`,
    );
  } else if (listed.length > 0) {
    protocols = listed;
  }
  const other = protocols.find((one) => otherProtocols.includes(one));
  if (other !== undefined) {
    report(
      finding(
        "not-supported",
        refOf(object),
        annotations.find("protocols")?.field ?? ["metadata", "annotations"],
        `an Ingress cannot serve ${other}`,
        { fix: "Use http, https, grpc or grpcs." },
      ),
    );
    protocols = protocols.filter((one) => servedProtocols.includes(one));
  }
  return {
    protocols: [...new Set(protocols)].sort(),
    httpsRedirect:
      readRedirectCode(annotations) ?? (forced ? 302 : redirectCode(route.https_redirect_status_code)) ?? 426,
  };
}

function readRedirectCode(annotations: Annotations): RouteSettings["httpsRedirect"] | undefined {
  const text = annotations.text("https-redirect-status-code");
  if (text === undefined || text === "") return undefined;
  const code = redirectCode(Number(text));
  if (code === undefined) {
    annotations.invalid(
      "https-redirect-status-code",
      `${JSON.stringify(text)} is none of ${redirectCodes.join(", ")}, so it has no effect`,
    );
  }
  return code;
}

function redirectCode(code: number | undefined): RouteSettings["httpsRedirect"] | undefined {
  return redirectCodes.find((known) => known === code);
}

/** Buffering is Envoy's own affair: it streams in both directions. */
function reportUnserved(object: KubernetesObject, annotations: Annotations, report: ProblemSink): void {
  for (const name of ["request-buffering", "response-buffering"]) {
    if (annotations.boolean(name) !== true) continue;
    report({
      ...finding(
        "not-supported",
        refOf(object),
        annotations.find(name)?.field ?? ["metadata", "annotations"],
        "bodies are not buffered, they are passed on as they come",
        { fix: "Remove it; nothing else changes." },
      ),
      severity: "warning",
    });
  }
}
