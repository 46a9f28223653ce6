import { isDeepStrictEqual } from "node:util";
import type { Log } from "#telemetry/log.ts";
import { RedisStore } from "./redis-store.ts";
import type { ServicesConfig } from "./services-config.ts";
import type { ServicesMetrics } from "./services-metrics.ts";

/** The stores of the newest configuration. */
export class Stores {
  readonly #metrics: ServicesMetrics;
  readonly #log: Log;
  readonly #stores = new Map<string, RedisStore>();

  constructor(metrics: ServicesMetrics, log: Log) {
    this.#metrics = metrics;
    this.#log = log;
  }

  get(id: string): RedisStore | undefined {
    return this.#stores.get(id);
  }

  /** Unchanged stores keep their connection. */
  apply(config: ServicesConfig): void {
    const wanted = new Map(config.stores.map((store) => [store.id, store]));
    for (const [id, store] of this.#stores) {
      if (isDeepStrictEqual(store.config, wanted.get(id))) wanted.delete(id);
      else {
        this.#stores.delete(id);
        this.#metrics.storeRemoved(id);
        void store.close();
      }
    }
    for (const [id, store] of wanted) {
      const created: RedisStore = new RedisStore(store, (event) => {
        if (this.#stores.get(id) !== created) return;
        this.#metrics.storeUp(id, event.up);
        if (event.up) this.#log.info("store is connected", { store: id });
        else this.#log.warn("store is down", { store: id, reason: event.reason });
      });
      this.#stores.set(id, created);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#stores.values()].map((store) => store.close()));
  }
}
