import { watch } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import type { Log } from "#telemetry/log.ts";
import { parseServicesConfig, type ServicesConfig } from "./services-config.ts";

/** Reads the file now and at each change, and hands on valid contents; a bad or absent file changes nothing. */
export async function watchServicesConfig(
  path: string,
  log: Log,
  apply: (config: ServicesConfig) => void,
): Promise<{ close(): void }> {
  let last: string | undefined;
  let closed = false;
  const read = async () => {
    const text = await readFile(path, "utf8").catch(() => undefined);
    if (closed || text === undefined || text === last) return;
    last = text;
    const config = parseServicesConfig(text);
    if ("error" in config) {
      log.error("the services' configuration is invalid and not applied", {
        file: path,
        reason: config.error,
      });
      return;
    }
    const { mode } = await stat(path).catch(() => ({ mode: 0 }));
    if ((mode & 0o077) !== 0) log.warn("others can read the services' configuration", { file: path });
    apply(config);
    log.info("configuration is applied", { stores: config.stores.length });
  };
  // One reading at a time, and one more when a change came meanwhile.
  let running = Promise.resolve();
  const schedule = () => {
    running = running.then(read, read);
    return running;
  };
  // The folder, because the file is replaced by renaming.
  const watcher = watch(dirname(path), (_, name) => {
    if (name === null || name === basename(path)) void schedule();
  });
  await schedule();
  return {
    close() {
      closed = true;
      watcher.close();
    },
  };
}
