import { describe, expect, test } from "vitest";
import { Graph } from "#incremental/graph.ts";
import { type Problem, problem } from "#problems/problem.ts";
import { refOf } from "./kind.ts";
import { type LastGood, ObjectStore } from "./object-store.ts";
import { parseObject } from "./parse-object.ts";
import { kinds } from "./registry.ts";
import { type Service, serviceKind } from "./service.ts";

const ref = (name: string) => ({ kind: "Service", namespace: "prod", name });

function candidate(name: string, port: unknown) {
  const document = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: "prod" },
    spec: { ports: [{ port }] },
  };
  const [parsed] = parseObject(document, { place: "a.yaml" }).objects;
  if (parsed === undefined) throw new Error("no object");
  return parsed.candidate;
}

function setUp(kept: readonly LastGood[] = []) {
  const saved: { entries: readonly LastGood[]; times: number } = { entries: kept, times: 0 };
  const graph = new Graph();
  const store = new ObjectStore(graph, {
    load: () => JSON.parse(JSON.stringify(saved.entries)),
    save: (entries) => {
      saved.entries = entries;
      saved.times++;
    },
  });
  const services = store.table(serviceKind);
  const port = (name: string) => (services.get(`prod/${name}`) as Service | undefined)?.spec.ports?.[0]?.port;
  const codes = () => store.problems().map(({ code, object }) => `${code} ${object.name}`);
  return { graph, store, port, codes, saved };
}

const refused = (name: string, related: readonly string[] = []): Problem =>
  problem("rejected-by-envoy", ref(name), [], "Envoy says no.", { related: related.map(ref) });

test("each kind has a table of its own name", () => {
  expect(new Set(kinds.map(({ kind }) => kind)).size).toBe(kinds.length);
});

describe("versions", () => {
  test("a valid one is shown, an equal one changes nothing", () => {
    const { store, port } = setUp();
    store.put(candidate("a", 1));
    expect(port("a")).toBe(1);
    const { version } = store;
    store.put(candidate("a", 1));
    expect(store.version).toBe(version);
    store.put(candidate("a", 2));
    expect(port("a")).toBe(2);
    expect(store.version).toBeGreaterThan(version);
  });

  test("an invalid one leaves the last valid one and tells its problems, until it is fixed", () => {
    const { store, port, codes } = setUp();
    store.put(candidate("a", 1));
    store.put(candidate("a", "x"));
    expect(port("a")).toBe(1);
    expect(codes()).toEqual(["invalid-field a"]);
    store.put(candidate("a", 3));
    expect(port("a")).toBe(3);
    expect(codes()).toEqual([]);
  });

  test("an invalid first one shows nothing", () => {
    const { store, port, codes } = setUp();
    store.put(candidate("a", "x"));
    expect(port("a")).toBeUndefined();
    expect(codes()).toEqual(["invalid-field a"]);
  });

  test("a removed one is gone with its problems", () => {
    const { store, port, codes } = setUp();
    store.put(candidate("a", 1));
    store.put(candidate("a", "x"));
    store.remove(ref("a"));
    expect(port("a")).toBeUndefined();
    expect(codes()).toEqual([]);
  });

  test("the flush tells of what is shown alone", () => {
    const { store, graph } = setUp();
    store.put(candidate("a", 1));
    graph.flush();
    store.put(candidate("a", "x"));
    expect(graph.flush().changed.size).toBe(0);
  });
});

