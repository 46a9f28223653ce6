import { expect, test } from "vitest";
import { Graph, type InputTable } from "#incremental/graph.ts";
import type { Resource } from "#xds/resource.ts";
import { ResourceChanges } from "./resource-changes.ts";

function setUp() {
  const graph = new Graph();
  const one = graph.input<Resource>("one");
  const two = graph.input<Resource>("two");
  const changes = new ResourceChanges({ resources: [one, two], parts: () => [] });
  const flush = () =>
    changes
      .collect(graph.flush().changed)
      .map(({ name, resource }) => (resource === undefined ? `-${name}` : `+${name}@${resource.version}`));
  return { one, two, flush };
}

function put(table: InputTable<Resource>, key: string, name: string, version = "1"): void {
  table.set(key, { scope: "s", type: "endpoints", name, version, body: new Uint8Array(), origins: [] });
}

test("what comes and goes is named", () => {
  const { one, flush } = setUp();
  put(one, "a", "x");
  expect(flush()).toEqual(["+x@1"]);
  put(one, "a", "x", "2");
  expect(flush()).toEqual(["+x@2"]);
  one.delete("a");
  expect(flush()).toEqual(["-x"]);
});

test("a name that another key yields, or that moves to another key, is no removal", () => {
  const { one, two, flush } = setUp();
  put(one, "a", "x");
  put(two, "b", "x");
  expect(flush()).toEqual(["+x@1", "+x@1"]);
  one.delete("a");
  expect(flush()).toEqual([]);
  two.delete("b");
  put(one, "c", "x");
  expect(flush()).toEqual(["+x@1"]);
  one.delete("c");
  expect(flush()).toEqual(["-x"]);
});

test("a key that yields another name removes the old one", () => {
  const { one, flush } = setUp();
  put(one, "a", "x");
  flush();
  put(one, "a", "y");
  expect(flush().sort()).toEqual(["+y@1", "-x"]);
});
