import type { Table } from "#incremental/graph.ts";
import type { HttpListener, Listener } from "#model/listener.ts";
import { gatewayScope, type Model } from "#model/model.ts";
import type { Forward, Route, RouteAction } from "#model/route.ts";
import { formatField, formatRef, type Origin } from "#problems/object-ref.ts";
import { chooseHost, chooseRoute, describePath, describeString, type RequestShape } from "./match-request.ts";

/** A question of `diolkos explain`. */
export interface ExplainRequest {
  readonly method: string;
  /** Absolute URL, or a path at the gateway. */
  readonly url: string;
  readonly headers: readonly (readonly [string, string])[];
  /** Scope of the asking workload; absent: a client at the gateway. */
  readonly from?: string;
}

/** Where an answer came from, in the user's own files. */
export interface ManifestPlace {
  readonly object: string;
  readonly field: string;
  readonly file?: string;
  readonly line?: number;
}

export interface ExplainedBackend {
  readonly cluster: string;
  /** Percent of requests. */
  readonly share: number;
  readonly endpoints: readonly string[];
  readonly from: ManifestPlace;
}

export interface Explanation {
  readonly proxy: string;
  readonly listener?: {
    readonly name: string;
    readonly address: string;
    readonly from: readonly ManifestPlace[];
  };
  readonly host?: { readonly name: string; readonly matched: string };
  readonly route?: { readonly name: string; readonly match: string; readonly from: readonly ManifestPlace[] };
  /** In the order in which they run. */
  readonly plugins: readonly {
    readonly name: string;
    readonly instance: string;
    readonly from: ManifestPlace;
  }[];
  readonly action?:
    | {
        readonly kind: "forward";
        readonly host: string;
        readonly path: string;
        readonly retries: string;
        readonly timeouts: string;
        readonly backends: readonly ExplainedBackend[];
      }
    | { readonly kind: "redirect" | "reply"; readonly status: number; readonly detail: string };
  /** Why there is no answer, when there is none. */
  readonly problem?: string;
  /** Routes of the host that come earlier and do not match, nearest first (at most eight). */
  readonly passed: readonly {
    readonly route: string;
    readonly because: string;
    readonly from?: ManifestPlace;
  }[];
}

export interface ExplainSources {
  readonly model: Model;
  readonly locate: (origin: Origin) => { readonly file: string; readonly line: number } | undefined;
}

/** Says which listener, host, route, plugins and backends answer a request, and the manifest line of each. */
export function explain(request: ExplainRequest, sources: ExplainSources): Explanation {
  const { model } = sources;
  const scope = request.from ?? gatewayScope;
  const url = new URL(request.url, "http://localhost");
  const place = (origin: Origin): ManifestPlace => ({
    object: formatRef(origin.object),
    field: formatField(origin.field),
    ...sources.locate(origin),
  });
  const listener = chooseListener(model, scope, url, request.url.startsWith("/"));
  if (listener === undefined) {
    const problem =
      scope === gatewayScope
        ? `the gateway has no ${url.protocol.replace(":", "")} listener`
        : `no proxy of ${scope} takes what it sends: it has no sidecar, or its name is not NAMESPACE/POD`;
    return { proxy: scope, plugins: [], passed: [], problem };
  }
  const known = {
    proxy: scope,
    listener: {
      name: listener.name,
      address: `${listener.address}:${listener.port}`,
      from: listener.origins.map(place),
    },
  };
  const headers = new Map(request.headers.map(([name, value]) => [name.toLowerCase(), value]));
  const shape: RequestShape = {
    method: request.method.toUpperCase(),
    host: headers.get("host") ?? hostOf(url, listener),
    path: url.pathname.replace(/\/{2,}/g, "/"),
    query: new Map(url.searchParams),
    headers,
  };
  const hosts = valuesOf(model.virtualHosts).filter(
    (host) => host.scope === scope && host.routeTable === listener.routeTable,
  );
  const chosen = chooseHost(hosts, shape.host, listener.role === "edge");
  if (chosen === undefined) {
    const problem = `no route for the host ${shape.host}: answered with 404`;
    return { ...known, plugins: [], passed: [], problem };
  }
  const { route, passed } = chooseRoute(chosen.host.routes, shape);
  const explained = {
    ...known,
    host: { name: chosen.host.name, matched: chosen.domain },
    passed: passed
      .slice(-8)
      .reverse()
      .map((one) => ({
        route: one.route.name,
        because: one.because,
        ...(one.route.origins[0] === undefined ? {} : { from: place(one.route.origins[0]) }),
      })),
  };
  if (route === undefined) {
    return {
      ...explained,
      plugins: [],
      problem: `no route of the host ${chosen.host.name} matches: answered with 404`,
    };
  }
  return {
    ...explained,
    route: { name: route.name, match: describeMatch(route), from: route.origins.map(place) },
    plugins: route.policies.map((policy) => ({
      name: policy.slot.name,
      instance: policy.instance,
      from: place(policy.origin),
    })),
    action: explainAction(route.action, scope, model, place),
  };
}

