import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { StoreFailure } from "./redis-connection.ts";

export type Operation = "check" | "sync";
export type Outcome = "allowed" | "refused" | "synced" | "failed";

/** The services process' metrics, for Prometheus. Labels come from configuration only, never from requests. */
export interface ServicesMetrics {
  call(store: string, operation: Operation, outcome: Outcome, seconds: number): void;
  failure(store: string, failure: StoreFailure): void;
  badRequest(): void;
  storeUp(store: string, up: boolean): void;
  /** A store was removed; its series end. */
  storeRemoved(store: string): void;
  /** Prometheus text. */
  text(): Promise<string>;
}

export function createServicesMetrics(): ServicesMetrics {
  const registry = new Registry();
  const registers = [registry];
  const calls = new Counter({
    name: "diolkos_services_calls_total",
    help: "Calls of the proxies by store, operation and outcome.",
    labelNames: ["store", "operation", "outcome"],
    registers,
  });
  const failures = new Counter({
    name: "diolkos_services_store_failures_total",
    help: "Failed calls by store and cause.",
    labelNames: ["store", "cause"],
    registers,
  });
  const seconds = new Histogram({
    name: "diolkos_services_call_duration_seconds",
    help: "Time to answer a call, by operation.",
    labelNames: ["operation"],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
    registers,
  });
  const badRequests = new Counter({
    name: "diolkos_services_bad_requests_total",
    help: "Requests that were no valid call of a known store.",
    registers,
  });
  const up = new Gauge({
    name: "diolkos_services_store_up",
    help: "1 while the store's connection is usable; absent before its first use.",
    labelNames: ["store"],
    registers,
  });
  return {
    call(store, operation, outcome, duration) {
      calls.inc({ store, operation, outcome });
      seconds.observe({ operation }, duration);
    },
    failure: (store, cause) => failures.inc({ store, cause }),
    badRequest: () => badRequests.inc(),
    storeUp: (store, isUp) => up.set({ store }, isUp ? 1 : 0),
    storeRemoved: (store) => up.remove({ store }),
    text: () => registry.metrics(),
  };
}
