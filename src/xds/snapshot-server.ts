import { DeltaServer } from "./delta-server.ts";
import type { ProxyNode } from "./proxy-node.ts";
import type { ScopeChange } from "./scope.ts";
import { readSnapshot } from "./snapshot-log.ts";

export interface SnapshotServer {
  /** How many resources it serves. */
  readonly resources: number;
  /** Ends all streams; the proxies then find whoever listens on the socket. */
  close(): Promise<void>;
}

/**
 * Serves what proxies had last, while there is no control plane: a proxy that restarts comes up, one that runs is sent
 * nothing. Proxies of scopes that the snapshot does not know stay unanswered and keep what they have.
 */
export async function serveSnapshot(
  path: string,
  socketPath: string,
  options: { readonly scopeOf?: (node: ProxyNode) => string | undefined } = {},
): Promise<SnapshotServer> {
  const resources = readSnapshot(path);
  const scopes = new Map<string, ScopeChange[]>();
  for (const resource of resources) {
    const changes = scopes.get(resource.scope) ?? [];
    changes.push({ type: resource.type, name: resource.name, resource });
    scopes.set(resource.scope, changes);
  }
  const server = new DeltaServer(options);
  for (const [scope, changes] of scopes) server.apply(scope, changes);
  await server.listen(socketPath);
  return { resources: resources.length, close: () => server.close() };
}
