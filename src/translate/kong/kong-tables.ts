import type { Table } from "#incremental/graph.ts";
import type { Cluster } from "#model/cluster.ts";
import type { Consumer } from "#model/consumer.ts";
import type { Listener } from "#model/listener.ts";
import type { MeshDestination, MeshIdentity } from "#model/mesh.ts";
import type { VirtualHost } from "#model/route.ts";
import type { ServerSecret } from "#model/secret.ts";
import type { SharedStore } from "#model/shared-store.ts";
import type { ServiceTables } from "../services/service-tables.ts";

/** Where the gateway listens, and which objects are its own. */
export interface KongOptions {
  readonly address: string;
  readonly port: number;
  readonly tlsPort: number;
  /** The value of `kubernetes.io/ingress.class` or `ingressClassName`; default `kong`. */
  readonly ingressClass?: string;
}

/** The gateway's part of the mesh; without an entry for the gateway's scope it is no mesh node. */
export interface MeshTables {
  /** Keyed by scope. */
  readonly identities: Table<MeshIdentity>;
  /** Keyed by `modelKey(scope, host, port)`. */
  readonly destinations: Table<MeshDestination>;
}

/** What `translateKong` yields: parts of the model, each keyed by `modelKey`, consumers and stores. */
export interface KongTables {
  readonly virtualHosts: Table<VirtualHost>;
  readonly listeners: Table<Listener>;
  readonly clusters: Table<Cluster>;
  readonly secrets: Table<ServerSecret>;
  /** Keyed by consumer id. */
  readonly consumers: Table<Consumer>;
  /** Keyed by store id; for the services process alone. */
  readonly stores: Table<SharedStore>;
}

/** What the translation builds on. */
export interface KongDependencies {
  readonly options: KongOptions;
  readonly services: ServiceTables;
  /** Absent: no mesh. */
  readonly mesh?: MeshTables;
}
