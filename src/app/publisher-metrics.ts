import type { Metrics } from "#telemetry/metrics.ts";
import type { Publisher } from "#xds/publisher.ts";

/** Exposes what the delta server has done. */
export function observePublisher(metrics: Metrics, publisher: Publisher): void {
  const { counters } = publisher;
  metrics.observe("diolkos_xds_streams", "Proxies that are connected", () => counters.streams);
  metrics.observe("diolkos_xds_pushes_total", "Responses sent to proxies", () => counters.pushes);
  metrics.observe(
    "diolkos_xds_resources_sent_total",
    "Resources sent to proxies",
    () => counters.resourcesSent,
  );
  metrics.observe(
    "diolkos_xds_sent_bytes_total",
    "Bytes of responses sent to proxies",
    () => counters.bytesSent,
  );
  metrics.observe("diolkos_xds_acks_total", "Acknowledgements of proxies", () => counters.acknowledgements);
  metrics.observe("diolkos_xds_nacks_total", "Refusals of proxies", () => counters.refusals);
  metrics.observe("diolkos_xds_unproven_total", "Resources sent without a proof", () => counters.unproven);
  metrics.observe("diolkos_prover_down", "1 while changes go to proxies unproven", () =>
    publisher.proverDown ? 1 : 0,
  );
}
