import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type AdminRoute, json, text } from "#admin/server.ts";
import type { ProblemAnswer, StatusAnswer, WorkloadEnvironmentAnswer } from "#admin/types.ts";
import type { ExplainRequest, Explanation } from "#insight/explain.ts";
import type { Metrics } from "#telemetry/metrics.ts";

/** What the admin API asks of the instance. */
export interface AdminSource {
  readonly metrics: Metrics;
  /** What readiness waits for; empty when ready. Looks at the files first, so that an unseen change counts. */
  awaited(): Promise<readonly string[]>;
  problems(): readonly ProblemAnswer[];
  status(): Promise<StatusAnswer>;
  environment(
    namespace: string,
    name: string,
  ): WorkloadEnvironmentAnswer | { readonly known: readonly string[] };
  explain(request: ExplainRequest): Explanation;
  /** Prometheus text of the gateway's own statistics. */
  gatewayMetrics(): Promise<string>;
}

/** All routes of the admin API and the dashboard. */
export function adminRoutes(source: AdminSource): readonly AdminRoute[] {
  return [
    { pattern: "/healthz", answer: () => text("ok\n") },
    {
      pattern: "/readyz",
      answer: async () => {
        const awaited = await source.awaited();
        return json({ ready: awaited.length === 0, awaited }, awaited.length === 0 ? 200 : 503);
      },
    },
    { pattern: "/problems", answer: () => json(source.problems()) },
    {
      pattern: "/metrics",
      answer: async () => ({
        status: 200,
        contentType: source.metrics.registry.contentType,
        body: `${await source.metrics.registry.metrics()}${await source.gatewayMetrics()}`,
      }),
    },
    { pattern: "/v1/status", answer: async () => json(await source.status()) },
    {
      pattern: "/v1/workloads/:namespace/:name/environment",
      answer: ({ parameters: { namespace = "", name = "" } }) => {
        const found = source.environment(namespace, name);
        if (!("known" in found)) return json(found);
        return json({ message: `there is no local workload ${namespace}/${name}`, known: found.known }, 404);
      },
    },
    { pattern: "/v1/explain", answer: ({ query }) => explainAnswer(query, source) },
    dashboardFile("/", "index.html", "text/html; charset=utf-8"),
    dashboardFile("/dashboard.js", "dashboard.js", "text/javascript; charset=utf-8"),
    dashboardFile("/dashboard.css", "dashboard.css", "text/css; charset=utf-8"),
  ];
}

function explainAnswer(query: URLSearchParams, source: AdminSource) {
  const url = query.get("url");
  const method = query.get("method") ?? "GET";
  if (url === null || !(url.startsWith("/") || URL.canParse(url))) {
    return json(
      { message: "url is a path like /dj/jazz or a whole URL like http://localhost:8000/dj/jazz" },
      400,
    );
  }
  const from = query.get("from");
  const headers = query.getAll("header").map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, Math.max(colon, 0)).trim(), line.slice(colon + 1).trim()] as const;
  });
  if (headers.some(([name]) => name === ""))
    return json({ message: "a header is given as Name: value" }, 400);
  return json(source.explain({ method, url, headers, ...(from === null ? {} : { from }) }));
}

/** The dashboard's files lie beside the bundle's folder. */
function dashboardFile(pattern: string, file: string, contentType: string): AdminRoute {
  return {
    pattern,
    answer: () => {
      const path = fileURLToPath(new URL(`../dashboard/${file}`, import.meta.url));
      return { status: 200, contentType, body: readFileSync(path) };
    },
  };
}
