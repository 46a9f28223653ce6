/** A path template of `konghq.com/rewrite`: texts, and captures of the path's expression by number. */
export type RewriteTemplate = readonly (string | number)[];

/** Reads `/artists/$1`; `\$` is a dollar. Undefined when a dollar or a backslash stands for nothing. */
export function parseRewrite(text: string): RewriteTemplate | undefined {
  const parts: (string | number)[] = [];
  let literal = "";
  for (let at = 0; at < text.length; ) {
    const special = /^(?:\$(\d+)|\\(\$))/.exec(text.slice(at));
    if (special === null) {
      const char = text[at] ?? "";
      if (char === "$" || char === "\\") return undefined;
      literal += char;
      at += 1;
      continue;
    }
    at += special[0].length;
    if (special[2] !== undefined) {
      literal += "$";
      continue;
    }
    if (literal !== "") parts.push(literal);
    literal = "";
    parts.push(Number(special[1]));
  }
  return literal === "" ? parts : [...parts, literal];
}

/** The template with the captures of a match without any: they are empty. */
export function withoutCaptures(template: RewriteTemplate): string {
  return template.filter((part) => typeof part === "string").join("");
}

/** RE2's substitution text. A capture that the pattern does not have is empty. */
export function substitution(template: RewriteTemplate, groups: number): string {
  return template
    .map((part) => {
      if (typeof part === "string") return part.replaceAll("\\", "\\\\");
      return part <= groups ? `\\${part}` : "";
    })
    .join("");
}

/** Number of capturing groups; 0 when the pattern cannot be read. */
export function countGroups(pattern: string): number {
  try {
    // An empty alternative always matches, and the match has a place for each group.
    return (new RegExp(`${pattern.replaceAll("(?P<", "(?<")}|`).exec("")?.length ?? 1) - 1;
  } catch {
    return 0;
  }
}
