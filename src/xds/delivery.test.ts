import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Delivery, type DeliveryOptions, deliveryDefaults } from "./delivery.ts";
import { type Resource, routeTableOf } from "./resource.ts";
import {
  sampleCluster,
  sampleEndpoints,
  sampleForward,
  sampleHost,
  sampleListener,
  sampleRoutes,
} from "./sample-resources.ts";
import { Scope, type ScopeChange } from "./scope.ts";
import { ScriptedProxy } from "./scripted-proxy.ts";
import type { Refused } from "./subscription.ts";

const scopeName = "gw";

function put(resource: Resource): ScopeChange {
  return { type: resource.type, name: resource.name, resource };
}

function remove(type: Resource["type"], name: string): ScopeChange {
  return { type, name, resource: undefined };
}

/** A scope with one proxy, joined by hand: nothing moves unless the test says so. */
class Stage {
  readonly scope = new Scope(scopeName);
  readonly proxy: ScriptedProxy;
  readonly refused: Refused[] = [];
  readonly pushes: string[] = [];
  now = 1000;
  delivery: Delivery;
  readonly #options: DeliveryOptions;

  constructor(options: Partial<DeliveryOptions> = {}, isBad: (resource: Resource) => boolean = () => false) {
    this.#options = { ...deliveryDefaults, graceMs: 0, ...options };
    this.proxy = new ScriptedProxy(isBad);
    this.delivery = new Delivery(this.scope, this.#options);
  }

  connect(): void {
    this.delivery = new Delivery(this.scope, this.#options);
    this.proxy.connect();
  }

  apply(...changes: ScopeChange[]): void {
    this.delivery.change(this.scope.apply(changes));
  }

  /** The proxy says one thing; false when it has nothing to say. */
  talk(): boolean {
    if (this.proxy.outbox.length === 0) return false;
    const taken = this.proxy.talk(this.delivery);
    for (const refused of taken?.outcome.refused ?? []) {
      this.refused.push(refused);
      if (taken === undefined || this.scope.revert(taken.type, refused.name, refused.version) === undefined)
        continue;
      this.delivery.change([{ type: taken.type, name: refused.name }]);
    }
    for (const [name, version] of taken?.outcome.acknowledged ?? []) {
      if (taken !== undefined && version !== undefined) this.scope.acknowledge(taken.type, name, version);
    }
    return true;
  }

  /** The server sends one response; false when it has none. */
  send(): boolean {
    const push = this.delivery.next(this.now);
    if (push === undefined) return false;
    const names = [...push.resources.map(({ name }) => name), ...push.removed.map((name) => `-${name}`)];
    this.pushes.push(`${push.type} ${names.join(" ")}`);
    this.proxy.take(push);
    return true;
  }

  /** Until both are silent. */
  run(): void {
    for (let steps = 0; this.send() || this.talk(); steps += 1) {
      if (steps > 10_000) throw new Error("They talk for ever.");
    }
  }

  get hosts(): string[] {
    return [...(this.proxy.held.get("virtualHost")?.keys() ?? [])].sort();
  }

  get clusters(): string[] {
    return [...(this.proxy.held.get("cluster")?.keys() ?? [])].sort();
  }
}

const listener = sampleListener(scopeName, "t1", 8000, "t1");
const base = [put(listener), put(sampleRoutes(scopeName, "t1"))];

function backend(cluster: string, port = 1): ScopeChange[] {
  return [put(sampleCluster(scopeName, cluster)), put(sampleEndpoints(scopeName, cluster, [port]))];
}

function started(options: Partial<DeliveryOptions> = {}, isBad?: (resource: Resource) => boolean): Stage {
  const stage = new Stage(options, isBad);
  stage.apply(...base, ...backend("c1"), put(sampleForward(scopeName, "t1", "a.test", "c1")));
  stage.connect();
  stage.run();
  stage.pushes.length = 0;
  return stage;
}

describe("the order of delivery", () => {
  test("a proxy that starts gets everything, and a sentinel host", () => {
    const stage = started();
    expect(stage.delivery.settled).toBe(true);
    expect(stage.hosts).toEqual(["t1/a.test", "t1/none"]);
    expect(stage.proxy.violations).toEqual([]);
  });

  test("a changed virtual host goes alone", () => {
    const stage = started();
    stage.apply(put(sampleHost(scopeName, "t1", "a.test", "hello")));
    stage.run();
    expect(stage.pushes).toEqual(["virtualHost t1/a.test"]);
  });

  test("a route waits for its new cluster, an independent route does not", () => {
    const stage = started();
    stage.apply(...backend("c2"), put(sampleForward(scopeName, "t1", "a.test", "c2")));
    expect(stage.send()).toBe(true);
    expect(stage.send()).toBe(false);
    stage.apply(put(sampleHost(scopeName, "t1", "b.test", "independent")));
    expect(stage.send()).toBe(true);
    expect(stage.pushes).toEqual(["cluster c2", "virtualHost t1/b.test"]);
    stage.run();
    expect(stage.hosts).toEqual(["t1/a.test", "t1/b.test", "t1/none"]);
    expect(stage.proxy.violations).toEqual([]);
  });

  test("virtual hosts that change together go together, also when a later batch touches one of them", () => {
    const stage = started();
    stage.apply(
      ...backend("c2"),
      put(sampleForward(scopeName, "t1", "a.test", "c2")),
      put(sampleHost(scopeName, "t1", "b.test", "x")),
    );
    stage.send();
    // b.test changes again, together with d.test.
    stage.apply(
      put(sampleHost(scopeName, "t1", "b.test", "y")),
      put(sampleHost(scopeName, "t1", "d.test", "y")),
    );
    expect(stage.send()).toBe(false);
    stage.run();
    expect(stage.pushes.at(-1)).toBe("virtualHost t1/a.test t1/b.test t1/d.test");
  });

  test("a cluster goes after the grace time that follows the acknowledgement of the routes", () => {
    const stage = started({ graceMs: 500 });
    stage.apply(
      ...backend("c2"),
      put(sampleForward(scopeName, "t1", "a.test", "c2")),
      remove("cluster", "c1"),
      remove("endpoints", "e-c1"),
    );
    stage.run();
    expect(stage.delivery.settled).toBe(true);
    expect(stage.clusters).toEqual(["c1", "c2"]);
    expect(stage.delivery.wakeAt(stage.now)).toBe(1500);
    stage.now = 1499;
    stage.run();
    expect(stage.clusters).toEqual(["c1", "c2"]);
    stage.now = 1500;
    stage.run();
    expect(stage.clusters).toEqual(["c2"]);
    expect(stage.proxy.violations).toEqual([]);
    expect(stage.delivery.wakeAt(stage.now)).toBeUndefined();
  });

  test("a cluster that comes back within the grace time stays, and nothing is sent", () => {
    const stage = started({ graceMs: 500 });
    const [cluster, endpoints] = backend("c1");
    stage.apply(remove("cluster", "c1"), remove("endpoints", "e-c1"));
    stage.run();
    stage.now += 300;
    if (cluster !== undefined && endpoints !== undefined) stage.apply(cluster, endpoints);
    stage.run();
    stage.now += 300;
    stage.run();
    expect(stage.pushes).toEqual([]);
    expect(stage.clusters).toEqual(["c1"]);
  });

  test("while a resource is refused, nothing is removed that its former content may need", () => {
    const stage = started();
    stage.scope.refused.add("some host");
    stage.apply(remove("cluster", "c1"));
    stage.run();
    expect(stage.clusters).toEqual(["c1"]);
    expect(stage.delivery.wakeAt(stage.now)).toBeUndefined();
    // The host gets a content that is accepted.
    stage.apply(remove("virtualHost", "t1/a.test"));
    stage.scope.refused.clear();
    stage.run();
    expect(stage.pushes).toEqual(["virtualHost -t1/a.test", "cluster -c1"]);
  });

  test("the endpoints of a changed cluster are sent again, for Envoy does not ask", () => {
    const stage = started();
    stage.apply(put(sampleCluster(scopeName, "c1", { connectTimeout: "3s" })));
    stage.run();
    expect(stage.pushes).toEqual(["cluster c1", "endpoints e-c1"]);
    expect(stage.delivery.settled).toBe(true);
  });

  test("an EDS cluster without endpoints, and a table without routes, are answered", () => {
    const stage = new Stage();
    stage.apply(put(listener), put(sampleCluster(scopeName, "c1")));
    stage.connect();
    stage.run();
    expect(stage.delivery.settled).toBe(true);
    expect([...(stage.proxy.held.get("endpoints")?.keys() ?? [])]).toEqual(["e-c1"]);
    expect([...(stage.proxy.held.get("routes")?.keys() ?? [])]).toEqual(["t1"]);
  });

  test("a proxy without any resource is answered once", () => {
    const stage = new Stage();
    stage.apply(remove("cluster", "none"));
    stage.connect();
    stage.run();
    expect(stage.pushes).toEqual(["cluster ", "listener "]);
    expect(stage.delivery.settled).toBe(true);
  });

  test("a cluster that does not get warm keeps its own routes waiting, and only for a time", () => {
    const stage = started({ patienceMs: 100, overdueMs: 500 });
    stage.apply(...backend("c2"), put(sampleForward(scopeName, "t1", "a.test", "c2")));
    const push = stage.delivery.next(stage.now);
    expect(push?.type).toBe("cluster");
    stage.apply(put(sampleForward(scopeName, "t1", "b.test", "c1")));
    expect(stage.delivery.next(stage.now)?.resources.map(({ name }) => name)).toEqual(["t1/b.test"]);
    // Other clusters get their turn after the patience is over.
    stage.apply(...backend("c3"));
    expect(stage.delivery.next(stage.now)).toBeUndefined();
    expect(stage.delivery.wakeAt(stage.now)).toBe(1100);
    stage.now = 1100;
    expect(stage.delivery.next(stage.now)?.resources.map(({ name }) => name)).toEqual(["c3"]);
    stage.now = 1501;
    expect(stage.delivery.next(stage.now)?.resources.map(({ name }) => name)).toEqual(["t1/a.test"]);
  });
});

describe("a proxy that comes back", () => {
  test("is sent nothing that it has", () => {
    const stage = started();
    stage.connect();
    stage.run();
    expect(stage.pushes).toEqual([]);
    expect(stage.delivery.settled).toBe(true);
  });

  test("gets what changed meanwhile, in order", () => {
    const stage = started();
    stage.apply(
      ...backend("c2"),
      put(sampleForward(scopeName, "t1", "a.test", "c2")),
      put(sampleCluster(scopeName, "c1", { connectTimeout: "3s" })),
    );
    stage.connect();
    stage.run();
    expect(stage.proxy.violations).toEqual([]);
    expect(stage.pushes[0]).toBe("cluster c1 c2");
    expect(stage.pushes.at(-1)).toBe("virtualHost t1/a.test");
    expect(stage.delivery.settled).toBe(true);
  });

  test("loses what is gone", () => {
    const stage = started();
    stage.apply(remove("virtualHost", "t1/a.test"), remove("cluster", "c1"), remove("endpoints", "e-c1"));
    stage.connect();
    stage.run();
    expect(stage.pushes).toEqual(["virtualHost -t1/a.test", "cluster -c1"]);
    expect(stage.proxy.violations).toEqual([]);
    expect(stage.hosts).toEqual(["t1/none"]);
  });
});

describe("a refused response", () => {
  const isBad = (resource: Resource) => Buffer.from(resource.body).includes("bad");

  test("is cut until the bad host stands alone; all others get through", () => {
    const stage = started({}, isBad);
    const hosts = Array.from({ length: 20 }, (_, at) =>
      put(sampleHost(scopeName, "t1", `h${at}.test`, at === 7 || at === 13 ? "bad" : "good")),
    );
    stage.apply(...hosts, put(sampleHost(scopeName, "t1", "a.test", "bad")));
    stage.run();
    expect(stage.refused.map(({ name }) => name).sort()).toEqual(["t1/a.test", "t1/h13.test", "t1/h7.test"]);
    expect(stage.hosts.length).toBe(18 + 2);
    expect(stage.delivery.settled).toBe(true);
    expect(stage.scope.get("virtualHost", "t1/a.test")?.version).toBe(
      sampleForward(scopeName, "t1", "a.test", "c1").version,
    );
  });

  test("of clusters names the bad ones", () => {
    const stage = started({}, isBad);
    stage.apply(
      ...backend("c2"),
      put(sampleCluster(scopeName, "c3", { altStatName: "bad" })),
      ...backend("c4"),
    );
    stage.run();
    expect(stage.refused.map(({ name, message }) => [name, message])).toEqual([["c3", "bad thing"]]);
    expect(stage.clusters).toEqual(["c1", "c2", "c4"]);
    expect(stage.delivery.settled).toBe(true);
  });
});

describe("whatever happens", () => {
  const clusters = ["c1", "c2", "c3"] as const;
  const hosts = ["a.test", "b.test", "d.test"] as const;
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom("talk" as const, "send" as const, "send" as const) },
    { weight: 1, arbitrary: fc.constantFrom("reconnect" as const, "tick" as const) },
    { weight: 2, arbitrary: fc.constant("run" as const) },
    {
      weight: 3,
      arbitrary: fc.record({
        // The wanted state: which cluster each host leads to; clusters that nobody uses are removed.
        hosts: fc.array(fc.option(fc.constantFrom(...clusters)), { minLength: 3, maxLength: 3 }),
        timeout: fc.integer({ min: 1, max: 3 }),
        bad: fc.constantFrom(null, null, null, null, null, ...hosts),
        table: fc.constantFrom("t1", "t2"),
      }),
    },
  );

  test("the proxy ends with the wanted state and never answers 503", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const stage = new Stage({}, (resource) => Buffer.from(resource.body).includes("bad"));
        const wanted = new Map<string, Resource>();
        const want = (resources: readonly Resource[]) => {
          const keys = new Map(resources.map((one) => [`${one.type} ${one.name}`, one]));
          const gone = [...wanted.values()].filter((one) => !keys.has(`${one.type} ${one.name}`));
          stage.apply(...resources.map(put), ...gone.map((one) => remove(one.type, one.name)));
          wanted.clear();
          for (const [key, resource] of keys) wanted.set(key, resource);
        };
        want([listener, sampleRoutes(scopeName, "t1")]);
        stage.connect();
        for (const one of steps) {
          if (one === "talk") stage.talk();
          else if (one === "send") stage.send();
          else if (one === "run") stage.run();
          else if (one === "tick") stage.now += 10;
          else if (one === "reconnect") stage.connect();
          else {
            const used = new Set(one.hosts.flatMap((cluster) => cluster ?? []));
            want([
              listener,
              sampleRoutes(scopeName, "t1"),
              sampleListener(scopeName, "t2", 8001, "t2"),
              sampleRoutes(scopeName, "t2"),
              ...[...used].flatMap((cluster) => [
                sampleCluster(scopeName, cluster, { connectTimeout: `${one.timeout}s` }),
                sampleEndpoints(scopeName, cluster, [one.timeout]),
              ]),
              ...one.hosts.flatMap((cluster, at) => {
                const host = hosts[at] ?? "";
                if (cluster === null) return [];
                // A bad host leads nowhere, so that its former content needs no cluster that is removed.
                if (one.bad === host) return [sampleHost(scopeName, one.table, host, "bad")];
                return [sampleForward(scopeName, one.table, host, cluster)];
              }),
            ]);
            // The publisher does this as long as a refused host goes on with its former content.
            if (one.bad !== null) stage.scope.refused.add("host");
            else stage.scope.refused.clear();
          }
        }
        // What a refused host falls back to may lead to a cluster that this test has removed: take it away.
        want([...wanted.values()].filter((one) => !Buffer.from(one.body).includes("bad")));
        stage.scope.refused.clear();
        stage.run();
        stage.now += 1;
        stage.run();
        expect(stage.proxy.violations).toEqual([]);
        expect(stage.delivery.settled).toBe(true);
        for (const type of ["cluster", "listener", "virtualHost"] as const) {
          const has = [...(stage.proxy.held.get(type) ?? [])].map(
            ([name, { version }]) => `${name} ${version}`,
          );
          const should = [...wanted.values()]
            .filter((one) => one.type === type)
            .map(({ name, version }) => `${name} ${version}`);
          if (type === "virtualHost") {
            for (const table of stage.proxy.held.get("listener")?.keys() ?? []) {
              should.push(has.find((one) => one.startsWith(`${table}/none `)) ?? `${table}/none is missing`);
            }
          }
          expect(has.sort()).toEqual(should.sort());
        }
        for (const host of stage.hosts)
          expect(stage.proxy.held.get("listener")?.has(routeTableOf(host))).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});
