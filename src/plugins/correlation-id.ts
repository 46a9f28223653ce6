import { z } from "zod";
import { slot } from "#model/policy.ts";
import type { CorrelationIdStep } from "#model/program.ts";
import { headerNameSchema } from "./field-types.ts";
import { definePlugin } from "./plugin.ts";

/** Gives every request an id that can be found again in logs. */
export const correlationId = definePlugin({
  name: "correlation-id",
  phase: "correlation-id",
  docs: {
    summary:
      "Gives every request an id in a header, unless the client sent one, so that its traces can be found again.",
    examples: [
      { title: "Kong's header, an id and a counter", config: {} },
      {
        title: "A header of your own that the client sees too",
        config: { header_name: "X-Request-ID", generator: "uuid", echo_downstream: true },
      },
    ],
    differences: [
      "The counter of uuid#counter is one of an Envoy's worker thread, as it is of a worker process in Kong.",
    ],
  },
  schema: z.strictObject({
    header_name: headerNameSchema.default("Kong-Request-ID"),
    generator: z.enum(["uuid", "uuid#counter", "tracker"]).default("uuid#counter"),
    echo_downstream: z.boolean().default(false),
  }),
  slot: slot<CorrelationIdStep>("correlation-id"),
  consumerScope: true,
  protects: false,
  parse(config): CorrelationIdStep | undefined {
    return {
      step: "correlation-id",
      header: config.header_name,
      generator: config.generator,
      echo: config.echo_downstream,
    };
  },
  patch(value, route) {
    route.step(value);
  },
});
