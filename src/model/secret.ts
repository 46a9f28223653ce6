import type { Origin } from "#problems/object-ref.ts";

/** A certificate with its key, in PEM. Never printed. */
export interface ServerSecret {
  readonly scope: string;
  readonly name: string;
  readonly certificateChain: string;
  readonly privateKey: string;
  readonly origin: Origin;
}
