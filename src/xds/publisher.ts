import type { Origin } from "#problems/object-ref.ts";
import type { DeltaCounters } from "./counters.ts";
import type { ProxyNode } from "./proxy-node.ts";
import { Publication } from "./publication.ts";
import type { Resource, ResourceType } from "./resource.ts";

/** One change of what the proxies of a scope are to have. */
export interface ResourceChange {
  readonly scope: string;
  readonly type: ResourceType;
  readonly name: string;
  /** Undefined: it is to go. */
  readonly resource: Resource | undefined;
}

/** A resource that Envoy does not take. Proxies keep its former version until it gets a new content. */
export interface Refusal {
  readonly resource: Resource;
  /** The objects that are to blame; all of the resource's when no part of it is refused alone. Empty when no object is
   * to blame: a listener's port is taken. That is tried again by itself. */
  readonly origins: readonly Origin[];
  /** Envoy's words, made readable. */
  readonly message: string;
}

/** Something that is not yet as it should be: a change on its way, or a proxy that has not acknowledged or come. */
export interface Awaited {
  readonly scope: string;
  /** Node id; undefined while a change is being proven, before any proxy got it. */
  readonly node: string | undefined;
  /** "proof", "connection" or the type of the resources. */
  readonly what: "proof" | "connection" | ResourceType;
  readonly names: readonly string[];
}

/** One proxy that has a stream now. */
export interface ConnectedProxy {
  readonly scope: string;
  readonly node: ProxyNode;
  readonly settled: boolean;
}

export interface PublisherOptions {
  /** Unix socket for the proxies and the prover; at most 95 characters. */
  readonly socketPath: string;
  /** Another listener, for proxies of other machines. */
  readonly tcp?: { readonly host: string; readonly port: number };
  /** Which resources a proxy receives; undefined turns it away. Default: its node metadata `scope`. */
  readonly scopeOf?: (node: ProxyNode) => string | undefined;
  /** Milliseconds between the acknowledgement of new routes and the removal of what they used before. Default 10,000. */
  readonly graceMs?: number;
  /** Where the last-good snapshot is kept (one file). */
  readonly snapshotPath?: string;
  /** Milliseconds that the first publish waits for the prover to connect. Default 0. */
  readonly awaitProverMs?: number;
  /** Milliseconds after which a prover that does not answer is passed over. Default 3000. */
  readonly proverTimeoutMs?: number;
  readonly onRefused: (refusal: Refusal) => void;
  /** A content that was refused has been taken after all. */
  readonly onHealed?: (resource: Resource) => void;
  readonly onSettled?: () => void;
  readonly onConnected?: (proxy: ConnectedProxy) => void;
  readonly onDisconnected?: (proxy: ConnectedProxy) => void;
}

/** Brings resources to proxies: proven, in a safe order, and remembered. */
export interface Publisher {
  /** Takes changes and brings them on their way, newer ones in the place of older ones of the same resource. A scope's
   * first publish holds its whole content. */
  publish(changes: readonly ResourceChange[]): void;
  /** A proxy that must connect and acknowledge before the state counts as settled. */
  expect(scope: string, nodeId: string): void;
  /** It was stopped on purpose. */
  unexpect(scope: string, nodeId: string): void;
  /** What is awaited; empty when every connected and expected proxy has acknowledged the newest state. */
  pending(): readonly Awaited[];
  /** Resolves when nothing is awaited. */
  whenSettled(): Promise<void>;
  proxies(): readonly ConnectedProxy[];
  /** True while changes go to the proxies unproven. */
  readonly proverDown: boolean;
  readonly counters: Readonly<DeltaCounters>;
  /** Ends all streams and writes what is left of the snapshot. The proxies keep what they have. */
  close(): Promise<void>;
}

/**
 * Begins to listen; nothing is served before it is published.
 *
 *   const xds = await startPublisher({ socketPath, snapshotPath, onRefused });
 *   xds.expect("gateway", "gateway");
 *   xds.publish(changes);
 *   xds.pending();                      // [] = /readyz 200
 */
export function startPublisher(options: PublisherOptions): Promise<Publisher> {
  return Publication.start(options);
}
