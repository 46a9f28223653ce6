/** What a proxy says of itself when it opens a stream. */
export interface ProxyNode {
  readonly id: string;
  readonly cluster: string;
  /** The string values of the node's metadata. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** The scope and node id of the Envoy without traffic on which changes are proven; see `adsBootstrap`. */
export const proverScope = "prover";