describe("a check beyond the schema", () => {
  const portOf = (object: unknown) => (object as Service).spec.ports?.[0]?.port ?? 0;
  const odd = (object: Parameters<typeof refOf>[0]): Problem[] =>
    portOf(object) % 2 === 0 ? [] : [problem("invalid-field", refOf(object), ["spec"], "Is odd.")];
  const setUpChecked = (kept?: readonly LastGood[]) => {
    const storage = { load: () => kept ?? [], save: () => {} };
    const store = new ObjectStore(new Graph(), storage, odd);
    const services = store.table(serviceKind);
    return { store, port: () => portOf(services.get("prod/a")), count: () => store.problems().length };
  };

  test("keeps a version without faults in place of one with", () => {
    const { store, port, count } = setUpChecked();
    store.put(candidate("a", 2));
    store.put(candidate("a", 3));
    expect([port(), count()]).toEqual([2, 1]);
    store.put(candidate("a", 4));
    expect([port(), count()]).toEqual([4, 0]);
  });

  test("lets a version with faults in where none without serves", () => {
    const { store, port, count } = setUpChecked();
    store.put(candidate("a", 1));
    expect([port(), count()]).toEqual([1, 0]);
    store.put(candidate("a", 3));
    expect([port(), count()]).toEqual([3, 0]);
    store.put(candidate("a", 2));
    store.put(candidate("a", 3));
    expect([port(), count()]).toEqual([2, 1]);
  });

  test("holds over a restart", () => {
    const { object } = candidate("a", 2);
    const { store, port, count } = setUpChecked(object && [{ ref: ref("a"), object }]);
    store.put(candidate("a", 3));
    expect([port(), count()]).toEqual([2, 1]);
  });
});

describe("quarantine", () => {
  test("brings the last settled version back until the content changes", () => {
    const { store, port, codes } = setUp();
    store.put(candidate("a", 1));
    store.settle();
    store.put(candidate("a", 2));
    expect(store.quarantine(ref("a"), refused("a"))).toBe(true);
    expect(port("a")).toBe(1);
    expect(codes()).toEqual(["rejected-by-envoy a"]);
    store.put(candidate("a", 2));
    expect(port("a")).toBe(1);
    store.put(candidate("a", 3));
    expect(port("a")).toBe(3);
    expect(codes()).toEqual([]);
  });

  test("versions that were never settled are no way back", () => {
    const { store, port } = setUp();
    store.put(candidate("a", 1));
    store.put(candidate("a", 2));
    store.quarantine(ref("a"), refused("a"));
    expect(port("a")).toBeUndefined();
  });

  test("leaves a settled version alone, unless forced", () => {
    const { store, port } = setUp();
    store.put(candidate("a", 1));
    store.settle();
    expect(store.quarantine(ref("a"), refused("a"))).toBe(false);
    expect(port("a")).toBe(1);
    expect(store.quarantine(ref("a"), refused("a"), { force: true })).toBe(true);
    expect(port("a")).toBeUndefined();
  });

  test("does not hit a version that came after the refused one", () => {
    const { store, port } = setUp();
    store.put(candidate("a", 1));
    const asOf = store.version;
    store.put(candidate("a", 2));
    expect(store.quarantine(ref("a"), refused("a"), { asOf })).toBe(false);
    expect(port("a")).toBe(2);
  });

  test("what came after the acknowledged version is not settled", () => {
    const { store, port } = setUp();
    store.put(candidate("a", 1));
    const asOf = store.version;
    store.put(candidate("a", 2));
    store.put(candidate("b", 2));
    store.settle(asOf);
    store.quarantine(ref("a"), refused("a"));
    store.quarantine(ref("b"), refused("b"));
    expect([port("a"), port("b")]).toEqual([undefined, undefined]);
  });

  test("is lifted by a change of an object that took part in the refusal", () => {
    const { store, port, codes } = setUp();
    store.put(candidate("a", 1));
    store.put(candidate("b", 1));
    store.quarantine(ref("a"), refused("a", ["b"]));
    store.put(candidate("b", 1));
    expect(port("a")).toBeUndefined();
    store.put(candidate("b", 2));
    expect(port("a")).toBe(1);
    expect(codes()).toEqual([]);
    store.quarantine(ref("a"), refused("a", ["b"]));
    store.remove(ref("b"));
    expect(port("a")).toBe(1);
  });

  test("an invalid version after a refused one shows the good one still", () => {
    const { store, port, codes } = setUp();
    store.put(candidate("a", 1));
    store.settle();
    store.put(candidate("a", 2));
    store.quarantine(ref("a"), refused("a"));
    store.put(candidate("a", "x"));
    expect(port("a")).toBe(1);
    expect(codes()).toEqual(["invalid-field a"]);
  });
});

