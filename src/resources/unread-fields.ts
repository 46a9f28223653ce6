import { z } from "zod";

/** Fields that belong to a kind but that Diolkos has no use for: any value is accepted, and no warning is given. */
export function unreadFields<const Name extends string>(
  ...names: readonly Name[]
): { [K in Name]: z.ZodOptional<z.ZodUnknown> } {
  return Object.fromEntries(names.map((name) => [name, z.unknown().optional()])) as {
    [K in Name]: z.ZodOptional<z.ZodUnknown>;
  };
}
