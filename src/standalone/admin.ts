import type { ProxyStatus, StatusAnswer } from "#admin/types.ts";
import { AdminClient } from "#envoy/admin-client.ts";
import { askAdminApi, type CommandOptions, describeUnknown, streamsOf } from "./admin-api.ts";
import { parseAddress } from "./process-spec.ts";

export interface AdminOptions extends CommandOptions {
  /** `gateway`, `NAMESPACE/WORKLOAD` (its first replica) or `NAMESPACE/POD`. */
  readonly proxy: string;
  /** E.g. `/stats?filter=ssl`. */
  readonly path: string;
  /** For paths that change something. */
  readonly post?: boolean;
}

/** `diolkos admin`: prints what the admin interface of one Envoy answers. Returns 0, 1 when it answers an error or not
 * at all, 2 for an unknown proxy. */
export async function runAdmin(options: AdminOptions): Promise<number> {
  const { out, err } = streamsOf(options);
  const status = await askAdminApi<StatusAnswer>(options, "/v1/status");
  if (status.kind !== "ok") {
    err(`${status.message}\n`);
    return 1;
  }
  const proxies = [...status.value.gateways, ...status.value.sidecars];
  const proxy = findProxy(proxies, options.proxy);
  if (proxy === undefined) {
    const known = [...new Set(proxies.map(({ workload }) => workload))].sort();
    err(describeUnknown(`There is no proxy ${options.proxy}.`, known));
    return 2;
  }
  const path = options.path.startsWith("/") ? options.path : `/${options.path}`;
  const client = new AdminClient(parseAddress(proxy.admin), { timeoutMs: 30_000 });
  try {
    const answer = await (options.post === true ? client.post(path) : client.get(path));
    out(answer.body.endsWith("\n") || answer.body === "" ? answer.body : `${answer.body}\n`);
    if (answer.status < 400) return 0;
    const hint = answer.status === 405 && options.post !== true ? "; it changes something: add --post" : "";
    err(`${proxy.name}: ${path} answered ${answer.status}${hint}\n`);
  } catch (error) {
    err(
      `${proxy.name}: its admin interface at ${proxy.admin} does not answer: ${(error as Error).message}\n`,
    );
  }
  return 1;
}

function findProxy(proxies: readonly ProxyStatus[], wanted: string): ProxyStatus | undefined {
  return proxies.find(({ name }) => name === wanted) ?? proxies.find(({ workload }) => workload === wanted);
}
