import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";

/** The control plane's own metrics; `GET /metrics` prints them. */
export interface Metrics {
  readonly registry: Registry;
  readonly applied: Counter;
  readonly flushSeconds: Gauge;
  /** Exposes a number that someone else counts. */
  observe(name: string, help: string, read: () => number): void;
  close(): void;
}

/** Event-loop lag is kept as p50, p99 and the maximum since the last scrape: a busy control plane shows there first. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const lag = monitorEventLoopDelay({ resolution: 5 });
  lag.enable();
  exposeLag(registry, lag);
  return {
    registry,
    applied: new Counter({
      name: "diolkos_source_changes_total",
      help: "Batches of object changes that were applied",
      registers: [registry],
    }),
    flushSeconds: new Gauge({
      name: "diolkos_translation_seconds",
      help: "Duration of the latest translation",
      registers: [registry],
    }),
    observe(name, help, read) {
      new Gauge({
        name,
        help,
        registers: [registry],
        collect() {
          this.set(read());
        },
      });
    },
    close: () => lag.disable(),
  };
}

function exposeLag(registry: Registry, lag: IntervalHistogram): void {
  new Gauge({
    name: "diolkos_event_loop_lag_seconds",
    help: "Delay of the event loop since the last scrape",
    labelNames: ["quantile"],
    registers: [registry],
    collect() {
      // The histogram measures whole timer periods; what exceeds the resolution is lag.
      const seconds = (nanoseconds: number) => Math.max(0, nanoseconds / 1e9 - 0.005);
      this.set({ quantile: "0.5" }, seconds(lag.percentile(50)));
      this.set({ quantile: "0.99" }, seconds(lag.percentile(99)));
      this.set({ quantile: "1" }, seconds(lag.max));
      lag.reset();
    },
  });
}
