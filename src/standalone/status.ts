import type { ProxyStatus, StatusAnswer, WorkloadStatus } from "#admin/types.ts";
import { askAdminApi, type CommandOptions, streamsOf } from "./admin-api.ts";

export interface StatusOptions extends CommandOptions {
  readonly format?: "table" | "json";
}

/** `diolkos status`: what runs, where, and how far it is. Returns 0, or 1 when nothing runs. */
export async function runStatus(options: StatusOptions): Promise<number> {
  const { out, err } = streamsOf(options);
  const answer = await askAdminApi<StatusAnswer>(options, "/v1/status");
  if (answer.kind !== "ok") {
    err(`${answer.message}\n`);
    return 1;
  }
  out(
    options.format === "json"
      ? `${JSON.stringify(answer.value, undefined, 2)}\n`
      : formatStatus(answer.value),
  );
  return 0;
}

/** The answer as people read it. */
export function formatStatus(status: StatusAnswer): string {
  const { controlPlane, problems, awaited } = status;
  const lines = [
    `diolkos ${status.version}, process ${controlPlane.pid}, since ${controlPlane.startedAt}, state in ${controlPlane.state}`,
    status.ready ? "ready" : `not ready: ${awaited.length === 0 ? "starting" : awaited.join("; ")}`,
  ];
  if (problems.errors + problems.warnings > 0) {
    lines.push(
      `${count(problems.errors, "error")}, ${count(problems.warnings, "warning")}: see GET /problems`,
    );
  }
  const proxies = [...status.gateways, ...status.sidecars];
  if (proxies.length > 0) lines.push("", ...table(proxyHeader, proxies.map(proxyRow)));
  if (status.workloads.length > 0)
    lines.push("", ...table(workloadHeader, status.workloads.map(workloadRow)));
  return `${lines.join("\n")}\n`;
}

const proxyHeader = ["PROXY", "READY", "SYNC", "INGRESS", "EGRESS", "ADMIN", "PID", "RESTARTS", ""];

function proxyRow(proxy: ProxyStatus): readonly string[] {
  return [
    proxy.name,
    proxy.ready ? "yes" : "no",
    proxy.sync,
    proxy.ingress.map(({ address }) => address).join(",") || "-",
    proxy.egress ?? "-",
    proxy.admin,
    String(proxy.pid ?? "-"),
    String(proxy.restarts),
    proxy.failure ?? "",
  ];
}

const workloadHeader = ["WORKLOAD", "READY", "PORTS", "PID", "RESTARTS", ""];

function workloadRow(workload: WorkloadStatus): readonly string[] {
  return [
    workload.name,
    workload.ready ? "yes" : "no",
    workload.ports.map(({ port, address }) => `${port}=${address}`).join(",") || "-",
    String(workload.pid ?? "-"),
    String(workload.restarts),
    workload.failure ?? "",
  ];
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? "" : "s"}`;
}
