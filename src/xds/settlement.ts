import type { DeltaServer, ProxyStream } from "./delta-server.ts";
import { proverScope } from "./proxy-node.ts";
import type { Awaited } from "./publisher.ts";

export interface SettlementOptions {
  readonly server: DeltaServer;
  /** Whether changes are on their way that no proxy has got yet. */
  readonly isBusy: () => boolean;
  readonly onSettled: () => void;
}

/** Knows whether every connected and every expected proxy has acknowledged the newest state. */
export class Settlement {
  readonly #options: SettlementOptions;
  readonly #expected = new Map<string, { readonly scope: string; readonly node: string }>();
  /** Connected proxies that have not acknowledged everything. */
  readonly #unsettled = new Set<ProxyStream>();
  #settled = true;
  #waiters: (() => void)[] = [];
  /** Whether everything was in place at least once. */
  everSettled = false;

  constructor(options: SettlementOptions) {
    this.#options = options;
    options.server.on({
      connected: (stream) => this.#note(stream),
      progress: (stream) => this.#note(stream),
      disconnected: (stream) => {
        this.#unsettled.delete(stream);
        this.check();
      },
    });
  }

  expect(scope: string, node: string): void {
    this.#expected.set(`${scope}\n${node}`, { scope, node });
    this.check();
  }

  unexpect(scope: string, node: string): void {
    this.#expected.delete(`${scope}\n${node}`);
    this.check();
  }

  /** What is awaited of proxies. */
  awaited(): readonly Awaited[] {
    const awaited: Awaited[] = this.#missing().map(({ scope, node }) => {
      return { scope, node, what: "connection", names: [] };
    });
    for (const stream of this.#options.server.streams()) {
      if (stream.scope === proverScope) continue;
      for (const [what, names] of stream.open()) {
        awaited.push({ scope: stream.scope, node: stream.node.id, what, names });
      }
    }
    return awaited;
  }

  whenSettled(): Promise<void> {
    this.check();
    if (this.#settled) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** Looks again, and tells those who wait when nothing is awaited any more. */
  check(): void {
    if (this.#options.isBusy() || this.#unsettled.size > 0 || this.#missing().length > 0) {
      this.#settled = false;
      return;
    }
    if (this.#settled) return;
    this.#settled = true;
    this.everSettled = true;
    for (const resolve of this.#waiters.splice(0)) resolve();
    this.#options.onSettled();
  }

  #note(stream: ProxyStream): void {
    if (stream.scope === proverScope) return;
    if (stream.settled) this.#unsettled.delete(stream);
    else this.#unsettled.add(stream);
    this.check();
  }

  #missing(): readonly { readonly scope: string; readonly node: string }[] {
    return [...this.#expected.values()].filter(({ scope, node }) => {
      for (const stream of this.#options.server.streamsOf(scope)) if (stream.node.id === node) return false;
      return true;
    });
  }
}
