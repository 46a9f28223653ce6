/** A regular expression over bytes. */
export type PatternNode =
  | { readonly kind: "empty" | "start" | "end" }
  /** One byte of a set of 256. */
  | { readonly kind: "byte"; readonly set: ByteSet }
  | { readonly kind: "all" | "any"; readonly parts: readonly PatternNode[] }
  | { readonly kind: "repeat"; readonly part: PatternNode; readonly least: number; readonly most: number };

export type ByteSet = readonly boolean[];

/** What a pattern asks for that cannot be had; the message completes "the regular expression …". */
export class PatternFault extends Error {}

/**
 * Reads a regular expression in RE2's syntax, as far as it makes sense for whole ASCII texts.
 * @throws PatternFault
 */
export function parsePattern(pattern: string): PatternNode {
  const reader = new Reader(pattern);
  const node = reader.alternatives(noFlags);
  if (!reader.done) throw new PatternFault("has a parenthesis that closes nothing");
  return node;
}

interface Flags {
  readonly ignoreCase: boolean;
  readonly dotAll: boolean;
}

const noFlags: Flags = { ignoreCase: false, dotAll: false };
const mostRepeats = 1000;
const deepest = 200;

const digit = bytesOf("0-9");
const wordByte = bytesOf("0-9A-Za-z_");
const space = bytesOf("\t\n\f\r ");

const classes: Readonly<Record<string, ByteSet>> = {
  d: digit,
  D: not(digit),
  w: wordByte,
  W: not(wordByte),
  s: space,
  S: not(space),
};

const posixClasses: Readonly<Record<string, ByteSet>> = {
  alnum: bytesOf("0-9A-Za-z"),
  alpha: bytesOf("A-Za-z"),
  ascii: bytesOf("\0-\x7f"),
  blank: bytesOf("\t "),
  cntrl: bytesOf("\0-\x1f\x7f"),
  digit,
  graph: bytesOf("!-~"),
  lower: bytesOf("a-z"),
  print: bytesOf(" -~"),
  punct: bytesOf("!-/:-@[-`{-~"),
  space: bytesOf("\t-\r "),
  upper: bytesOf("A-Z"),
  word: wordByte,
  xdigit: bytesOf("0-9A-Fa-f"),
};

const controls: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 };

/** Bytes of ranges like `a-z`, and single ones. */
function bytesOf(ranges: string): ByteSet {
  const set = new Array<boolean>(256).fill(false);
  for (let at = 0; at < ranges.length; at++) {
    const from = ranges.charCodeAt(at);
    const isRange = ranges[at + 1] === "-" && at + 2 < ranges.length;
    set.fill(true, from, (isRange ? ranges.charCodeAt(at + 2) : from) + 1);
    if (isRange) at += 2;
  }
  return set;
}

function not(set: ByteSet): ByteSet {
  return set.map((has) => !has);
}

function withBothCases(set: ByteSet): ByteSet {
  const both = [...set];
  for (let upper = 65; upper <= 90; upper++) {
    if (set[upper] || set[upper + 32]) {
      both[upper] = true;
      both[upper + 32] = true;
    }
  }
  return both;
}

class Reader {
  readonly #pattern: string;
  #at = 0;
  #depth = 0;

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  get done(): boolean {
    return this.#at >= this.#pattern.length;
  }

