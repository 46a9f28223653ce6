import type { Delivery } from "./delivery.ts";
import { type DeltaRequest, forEachField } from "./delta-wire.ts";
import { type Resource, type ResourceType, resourceTypes, routeTableOf, typeUrls } from "./resource.ts";
import type { Push } from "./subscription.ts";

type Held = Map<string, { readonly version: string; readonly text: string }>;

/**
 * A proxy for tests of the protocol that behaves as Envoy 1.40 was seen to: it asks for endpoints of its clusters, for
 * route tables of its listeners, for virtual hosts without a name; it answers for clusters only when all are warm; it
 * refuses a response with a bad resource as a whole, except for clusters. It breaks the test when it would answer 503.
 */
export class ScriptedProxy {
  readonly held = new Map<ResourceType, Held>(resourceTypes.map((type) => [type, new Map()]));
  readonly violations: string[] = [];
  /** Requests on their way to the server. */
  readonly outbox: DeltaRequest[] = [];
  readonly #isBad: (resource: Resource) => boolean;
  readonly #warming = new Set<string>();
  readonly #tables = new Set<string>();
  #clusterAnswers: DeltaRequest[] = [];
  #askedHosts = false;

  constructor(isBad: (resource: Resource) => boolean) {
    this.#isBad = isBad;
  }

  /** The first requests of a stream; what is held already is told. */
  connect(): void {
    this.outbox.length = 0;
    this.#clusterAnswers = [];
    this.#ask("cluster", [], true);
    const endpoints = [...this.#of("endpoints").keys()];
    const asked = new Set([...endpoints, ...[...this.#of("cluster").values()].map(({ text }) => text)]);
    if (asked.size > 0) this.#ask("endpoints", [...asked], true);
    this.#ask("listener", [], true);
    if (this.#tables.size > 0) this.#ask("routes", [...this.#tables], true);
    if (this.#askedHosts) this.#ask("virtualHost", [], true);
  }

  /** Hands the oldest request to the server. */
  talk(delivery: Delivery): ReturnType<Delivery["receive"]> {
    const request = this.outbox.shift();
    return request && delivery.receive(request);
  }

  /** Takes a response. */
  take(push: Push): void {
    const names = [...push.resources.map(({ name }) => name), ...push.removed];
    if (new Set(names).size !== names.length) this.violations.push(`${push.type}: a name stands twice`);
    const bad = push.resources.filter(this.#isBad);
    if (bad.length > 0 && push.type !== "cluster") {
      this.#answer(push, `Bad thing in ${bad.length} of ${names.length}`);
      return;
    }
    for (const resource of push.resources) if (!bad.includes(resource)) this.#put(resource);
    for (const name of push.removed) this.#remove(push.type, name);
    const list = bad.map(({ name }) => `${name}: bad thing`).join(", ");
    this.#answer(push, bad.length > 0 ? `Error adding/updating cluster(s) ${list}` : undefined);
    this.#checkRoutes();
  }

  #put(resource: Resource): void {
    const { type, name, version } = resource;
    const isNew = !this.#of(type).has(name);
    if (type === "virtualHost" && !this.#tables.has(routeTableOf(name))) return;
    this.#of(type).set(name, { version, text: textOf(resource) });
    if (type === "cluster") {
      this.#warming.add(name);
      if (isNew) this.#ask("endpoints", [textOf(resource)]);
    }
    if (type === "endpoints") {
      for (const [cluster, { text }] of this.#of("cluster")) if (text === name) this.#warming.delete(cluster);
    }
    if (type === "listener" && isNew) {
      this.#tables.add(name);
      this.#ask("routes", [name]);
    }
    if (type === "routes" && !this.#askedHosts) {
      this.#askedHosts = true;
      this.#ask("virtualHost", []);
    }
  }

  #remove(type: ResourceType, name: string): void {
    const held = this.#of(type).get(name);
    if (held === undefined) return;
    this.#of(type).delete(name);
    if (type === "cluster") {
      this.#warming.delete(name);
      this.#of("endpoints").delete(held.text);
      this.#ask("endpoints", [], false, [held.text]);
    }
    if (type === "listener") {
      this.#tables.delete(name);
      this.#of("routes").delete(name);
      for (const host of this.#of("virtualHost").keys()) {
        if (routeTableOf(host) === name) this.#of("virtualHost").delete(host);
      }
      this.#ask("routes", [], false, [name]);
    }
  }

  /** A route to a cluster that is not there, or that never had an endpoint, would answer 503. */
  #checkRoutes(): void {
    for (const [host, { text }] of this.#of("virtualHost")) {
      const cluster = this.#of("cluster").get(text);
      if (text === "") continue;
      if (cluster === undefined) this.violations.push(`${host} leads to ${text}, which is not there`);
      else if (!this.#of("endpoints").has(cluster.text)) this.violations.push(`${text} has no endpoints`);
    }
  }

  #answer(push: Push, error: string | undefined): void {
    const answer = requestOf(push.type, { nonce: push.nonce, error });
    if (push.type === "cluster") this.#clusterAnswers.push(answer);
    else this.outbox.push(answer);
    if (this.#warming.size === 0) this.outbox.push(...this.#clusterAnswers.splice(0));
  }

  #ask(type: ResourceType, subscribe: string[], first = false, unsubscribe: string[] = []): void {
    const versions = first ? [...this.#of(type)].map(([name, { version }]) => [name, version] as const) : [];
    this.outbox.push(requestOf(type, { subscribe, unsubscribe, initialVersions: new Map(versions) }));
  }

  #of(type: ResourceType): Held {
    const held = this.held.get(type);
    if (held === undefined) throw new Error(type);
    return held;
  }
}

function requestOf(type: ResourceType, more: Partial<DeltaRequest>): DeltaRequest {
  return {
    node: undefined,
    typeUrl: typeUrls[type],
    subscribe: [],
    unsubscribe: [],
    initialVersions: new Map(),
    nonce: "",
    error: undefined,
    ...more,
  };
}

/** Of a cluster the name of its endpoints, of a virtual host its cluster: what `sample-resources.ts` writes. */
function textOf({ type, name, body }: Resource): string {
  if (type === "cluster") return `e-${name}`;
  if (type !== "virtualHost") return "";
  let cluster = "";
  forEachField(body, (field, wire, reader) => {
    if (field !== 3) reader.skip(wire, field);
    else cluster = /\bc\d+\b/.exec(Buffer.from(reader.bytes()).toString("latin1"))?.[0] ?? "";
  });
  return cluster;
}
