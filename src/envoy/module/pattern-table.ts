import { ByteWriter } from "./byte-writer.ts";
import { type ByteSet, PatternFault, type PatternNode, parsePattern } from "./pattern-syntax.ts";

/** Larger automata are refused: a table is sent to Envoy with each route that uses it. */
const mostNodes = 4000;
const mostStates = 1000;
const mostCells = 16_384;

/** Why the module cannot hold a regular expression (completes "the regular expression …"); undefined when it can. */
export function patternProblem(pattern: string): string | undefined {
  try {
    buildPatternTable(pattern);
    return undefined;
  } catch (error) {
    if (error instanceof PatternFault) return error.message;
    throw error;
  }
}

/**
 * The table by which the module matches whole texts against a regular expression, one step a byte: counts of states and
 * classes, first state, the class of each byte, 1 for each accepting state, next states of 16 bits.
 * @throws PatternFault when the pattern is wrong or too large.
 */
export function buildPatternTable(pattern: string): Uint8Array {
  const automaton = new Automaton();
  const last = automaton.add();
  const first = automaton.build(parsePattern(pattern), last);
  const { classOf, samples } = groupBytes(automaton.sets);
  const { next, accepts, start } = determine(automaton, first, last, samples);
  const writer = new ByteWriter().u32(accepts.length).u32(samples.length).u32(start);
  return writer
    .bytes(Uint8Array.from(classOf))
    .bytes(Uint8Array.from(accepts, Number))
    .bytes(new Uint8Array(Uint16Array.from(next.flat()).buffer))
    .finish();
}

/** Steps that need no byte; `start` and `end` only hold at the ends of the text. */
interface FreeStep {
  readonly to: number;
  readonly only?: "start" | "end";
}

/** A nondeterministic automaton, built from the end to the beginning. */
class Automaton {
  readonly free: FreeStep[][] = [];
  readonly taking: { readonly set: ByteSet; readonly to: number }[] = [];
  readonly sets: ByteSet[] = [];

  add(...free: readonly FreeStep[]): number {
    if (this.free.length >= mostNodes) throw new PatternFault("is too large");
    this.free.push([...free]);
    return this.free.length - 1;
  }

  /** The node from which a match of `node` leads to `to`. */
  build(node: PatternNode, to: number): number {
    switch (node.kind) {
      case "empty":
        return to;
      case "start":
      case "end":
        return this.add({ to, only: node.kind });
      case "byte": {
        const at = this.add();
        this.taking[at] = { set: node.set, to };
        this.sets.push(node.set);
        return at;
      }
      case "all":
        return node.parts.reduceRight((next, part) => this.build(part, next), to);
      case "any":
        return this.add(...node.parts.map((part) => ({ to: this.build(part, to) })));
      case "repeat":
        return this.#buildRepeat(node, to);
    }
  }

  #buildRepeat(node: Extract<PatternNode, { kind: "repeat" }>, to: number): number {
    let at = to;
    if (node.most === Number.POSITIVE_INFINITY) {
      at = this.add({ to });
      this.free[at]?.push({ to: this.build(node.part, at) });
    } else {
      for (let i = node.least; i < node.most; i++) at = this.add({ to }, { to: this.build(node.part, at) });
    }
    for (let i = 0; i < node.least; i++) at = this.build(node.part, at);
    return at;
  }

  /** All nodes that can be reached from `nodes` without a byte, in ascending order. */
  close(nodes: readonly number[], atStart: boolean, atEnd: boolean): number[] {
    const reached = new Set(nodes);
    for (const node of reached) {
      for (const { to, only } of this.free[node] ?? []) {
        if (only === undefined || (only === "start" ? atStart : atEnd)) reached.add(to);
      }
    }
    return [...reached].sort((a, b) => a - b);
  }
}

/** Bytes that no set tells apart share a class. */
function groupBytes(sets: readonly ByteSet[]): { classOf: number[]; samples: number[] } {
  const classOf: number[] = [];
  const samples: number[] = [];
  const known = new Map<string, number>();
  for (let byte = 0; byte < 256; byte++) {
    const key = sets.map((set) => (set[byte] ? "1" : "0")).join("");
    let group = known.get(key);
    if (group === undefined) {
      group = samples.length;
      known.set(key, group);
      samples.push(byte);
    }
    classOf.push(group);
  }
  return { classOf, samples };
}

/** The subset construction. State 0 is the dead end, which stays empty. */
function determine(automaton: Automaton, first: number, last: number, samples: readonly number[]) {
  const initial = automaton.close([first], true, false);
  const states: number[][] = [[], initial];
  const numbers = new Map([
    ["", 0],
    [initial.join(), 1],
  ]);
  const next: number[][] = [];
  const accepts: boolean[] = [];
  for (let at = 0; at < states.length; at++) {
    const nodes = states[at] ?? [];
    accepts.push(automaton.close(nodes, at === 1, true).includes(last));
    next.push(
      samples.map((byte) => {
        const taken = nodes.flatMap((node) => {
          const step = automaton.taking[node];
          return step?.set[byte] ? [step.to] : [];
        });
        const reached = automaton.close(taken, false, false);
        const key = reached.join();
        let number = numbers.get(key);
        if (number === undefined) {
          number = states.length;
          if (number >= mostStates || number * samples.length > mostCells) {
            throw new PatternFault("is too large");
          }
          numbers.set(key, number);
          states.push(reached);
        }
        return number;
      }),
    );
  }
  return { next, accepts, start: 1 };
}
