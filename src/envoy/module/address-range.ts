import { isIP } from "node:net";

/** An address range in the module's form: IPv4 is written as IPv6 does it, `::ffff:1.2.3.4`. */
export interface AddressRange {
  /** Length of the prefix, of 128. */
  readonly bits: number;
  readonly address: Uint8Array;
}

/** Reads `10.0.0.0/8`, `192.0.2.7`, `2001:db8::/32` or `::1`; undefined when it is none of these. */
export function parseAddressRange(range: string): AddressRange | undefined {
  const [, address = "", prefix] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(range) ?? [];
  const version = isIP(address);
  if (version === 0 || address.includes("%")) return undefined;
  const width = version === 4 ? 32 : 128;
  const length = prefix === undefined ? width : Number(prefix);
  if (length > width) return undefined;
  return { bits: 128 - width + length, address: version === 4 ? mapped(address) : parse6(address) };
}

function mapped(address: string): Uint8Array {
  const bytes = new Uint8Array(16).fill(0xff, 10, 12);
  bytes.set(parse4(address), 12);
  return bytes;
}

function parse4(address: string): number[] {
  return address.split(".").map(Number);
}

function parse6(address: string): Uint8Array {
  const [before = "", behind] = address.split("::");
  const first = groups(before);
  const last = groups(behind ?? "");
  const bytes = new Uint8Array(16);
  bytes.set(first, 0);
  bytes.set(last, 16 - last.length);
  return bytes;
}

function groups(part: string): number[] {
  if (part === "") return [];
  return part.split(":").flatMap((group) => {
    if (group.includes(".")) return parse4(group);
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}
