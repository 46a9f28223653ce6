import { join } from "node:path";
import { socketPath } from "#standalone/socket-path.ts";
import { runSupervisor } from "#standalone/supervisor.ts";
import { serveSnapshot } from "#xds/snapshot-server.ts";

/** Runs the supervisor of a state directory; while no control plane lives it serves the last good configuration. */
export function supervise(state: string): Promise<number> {
  return runSupervisor({
    state,
    serveLastGood: () => serveSnapshot(join(state, "last-good.xds"), socketPath(state, "xds.sock")),
  });
}