  alternatives(flags: Flags): PatternNode {
    if (++this.#depth > deepest) throw new PatternFault("is nested too deeply");
    const parts: PatternNode[] = [];
    let current = flags;
    do {
      const { node, flags: after } = this.#sequence(current);
      parts.push(node);
      current = after;
    } while (this.#take("|"));
    this.#depth--;
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : { kind: "any", parts };
  }

  #sequence(flags: Flags): { node: PatternNode; flags: Flags } {
    const parts: PatternNode[] = [];
    let current = flags;
    while (!this.done && !this.#sees("|") && !this.#sees(")")) {
      const switched = this.#flagSwitch(current);
      if (switched !== undefined) {
        current = switched;
        continue;
      }
      parts.push(this.#repeats(this.#atom(current)));
    }
    return { node: { kind: "all", parts }, flags: current };
  }

  /** `(?i)`: flags from here to the end of the group. */
  #flagSwitch(flags: Flags): Flags | undefined {
    const match = /^\(\?([a-zA-Z-]+)\)/.exec(this.#pattern.slice(this.#at));
    if (match === null) return undefined;
    this.#at += match[0].length;
    return readFlags(match[1] ?? "", flags);
  }

  #repeats(part: PatternNode): PatternNode {
    let node = part;
    for (;;) {
      const range = this.#range();
      if (range === undefined) return node;
      // Whether it takes as much or as little as possible makes no difference for a whole match.
      this.#take("?");
      node = { kind: "repeat", part: node, least: range.least, most: range.most };
    }
  }

  #range(): { least: number; most: number } | undefined {
    if (this.#take("*")) return { least: 0, most: Number.POSITIVE_INFINITY };
    if (this.#take("+")) return { least: 1, most: Number.POSITIVE_INFINITY };
    if (this.#take("?")) return { least: 0, most: 1 };
    const match = /^\{(\d+)(,(\d*))?\}/.exec(this.#pattern.slice(this.#at));
    if (match === null) return undefined;
    this.#at += match[0].length;
    const least = Number(match[1]);
    const most =
      match[2] === undefined ? least : match[3] === "" ? Number.POSITIVE_INFINITY : Number(match[3]);
    if (most < least || least > mostRepeats || (Number.isFinite(most) && most > mostRepeats)) {
      throw new PatternFault(`repeats more than ${mostRepeats} times, or in the wrong order`);
    }
    return { least, most };
  }

  #atom(flags: Flags): PatternNode {
    const char = this.#next();
    switch (char) {
      case "(":
        return this.#group(flags);
      case "[":
        return { kind: "byte", set: this.#set(flags) };
      case ".": {
        const set = new Array<boolean>(256).fill(true);
        if (!flags.dotAll) set[10] = false;
        return { kind: "byte", set };
      }
      case "^":
        return { kind: "start" };
      case "$":
        return { kind: "end" };
      case "*":
      case "+":
      case "?":
        throw new PatternFault(`has a ${char} that repeats nothing`);
      case "\\":
        return this.#escape(flags);
      default:
        return literal(char, flags);
    }
  }

  #group(flags: Flags): PatternNode {
    const head = /^\?(?:P?<[A-Za-z_][A-Za-z0-9_]*>|([a-zA-Z-]*):)/.exec(this.#pattern.slice(this.#at));
    if (head === null && this.#sees("?"))
      throw new PatternFault("uses look-around or a group of another kind");
    this.#at += head?.[0].length ?? 0;
    const node = this.alternatives(head?.[1] === undefined ? flags : readFlags(head[1], flags));
    if (!this.#take(")")) throw new PatternFault("has a parenthesis that is not closed");
    return node;
  }

  #escape(flags: Flags): PatternNode {
    const char = this.#next();
    if (char === "A") return { kind: "start" };
    if (char === "z") return { kind: "end" };
    if (char === "Q") return this.#quoted(flags);
    const set = classes[char];
    if (set !== undefined) return { kind: "byte", set };
    return literal(String.fromCodePoint(this.#escapedCode(char)), flags);
  }

  #quoted(flags: Flags): PatternNode {
    const end = this.#pattern.indexOf("\\E", this.#at);
    const text = this.#pattern.slice(this.#at, end < 0 ? undefined : end);
    this.#at = end < 0 ? this.#pattern.length : end + 2;
    return { kind: "all", parts: [...text].map((char) => literal(char, flags)) };
  }

  #escapedCode(char: string): number {
    if (char === "x") {
      const match = /^(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})/.exec(this.#pattern.slice(this.#at));
      if (match === null) throw new PatternFault("has a \\x without a number");
      this.#at += match[0].length;
      const code = Number.parseInt(match[1] ?? match[2] ?? "", 16);
      if (code > 0x10ffff) throw new PatternFault("has a \\x with too large a number");
      return code;
    }
    const control = controls[char];
    if (control !== undefined) return control;
    if (/^[A-Za-z0-9]$/.test(char)) throw new PatternFault(`uses \\${char}`);
    return char.codePointAt(0) ?? 0;
  }

  #set(flags: Flags): ByteSet {
    const negated = this.#take("^");
    const set = new Array<boolean>(256).fill(false);
    let first = true;
    while (first || !this.#sees("]")) {
      first = false;
      const posix = /^\[:(\^?)([a-z]+):\]/.exec(this.#pattern.slice(this.#at));
      const named = posix === null ? undefined : posixClasses[posix[2] ?? ""];
      if (posix !== null && named !== undefined) {
        this.#at += posix[0].length;
        add(set, posix[1] === "^" ? not(named) : named);
        continue;
      }
      const from = this.#setMember();
      if (typeof from !== "number") {
        add(set, from);
        continue;
      }
      const to = this.#sees("-") && this.#pattern[this.#at + 1] !== "]" ? this.#rangeEnd() : from;
      if (to < from) throw new PatternFault("has a range in the wrong order");
      if (to > 0x7f) throw new PatternFault("has a set with characters that are not ASCII");
      set.fill(true, from, to + 1);
    }
    this.#at++;
    const both = flags.ignoreCase ? withBothCases(set) : set;
    return negated ? not(both) : both;
  }

  #rangeEnd(): number {
    this.#at++;
    const end = this.#setMember();
    if (typeof end !== "number") throw new PatternFault("has a range that ends with a class");
    return end;
  }

  /** A character of a set, or a class like `\d`. */
  #setMember(): number | ByteSet {
    const char = this.#next();
    if (char !== "\\") return char.codePointAt(0) ?? 0;
    const escaped = this.#next();
    return classes[escaped] ?? this.#escapedCode(escaped);
  }

  #next(): string {
    const code = this.#pattern.codePointAt(this.#at);
    if (code === undefined) throw new PatternFault("ends too early");
    const char = String.fromCodePoint(code);
    this.#at += char.length;
    return char;
  }

  #sees(char: string): boolean {
    return this.#pattern[this.#at] === char;
  }

  #take(char: string): boolean {
    if (!this.#sees(char)) return false;
    this.#at++;
    return true;
  }
}

function add(set: boolean[], other: ByteSet): void {
  for (const [byte, has] of other.entries()) if (has) set[byte] = true;
}

function readFlags(text: string, before: Flags): Flags {
  let { ignoreCase, dotAll } = before;
  let on = true;
  for (const flag of text) {
    if (flag === "-") on = false;
    else if (flag === "i") ignoreCase = on;
    else if (flag === "s") dotAll = on;
    else if (flag !== "U") throw new PatternFault(`uses the flag ${flag}`);
  }
  return { ignoreCase, dotAll };
}

/** A character as its UTF-8 bytes. */
function literal(char: string, flags: Flags): PatternNode {
  const parts = [...Buffer.from(char)].map((byte): PatternNode => {
    const set = new Array<boolean>(256).fill(false);
    set[byte] = true;
    return { kind: "byte", set: flags.ignoreCase ? withBothCases(set) : set };
  });
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : { kind: "all", parts };
}