describe("over a restart", () => {
  test("a broken object's last good version is back", () => {
    const first = setUp();
    first.store.put(candidate("a", 1));
    first.store.put(candidate("b", 1));
    first.store.settle();
    first.store.put(candidate("a", "x"));
    first.store.save();
    const second = setUp(first.saved.entries);
    second.store.put(candidate("a", "x"));
    second.store.put(candidate("b", 1));
    second.store.forgetUnclaimed();
    second.store.save();
    expect([second.port("a"), second.port("b")]).toEqual([1, 1]);
    expect(second.saved.entries.map((entry) => entry.ref.name)).toEqual(["a"]);
    second.store.put(candidate("a", 2));
    second.store.save();
    expect(second.saved.entries).toEqual([]);
  });

  test("a refused version is neither served nor tried again, its problem is told", () => {
    const first = setUp();
    for (const name of ["a", "b", "c"]) first.store.put(candidate(name, 1));
    first.store.settle();
    first.store.put(candidate("a", 2));
    first.store.quarantine(ref("a"), refused("a", ["b", "c"]));
    const second = setUp(first.saved.entries);
    for (const name of ["a", "b", "c"]) second.store.put(candidate(name, name === "a" ? 2 : 1));
    second.store.forgetUnclaimed();
    expect(second.port("a")).toBe(1);
    expect(second.codes()).toEqual(["rejected-by-envoy a"]);
    const third = setUp(second.saved.entries);
    third.store.put(candidate("a", 3));
    expect(third.port("a")).toBe(3);
    expect(third.codes()).toEqual([]);
  });

  test("a refused version is tried again when what took part in it has changed or gone meanwhile", () => {
    const first = setUp();
    for (const name of ["a", "b"]) first.store.put(candidate(name, 1));
    first.store.quarantine(ref("a"), refused("a", ["b"]));
    for (const meanwhile of [2, undefined]) {
      const second = setUp(first.saved.entries);
      second.store.put(candidate("a", 1));
      if (meanwhile !== undefined) second.store.put(candidate("b", meanwhile));
      second.store.forgetUnclaimed();
      expect(second.port("a")).toBe(1);
    }
  });

  test("objects held by a broken document are asked for by their place", () => {
    const first = setUp();
    first.store.put(candidate("a", 1));
    first.store.hold(ref("a"), "/m/a.yaml");
    first.store.save();
    const second = setUp(first.saved.entries);
    expect(second.store.heldBefore("/m/b.yaml")).toEqual([]);
    expect(second.store.heldBefore("/m/a.yaml")).toEqual([ref("a")]);
    second.store.hold(ref("a"), "/m/a.yaml");
    second.store.forgetUnclaimed();
    expect(second.port("a")).toBe(1);
    second.store.put(candidate("a", 1));
    second.store.save();
    expect(second.saved.entries).toEqual([]);
  });

  test("what no source puts again is forgotten", () => {
    const first = setUp();
    first.store.put(candidate("a", 1));
    first.store.put(candidate("a", "x"));
    first.store.save();
    const second = setUp(first.saved.entries);
    second.store.forgetUnclaimed();
    second.store.save();
    expect(second.port("a")).toBeUndefined();
    expect(second.saved.entries).toEqual([]);
  });

  test("a kept version that is no longer read is dropped", () => {
    const first = setUp();
    first.store.put(candidate("a", 1));
    first.store.put(candidate("a", "x"));
    first.store.save();
    const changed = JSON.parse(JSON.stringify(first.saved.entries).replace('"port":1', '"port":"1"'));
    const second = setUp(changed);
    second.store.put(candidate("a", "x"));
    expect(second.port("a")).toBeUndefined();
  });
});
