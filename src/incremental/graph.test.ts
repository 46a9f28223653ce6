import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { problem } from "#problems/problem.ts";
import { Graph } from "./graph.ts";

describe("the incremental core", () => {
  test("re-runs what read a change and nothing else", () => {
    const graph = new Graph();
    const numbers = graph.input<number>("numbers");
    const factors = graph.input<number>("factors");
    const runs: string[] = [];
    const products = graph.derive("products", numbers, (key, value, read) => {
      runs.push(key);
      return value * (read.get(factors, value > 10 ? "large" : "small") ?? 1);
    });
    numbers.set("a", 1);
    numbers.set("b", 20);
    factors.set("small", 2);
    graph.flush();
    expect([products.get("a"), products.get("b")]).toEqual([2, 20]);
    runs.length = 0;
    factors.set("large", 3);
    expect([...(graph.flush().changed.get(products) ?? [])]).toEqual(["b"]);
    expect(runs).toEqual(["b"]);
    expect(products.get("b")).toBe(60);
  });

  test("a union holds the entries of all its sources, the first one's where several have a key", () => {
    const graph = new Graph();
    const first = graph.input<string>("first");
    const second = graph.input<string>("second");
    const both = graph.union("both", [first, second]);
    const marked = graph.derive("marked", both, (_, value) => `${value}!`);
    second.set("a", "second");
    second.set("b", "second");
    graph.flush();
    expect(dump(marked)).toEqual([
      ["a", "second!"],
      ["b", "second!"],
    ]);
    first.set("a", "first");
    second.delete("b");
    graph.flush();
    expect(dump(marked)).toEqual([["a", "first!"]]);
    first.delete("a");
    graph.flush();
    expect(dump(both)).toEqual([["a", "second"]]);
  });

  test("an equal result stops there", () => {
    const graph = new Graph();
    const input = graph.input<{ value: number; noise: number }>("input");
    const values = graph.derive("values", input, (_, item) => [item.value]);
    let runs = 0;
    graph.derive("after", values, (_, list) => {
      runs++;
      return list.length;
    });
    input.set("a", { value: 1, noise: 1 });
    graph.flush();
    input.set("a", { value: 1, noise: 2 });
    expect(graph.flush().changed.has(values)).toBe(false);
    expect(runs).toBe(1);
  });

  test("a defect in one computation keeps its last result and is reported", () => {
    const object = { kind: "Ingress", namespace: "a", name: "b" };
    const graph = new Graph({ onDefect: (table, key) => problem("internal", object, [], `${table} ${key}`) });
    const input = graph.input<number>("input");
    const output = graph.derive("output", input, (_, value) => {
      if (value < 0) throw new Error("negative");
      return value;
    });
    input.set("a", 1);
    input.set("b", 2);
    graph.flush();
    input.set("a", -1);
    input.set("b", 3);
    expect(graph.flush().problemsChanged).toBe(true);
    expect([output.get("a"), output.get("b")]).toEqual([1, 3]);
    expect(graph.problems().map((one) => one.message)).toEqual(["output a"]);
    input.set("a", 5);
    graph.flush();
    expect(graph.problems()).toEqual([]);
  });

  test("refuses to read a table that comes after", () => {
    const errors: unknown[] = [];
    const graph = new Graph({
      onDefect: (_table, _key, error) => {
        errors.push(error);
        return undefined;
      },
    });
    const input = graph.input<number>("input");
    graph.derive("early", input, (key, _value, read) => read.get(late, key));
    const late = graph.derive("late", input, (_, value) => value);
    input.set("a", 1);
    graph.flush();
    expect(String(errors[0])).toContain("early reads late");
  });

  test("after any sequence of edits every table equals a fresh computation", () => {
    const edit = fc.record({
      key: fc.constantFrom("a", "b", "c", "d"),
      value: fc.option(
        fc.record({ group: fc.constantFrom("x", "y", "z"), n: fc.integer({ min: 0, max: 3 }) }),
      ),
    });
    fc.assert(
      fc.property(fc.array(fc.array(edit, { maxLength: 4 }), { maxLength: 12 }), (batches) => {
        const live = build();
        for (const batch of batches) {
          for (const { key, value } of batch) {
            if (value === null) live.input.delete(key);
            else live.input.set(key, value);
          }
          live.graph.flush();
        }
        const fresh = build();
        for (const key of live.input.keys()) fresh.input.set(key, live.input.get(key) as never);
        fresh.graph.flush();
        expect(dump(live.sums)).toEqual(dump(fresh.sums));
        expect(dump(live.shares)).toEqual(dump(fresh.shares));
      }),
    );
  });
});

function build() {
  const graph = new Graph();
  const input = graph.input<{ group: string; n: number }>("input");
  const groups = graph.index("groups", input, (key, value) => [[value.group, { key, n: value.n }] as const]);
  const sums = graph.derive("sums", groups, (_, members) =>
    members.reduce((sum, member) => sum + member.n, 0),
  );
  const shares = graph.derive("shares", input, (_, value, read) => [
    read.get(sums, value.group),
    read.get(sums, "x"),
    read.keys(sums).length,
  ]);
  return { graph, input, sums, shares };
}

function dump(table: { keys(): IterableIterator<string>; get(key: string): unknown }): unknown {
  return [...table.keys()].sort().map((key) => [key, table.get(key)]);
}
