import { isIP } from "node:net";
import { z } from "zod";

/** A header's name as Kong accepts it: letters, digits, hyphen, underscore. */
export const headerNameSchema = z.string().regex(/^[A-Za-z0-9_-]+$/, "is not a header name");

/** A whole number that counts something. */
export const countSchema = z.int().min(0);

/** An IPv4 or IPv6 address, or a range of them as `address/bits`. */
export const addressRangeSchema = z.string().refine(isAddressRange, {
  message: "is neither an IP address nor a range of them",
  params: { fix: "Write a range as 10.0.0.0/8." },
});

function isAddressRange(text: string): boolean {
  const [address = "", bits, ...more] = text.split("/");
  const version = isIP(address);
  if (version === 0 || more.length > 0) return false;
  if (bits === undefined) return true;
  return /^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128);
}
