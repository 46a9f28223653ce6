import { z } from "zod";
import { parseAddressRange } from "#envoy/module/address-range.ts";

/** A header's name as Kong accepts it: letters, digits, hyphen, underscore. */
export const headerNameSchema = z.string().regex(/^[A-Za-z0-9_-]+$/, "is not a header name");

/** A whole number that counts something. */
export const countSchema = z.int().min(0);

/** An IPv4 or IPv6 address, or a range of them as `address/bits`. */
export const addressRangeSchema = z.string().refine((text) => parseAddressRange(text) !== undefined, {
  message: "is neither an IP address nor a range of them",
  params: { fix: "Write a range as 10.0.0.0/8." },
});