function chooseListener(model: Model, scope: string, url: URL, anyPort: boolean): HttpListener | undefined {
  const listeners = valuesOf<Listener>(model.listeners).filter(
    (one): one is HttpListener => one.kind === "http" && one.scope === scope && one.role !== "mesh-ingress",
  );
  const secure = url.protocol === "https:";
  const fitting = listeners.filter(
    (one) =>
      one.role === "mesh-egress" ||
      (one.certificates !== undefined && one.certificates.length > 0) === secure,
  );
  const port = Number(url.port || (secure ? 443 : 80));
  return (anyPort ? undefined : fitting.find((one) => one.port === port)) ?? fitting[0];
}

/** A client that names no port would use the scheme's default one; the mesh tells virtual services apart by it. */
function hostOf(url: URL, listener: HttpListener): string {
  return listener.role === "edge" ? url.host : url.port === "" ? url.hostname : url.host;
}

function describeMatch(route: Route): string {
  const { match } = route;
  return [
    describePath(match.path),
    ...(match.methods !== undefined && match.methods.length > 0 ? [`method ${match.methods.join("|")}`] : []),
    ...(match.headers ?? []).map(
      (one) => `header ${one.name} ${one.invert === true ? "not " : ""}${describeString(one.match)}`,
    ),
    ...(match.query ?? []).map((one) => `query ${one.name} ${describeString(one.match)}`),
    ...(match.grpc === true ? ["gRPC"] : []),
  ].join(", ");
}

function explainAction(
  action: RouteAction,
  scope: string,
  model: Model,
  place: (origin: Origin) => ManifestPlace,
): NonNullable<Explanation["action"]> {
  switch (action.kind) {
    case "reply":
      return { kind: "reply", status: action.status, detail: action.body ?? "" };
    case "redirect": {
      const port = action.port === undefined ? "" : `:${action.port}`;
      const detail = `${action.scheme ?? "same scheme"}, ${action.host ?? "same host"}${port}`;
      return { kind: "redirect", status: action.status, detail };
    }
    case "forward":
      return {
        kind: "forward",
        host:
          action.host === undefined
            ? "as received"
            : action.host === "upstream-address"
              ? "the endpoint's address"
              : action.host.value,
        path: describeRewrite(action),
        retries:
          action.retry === undefined ? "none" : `${action.retry.retries} on ${action.retry.on.join(", ")}`,
        timeouts: describeTimeouts(action),
        backends: explainBackends(action, scope, model, place),
      };
  }
}

function describeRewrite({ path }: Forward): string {
  if (path === undefined) return "as received";
  switch (path.kind) {
    case "replace-matched":
      return `the matched part becomes ${path.prefix}`;
    case "replace-all":
      return path.path;
    case "regex":
      return `${path.pattern} becomes ${path.substitution}`;
  }
}

function describeTimeouts({ timeouts }: Forward): string {
  const words = Object.entries(timeouts).map(
    ([name, value]) => `${name} ${value === 0 ? "off" : `${value} ms`}`,
  );
  return words.length === 0 ? "request 15000 ms" : words.join(", ");
}

function explainBackends(
  action: Forward,
  scope: string,
  model: Model,
  place: (origin: Origin) => ManifestPlace,
): readonly ExplainedBackend[] {
  const total = action.backends.reduce((sum, backend) => sum + backend.weight, 0);
  return action.backends.map((backend) => {
    const name = backend.cluster;
    const cluster = valuesOf(model.clusters).find((one) => one.scope === scope && one.name === name);
    const discovery = cluster?.discovery;
    const endpoints =
      discovery?.kind === "endpoints"
        ? (model.endpoints.get(discovery.key) ?? [])
        : discovery?.kind === "static"
          ? discovery.endpoints
          : [];
    return {
      cluster: name ?? "none (answers 503)",
      share: total === 0 ? 0 : Math.round((backend.weight / total) * 1e4) / 100,
      endpoints:
        discovery?.kind === "dns"
          ? [`${discovery.host}:${discovery.port} by DNS`]
          : endpoints.map((one) => `${one.address}:${one.port}`),
      from: place(backend.origin),
    };
  });
}

function valuesOf<V>(tables: readonly Table<V>[]): V[] {
  return tables.flatMap((table) => [...table.keys()].flatMap((key) => table.get(key) ?? []));
}
