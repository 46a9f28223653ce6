import type { Socket } from "node:net";
import { Server as GrpcServer, ServerCredentials, type ServerDuplexStream, status } from "@grpc/grpc-js";
import { Admission } from "./admission.ts";
import { type DeltaCounters, newCounters } from "./counters.ts";
import { Delivery, type DeliveryOptions, deliveryDefaults } from "./delivery.ts";
import { type DeltaRequest, decodeRequest, encodeResponse } from "./delta-wire.ts";
import type { ProxyNode } from "./proxy-node.ts";
import { type Resource, type ResourceType, typeUrls } from "./resource.ts";
import { Scope, type ScopeChange } from "./scope.ts";
import { listenOnTcp, listenOnUnixSocket } from "./socket.ts";
import type { Refused } from "./subscription.ts";

/** One stream of one proxy. A proxy that restarts hot has two for a while. */
export interface ProxyStream {
  readonly scope: string;
  readonly node: ProxyNode;
  readonly settled: boolean;
  /** What it has not acknowledged; without removals that wait for their grace time. */
  open(): ReadonlyMap<ResourceType, readonly string[]>;
}

/** Who wants to know what the proxies answer. */
export interface DeltaEvents {
  connected?(stream: ProxyStream): void;
  disconnected?(stream: ProxyStream): void;
  /** Version undefined: it no longer has the resource. Also what a proxy had already when it connected. */
  acknowledged?(
    stream: ProxyStream,
    type: ResourceType,
    versions: ReadonlyMap<string, string | undefined>,
  ): void;
  /** All proxies of the scope go back to the content before. */
  refused?(stream: ProxyStream, resource: Resource, message: string): void;
  /** A proxy has refused something; `refused` are those that could be told apart, also when they are no longer wanted. */
  nacked?(stream: ProxyStream, type: ResourceType, refused: readonly Refused[]): void;
  /** Something that is awaited has come or changed; for `settled` and `open`. */
  progress?(stream: ProxyStream): void;
}

export interface DeltaServerOptions {
  /** Which resources a proxy receives; undefined turns it away. Default: its node metadata `scope`. */
  readonly scopeOf?: (node: ProxyNode) => string | undefined;
  /** How the proxies of a scope are served, where it differs from `deliveryDefaults`. */
  readonly deliveryOf?: (scope: string) => Partial<DeliveryOptions>;
}

type Call = ServerDuplexStream<Buffer, Buffer>;

class Stream implements ProxyStream {
  readonly scope: string;
  readonly node: ProxyNode;
  readonly delivery: Delivery;
  readonly call: Call;
  /** The peer reads slowly: wait until what was written has left. */
  choked = false;
  timer: NodeJS.Timeout | undefined;
  /** Requests that came before the scope had its first content. */
  readonly early: DeltaRequest[] = [];

  constructor(call: Call, node: ProxyNode, scope: Scope, options: DeliveryOptions) {
    this.call = call;
    this.node = node;
    this.scope = scope.name;
    this.delivery = new Delivery(scope, options);
  }

  get settled(): boolean {
    return this.early.length === 0 && this.delivery.settled;
  }

  open(): ReadonlyMap<ResourceType, readonly string[]> {
    return this.delivery.open();
  }
}

const method = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";
const pass = (bytes: Buffer) => bytes;

/**
 * A delta ADS server for many scopes. `apply` changes what a scope's proxies are to have; every proxy is brought there
 * in a safe order (see `Delivery`), and what they answer arrives at the subscribers of `on`.
 */
