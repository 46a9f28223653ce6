import { create, type DescMessage, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { type Any, anyPack, type Duration, DurationSchema } from "@bufbuild/protobuf/wkt";

/** Packs a message as Envoy expects its typed configurations. */
export function pack<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>): Any {
  return anyPack(schema, message);
}

/** A count in the range of its field in Envoy's messages; more than that is as good as no limit. */
export function count(value: number): number {
  return Math.min(value, 0xffff_ffff);
}

/** Encodes a message; equal messages give equal bytes within one build. */
export function encode<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>): Uint8Array {
  return toBinary(schema, message);
}

/** A hundred years: Envoy refuses durations of more than about 292. */
const longestMs = 3_155_760_000_000;

/** A protobuf duration of `milliseconds`; what is longer than anybody waits becomes a hundred years. */
export function duration(given: number): Duration {
  const milliseconds = Math.min(given, longestMs);
  const seconds = Math.floor(milliseconds / 1000);
  return create(DurationSchema, {
    seconds: BigInt(seconds),
    nanos: Math.round((milliseconds - seconds * 1000) * 1e6),
  });
}
