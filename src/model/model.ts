import type { Table } from "#incremental/graph.ts";
import type { Cluster, Endpoint } from "./cluster.ts";
import type { Consumer } from "./consumer.ts";
import type { Listener } from "./listener.ts";
import type { VirtualHost } from "./route.ts";
import type { ServerSecret } from "./secret.ts";

/** The scope of the gateway; a sidecar's scope is `NAMESPACE/POD`. A scope is what one kind of proxy receives. */
export const gatewayScope = "gateway";

/** What translation yields. Each table is keyed by `modelKey(scope, …)`, so that parts of several dialects lie side by side. */
export interface Model {
  readonly listeners: readonly Table<Listener>[];
  readonly virtualHosts: readonly Table<VirtualHost>[];
  readonly clusters: readonly Table<Cluster>[];
  /** Keyed by the `key` of an `endpoints` discovery; an absent entry means none. */
  readonly endpoints: Table<readonly Endpoint[]>;
  readonly secrets: readonly Table<ServerSecret>[];
  /** Keyed by consumer id. */
  readonly consumers: Table<Consumer>;
}

/** The key of a model piece. */
export function modelKey(scope: string, ...names: readonly string[]): string {
  return [scope, ...names].join("|");
}
