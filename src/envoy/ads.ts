import { create } from "@bufbuild/protobuf";
import {
  AggregatedConfigSourceSchema,
  ApiVersion,
  type ConfigSource,
  ConfigSourceSchema,
} from "@diolkos/envoy-api/envoy/config/core/v3/config_source_pb.js";

/** "From the one aggregated stream". */
export function adsSource(): ConfigSource {
  return create(ConfigSourceSchema, {
    resourceApiVersion: ApiVersion.V3,
    configSourceSpecifier: { case: "ads", value: create(AggregatedConfigSourceSchema) },
  });
}