export class DeltaServer {
  readonly counters: DeltaCounters = newCounters();
  readonly #options: DeltaServerOptions;
  readonly #grpc = new GrpcServer({
    // A reconnecting proxy lists everything that it has.
    "grpc.max_receive_message_length": 256 * 1024 * 1024,
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 10_000,
    "grpc.enable_channelz": 0,
  });
  readonly #injector = this.#grpc.createConnectionInjector(ServerCredentials.createInsecure());
  readonly #admission = new Admission<Socket>((socket) => {
    if (!socket.destroyed) this.#injector.injectConnection(socket);
  });
  readonly #scopes = new Map<string, Scope>();
  readonly #streams = new Map<string, Set<Stream>>();
  readonly #subscribers = new Set<DeltaEvents>();
  readonly #listeners: { close(): Promise<void> }[] = [];
  readonly #sockets = new Set<Socket>();
  #closed = false;

  constructor(options: DeltaServerOptions = {}) {
    this.#options = options;
    const definition = {
      path: method,
      requestStream: true,
      responseStream: true,
      requestSerialize: pass,
      requestDeserialize: pass,
      responseSerialize: pass,
      responseDeserialize: pass,
    };
    this.#grpc.addService(
      { deltaAggregatedResources: definition },
      {
        deltaAggregatedResources: (call: Call) => this.#serve(call),
      },
    );
  }

  /** Takes connections on a unix socket, also when another process listens there now. */
  async listen(path: string): Promise<void> {
    this.#listeners.push(await listenOnUnixSocket(path, (socket) => this.#accept(socket)));
  }

  /** Takes connections on TCP; returns the port. */
  async listenOnTcp(host: string, port: number): Promise<number> {
    const listener = await listenOnTcp(host, port, (socket) => this.#accept(socket));
    this.#listeners.push(listener);
    return listener.port;
  }

  /** Returns a function that ends the subscription. */
  on(events: DeltaEvents): () => void {
    this.#subscribers.add(events);
    return () => this.#subscribers.delete(events);
  }

  /** Changes what the proxies of a scope are to have. The first call for a scope is its first whole content. */
  apply(scopeName: string, changes: readonly ScopeChange[]): void {
    const scope = this.#scope(scopeName);
    const wasReady = scope.ready;
    const changed = scope.apply(changes);
    for (const stream of this.streamsOf(scopeName)) {
      stream.delivery.change(changed);
      if (!wasReady) for (const request of stream.early.splice(0)) this.#take(stream, request);
      this.#flush(stream);
      this.#emit((to) => to.progress?.(stream));
    }
    if (scope.empty && this.streamsOf(scopeName).size === 0) this.#scopes.delete(scopeName);
  }

  /** While a scope has a refused resource, nothing that its former content may need is removed. */
  setRefused(scopeName: string, key: string, refused: boolean): void {
    const scope = this.#scope(scopeName);
    if (refused) scope.refused.add(key);
    else if (scope.refused.delete(key) && scope.refused.size === 0) {
      for (const stream of this.streamsOf(scopeName)) this.#flush(stream);
    }
  }

  /** What the scope's proxies are to have under this name now. */
  get(scopeName: string, type: ResourceType, name: string): Resource | undefined {
    return this.#scopes.get(scopeName)?.get(type, name);
  }

  /** Whether the scope has had its first content. */
  isReady(scopeName: string): boolean {
    return this.#scopes.get(scopeName)?.ready ?? false;
  }

  streamsOf(scopeName: string): ReadonlySet<Stream> {
    return this.#streams.get(scopeName) ?? noStreams;
  }

  *streams(): Generator<ProxyStream> {
    for (const streams of this.#streams.values()) yield* streams;
  }

  /** Ends all streams and stops listening. Proxies keep what they have and look for whoever listens next. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const listener of this.#listeners) await listener.close();
    this.#admission.close();
    for (const streams of this.#streams.values()) {
      for (const stream of streams) {
        clearTimeout(stream.timer);
        stream.call.end();
      }
    }
    this.#injector.destroy();
    // What was written last gets out; a peer that does not close its side is cut.
    await new Promise((resolve) => setImmediate(resolve));
    this.#grpc.forceShutdown();
    for (const socket of this.#sockets) socket.destroySoon();
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    this.#admission.add(socket);
  }

  #serve(call: Call): void {
    let stream: Stream | undefined;
    let ended = false;
    this.counters.connections += 1;
    call.on("data", (bytes: Buffer) => {
      if (ended) return;
      let request: DeltaRequest;
      try {
        request = decodeRequest(bytes);
      } catch (error) {
        call.emit("error", {
          code: status.INVALID_ARGUMENT,
          details: `Not a DeltaDiscoveryRequest: ${String(error)}`,
        });
        return;
      }
      if (stream === undefined) {
        this.#admission.arrived();
        stream = this.#open(call, request);
      }
      if (stream === undefined) return;
      if (!this.#scope(stream.scope).ready) {
        stream.early.push(request);
        return;
      }
      this.#take(stream, request);
      this.#flush(stream);
      const moved = stream;
      this.#emit((to) => to.progress?.(moved));
    });
    const end = () => {
      if (ended) return;
      ended = true;
      if (stream !== undefined) this.#drop(stream);
    };
    call.on("end", () => {
      end();
      call.end();
    });
    call.on("cancelled", end);
    call.on("error", end);
    call.on("close", end);
  }

  #open(call: Call, request: DeltaRequest): Stream | undefined {
    const { node } = request;
    const scopeOf = this.#options.scopeOf ?? ((one: ProxyNode) => one.metadata.scope);
    const scopeName = node === undefined ? undefined : scopeOf(node);
    if (node === undefined || scopeName === undefined) {
      const details = node === undefined ? "The first request has no node." : `Unknown proxy ${node.id}.`;
      call.emit("error", { code: status.FAILED_PRECONDITION, details });
      return undefined;
    }
    const delivery = { ...deliveryDefaults, ...this.#options.deliveryOf?.(scopeName) };
    const stream = new Stream(call, node, this.#scope(scopeName), delivery);
    const streams = this.#streams.get(scopeName) ?? new Set();
    streams.add(stream);
    this.#streams.set(scopeName, streams);
    this.counters.streams += 1;
    this.#emit((to) => to.connected?.(stream));
    return stream;
  }

  #drop(stream: Stream): void {
    clearTimeout(stream.timer);
    const streams = this.#streams.get(stream.scope);
    if (!streams?.delete(stream)) return;
    if (streams.size === 0) this.#streams.delete(stream.scope);
    this.counters.streams -= 1;
    if (streams.size === 0 && this.#scopes.get(stream.scope)?.empty) this.#scopes.delete(stream.scope);
    this.#emit((to) => to.disconnected?.(stream));
  }

  #take(stream: Stream, request: DeltaRequest): void {
    const taken = stream.delivery.receive(request);
    if (taken === undefined) return;
    const { type, outcome } = taken;
    const scope = this.#scope(stream.scope);
    const versions = new Map<string, string | undefined>([
      ...held(scope, type, request.initialVersions),
      ...outcome.acknowledged,
    ]);
    for (const name of request.unsubscribe)
      if (scope.get(type, name) === undefined) versions.set(name, undefined);
    if (versions.size > 0) {
      if (outcome.acknowledged.size > 0) this.counters.acknowledgements += 1;
      for (const [name, version] of versions)
        if (version !== undefined) scope.acknowledge(type, name, version);
      this.#emit((to) => to.acknowledged?.(stream, type, versions));
    }
    if (request.error !== undefined) this.#emit((to) => to.nacked?.(stream, type, outcome.refused));
    for (const { name, version, message } of outcome.refused) {
      const resource = scope.revert(type, name, version);
      if (resource === undefined) continue;
      this.counters.refusals += 1;
      // First of all those who may hold back removals.
      this.#emit((to) => to.refused?.(stream, resource, message));
      for (const other of this.streamsOf(stream.scope)) {
        other.delivery.change([{ type, name }]);
        if (other !== stream) this.#flush(other);
      }
    }
  }

  #flush(stream: Stream): void {
    if (this.#closed) return;
    const { delivery, call } = stream;
    while (!stream.choked) {
      const push = delivery.next(performance.now());
      if (push === undefined) break;
      const bytes = encodeResponse(typeUrls[push.type], push.nonce, push.resources, push.removed);
      this.counters.pushes += 1;
      this.counters.resourcesSent += push.resources.length;
      this.counters.bytesSent += bytes.length;
      if (call.write(bytes)) continue;
      stream.choked = true;
      call.once("drain", () => {
        stream.choked = false;
        this.#flush(stream);
      });
    }
    clearTimeout(stream.timer);
    const now = performance.now();
    const at = delivery.wakeAt(now);
    stream.timer = at === undefined ? undefined : setTimeout(() => this.#flush(stream), at - now + 1);
  }

  #scope(name: string): Scope {
    let scope = this.#scopes.get(name);
    if (scope === undefined) {
      scope = new Scope(name);
      this.#scopes.set(name, scope);
    }
    return scope;
  }

  #emit(tell: (to: DeltaEvents) => void): void {
    for (const subscriber of this.#subscribers) tell(subscriber);
  }
}

const noStreams: ReadonlySet<Stream> = new Set();

/** Of the versions that a proxy brought along, those that it is to have. */
function held(scope: Scope, type: ResourceType, versions: ReadonlyMap<string, string>): [string, string][] {
  return [...versions].filter(([name, version]) => scope.get(type, name)?.version === version);
}
