/**
 * Says why Envoy's regular expressions (RE2) cannot hold a pattern, naming the construct; undefined when nothing speaks
 * against it. RE2 has no look-around, no back-references and no possessive or atomic groups, because it promises a time
 * linear in the text. Source: RE2's syntax page. Envoy itself has the last word.
 */
export function re2Problem(pattern: string): string | undefined {
  const scan: Scan = { pattern, at: 0, open: [], times: 1, most: 1, repeatable: false, repeated: false };
  while (scan.at < pattern.length) {
    const found = scanOne(scan);
    if (found !== undefined) return found;
  }
  return scan.open.length > 0 ? "a group that is not closed" : undefined;
}

interface Scan {
  readonly pattern: string;
  at: number;
  /** Of each group that is open: `most` of what stands before it. */
  readonly open: number[];
  /** How often counted quantifiers repeat the innermost part of what stands before: `(x{5}){3}` is 15. */
  times: number;
  /** The highest `times` in the present group. */
  most: number;
  /** Something stands before that a quantifier may repeat. */
  repeatable: boolean;
  /** What stands before is a quantifier. */
  repeated: boolean;
}

function scanOne(scan: Scan): string | undefined {
  const { pattern } = scan;
  switch (pattern[scan.at]) {
    case "\\":
      return scanEscape(scan);
    case "[":
      return scanClass(scan);
    case "(":
      return scanGroup(scan);
    case ")": {
      const before = scan.open.pop();
      if (before === undefined) return "a closing parenthesis without an opening one";
      const inside = scan.most;
      took(scan, 1);
      scan.times = inside;
      scan.most = Math.max(before, inside);
      return undefined;
    }
    case "|":
      scan.at += 1;
      scan.repeatable = false;
      scan.repeated = false;
      return undefined;
    case "*":
    case "+":
    case "?":
      return scanQuantifier(scan, 1);
    case "{": {
      const count = /^\{(\d+)(,(\d*))?\}/.exec(pattern.slice(scan.at));
      // RE2 takes a brace that is no count literally.
      if (count === null) return took(scan, 1);
      const least = Number(count[1]);
      const most = count[3] === undefined || count[3] === "" ? least : Number(count[3]);
      if (least > 1000 || most > 1000) return `the repeat count ${count[0]}, which is over 1000`;
      scan.times *= Math.max(most, 1);
      scan.most = Math.max(scan.most, scan.times);
      if (scan.times > 1000)
        return `the repeat count ${count[0]}, which makes more than 1000 with those inside`;
      if (most < least) return `the repeat count ${count[0]}, which runs backwards`;
      return scanQuantifier(scan, count[0].length);
    }
    default:
      return took(scan, 1);
  }
}

function took(scan: Scan, length: number): undefined {
  scan.at += length;
  scan.times = 1;
  scan.repeatable = true;
  scan.repeated = false;
  return undefined;
}

function scanQuantifier(scan: Scan, length: number): string | undefined {
  const sign = scan.pattern.slice(scan.at, scan.at + length);
  if (scan.repeated) {
    return sign === "+" ? "a possessive quantifier" : `the quantifier ${sign} after another quantifier`;
  }
  if (!scan.repeatable) return `the quantifier ${sign} with nothing to repeat`;
  scan.at += length;
  if (scan.pattern[scan.at] === "?") scan.at += 1;
  scan.repeatable = false;
  scan.repeated = true;
  return undefined;
}

const refusedGroups: readonly (readonly [RegExp, string])[] = [
  [/^\(\?=/, "a look-ahead (?=…)"],
  [/^\(\?!/, "a negative look-ahead (?!…)"],
  [/^\(\?<=/, "a look-behind (?<=…)"],
  [/^\(\?<!/, "a negative look-behind (?<!…)"],
  [/^\(\?>/, "an atomic group (?>…)"],
  [/^\(\?#/, "a comment (?#…)"],
  [/^\(\?\|/, "a branch reset (?|…)"],
  [/^\(\?\(/, "a conditional group (?(…)…)"],
  [/^\(\?P=/, "a back-reference (?P=…)"],
  [/^\(\?(R|[+-]?\d+)\)/, "a recursion (?R)"],
  [/^\(\?(&|P>)/, "a call of a group (?&…)"],
  [/^\(\*/, "a control verb (*…)"],
];

function scanGroup(scan: Scan): string | undefined {
  const rest = scan.pattern.slice(scan.at);
  for (const [form, name] of refusedGroups) if (form.test(rest)) return name;
  if (!rest.startsWith("(?")) return opened(scan, 1);
  const named = /^\(\?P?<[\p{L}\p{N}_]+>/u.exec(rest);
  if (named !== null) return opened(scan, named[0].length);
  const flags = /^\(\?([imsU]*)(-[imsU]+)?([:)])/.exec(rest);
  if (flags === null) return `the group ${rest.slice(0, 4)}…`;
  if (flags[3] === ":") return opened(scan, flags[0].length);
  // `(?i)` holds from here on and is nothing that could be repeated.
  scan.at += flags[0].length;
  scan.repeatable = false;
  scan.repeated = false;
  return undefined;
}

function opened(scan: Scan, length: number): undefined {
  scan.at += length;
  scan.open.push(scan.most);
  scan.most = 1;
  scan.repeatable = false;
  scan.repeated = false;
  return undefined;
}

function scanEscape(scan: Scan): string | undefined {
  const rest = scan.pattern.slice(scan.at);
  if (rest.length === 1) return "a backslash at the end";
  if (/^\\[1-9]/.test(rest) || /^\\[gk][{<'\d-]/.test(rest)) return `the back-reference ${rest.slice(0, 2)}`;
  if (rest.startsWith("\\Q")) {
    const end = rest.indexOf("\\E");
    return took(scan, end < 0 ? rest.length : end + 2);
  }
  const length = escapeLength(rest, "outside");
  return length === undefined ? `the escape ${rest.slice(0, 2)}` : took(scan, length);
}

const longEscape = /^\\(x[0-9A-Fa-f]{2}|x\{0*[0-9A-Fa-f]{1,2}\}|[pP][A-Z]|[pP]\{\^?[A-Za-z_]+\}|0[0-7]{0,2})/;

/** How long an escape sequence is; undefined when RE2 does not know it. Envoy compares bytes: nothing above \xFF. */
function escapeLength(rest: string, place: "outside" | "in a class"): number | undefined {
  const long = longEscape.exec(rest);
  if (long !== null) return long[0].length;
  const letter = rest[1] ?? "";
  const known = place === "outside" ? "afnrtvdDsSwWbBAzC" : "afnrtvdDsSwW";
  if (known.includes(letter)) return 2;
  // Only ASCII signs may be escaped without need.
  return /[A-Za-z0-9]|[^\0-\x7f]/.test(letter) ? undefined : 2;
}

const posixClass =
  /^\[:\^?(alnum|alpha|ascii|blank|cntrl|digit|graph|lower|print|punct|space|upper|word|xdigit):\]/;

function scanClass(scan: Scan): string | undefined {
  const { pattern } = scan;
  let at = scan.at + (pattern[scan.at + 1] === "^" ? 2 : 1);
  const first = at;
  let from: string | undefined;
  while (at < pattern.length) {
    const rest = pattern.slice(at);
    if (rest.startsWith("]") && at > first) return took(scan, at + 1 - scan.at);
    if (rest.startsWith("[:")) {
      const named = posixClass.exec(rest);
      if (named === null) return `the class ${rest.slice(0, 6)}…`;
      at += named[0].length;
      from = undefined;
      continue;
    }
    const length = rest.startsWith("\\") ? escapeLength(rest, "in a class") : ([...rest][0]?.length ?? 1);
    if (length === undefined) return `the escape ${rest.slice(0, 2)} in a class`;
    const item = rest.slice(0, length);
    if (from !== undefined && /^\\[dDsSwWpP]/.test(item))
      return `the range ${from}-${item}, which has no end`;
    if (from !== undefined && item.length === 1 && from > item)
      return `the range ${from}-${item}, which runs backwards`;
    at += length;
    // The start of a range is a plain character before a dash that does not end the class.
    const isStart = from === undefined && item.length === 1 && /^-[^\]]/.test(pattern.slice(at));
    from = isStart ? item : undefined;
    if (isStart) at += 1;
  }
  return "a class that is not closed";
}
