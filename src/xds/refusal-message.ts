/** Envoy's list of bad clusters or listeners: `Error adding/updating cluster(s) a: no such socket, b: bad size`. */
const listPrefix = /^Error adding\/updating (?:cluster|listener)\(s\) /;

/** What Envoy says of each of these clusters or listeners; empty when the message is no such list. */
export function messagesByName(names: readonly string[], error: string): ReadonlyMap<string, string> {
  const prefix = listPrefix.exec(error);
  if (prefix === null) return new Map();
  const list = error.slice(prefix[0].length);
  const starts = names
    .flatMap((name) => {
      // The name stands at the start or after the separator; a name within a message is none.
      const at = list.startsWith(`${name}: `) ? 0 : list.indexOf(`, ${name}: `) + 2;
      return at === 1 ? [] : [{ name, at }];
    })
    .sort((a, b) => a.at - b.at);
  return new Map(
    starts.map(({ name, at }, index) => {
      const end = starts[index + 1]?.at;
      return [name, list.slice(at + name.length + 2, end === undefined ? undefined : end - 2).trim()];
    }),
  );
}

/** The names that stand in a message as whole words. */
export function mentionedNames(names: readonly string[], error: string): readonly string[] {
  return names.filter((name) => {
    for (let at = error.indexOf(name); at >= 0; at = error.indexOf(name, at + 1)) {
      if (!isNamePart(error[at - 1]) && !isNamePart(error[at + name.length])) return true;
    }
    return false;
  });
}

function isNamePart(character: string | undefined): boolean {
  return character !== undefined && /[\w/.-]/.test(character);
}

/**
 * Envoy's words without what only Envoy's authors understand: the list prefix, the resource's own (or scratch) name,
 * nested "caused by" frames, and the dump of the whole message that follows a broken constraint.
 */
export function readableMessage(error: string, names: readonly string[] = []): string {
  let text = error.replace(listPrefix, "");
  for (const name of names) if (text.startsWith(`${name}: `)) text = text.slice(name.length + 2);
  const constraint = /Proto constraint validation failed \((.*?)\)(?::|$)/s.exec(text);
  if (constraint?.[1] !== undefined) {
    const steps = constraint[1].split(" | caused by ").flatMap((step) => {
      const parts = /^\w*ValidationError\.(\w+(?:\[[^\]]*\])?): (.*)$/s.exec(step.trim());
      return parts === null ? [] : [{ field: parts[1] ?? "", text: parts[2] ?? "" }];
    });
    const field = steps.map((step) => step.field.replace(/^\w/, (first) => first.toLowerCase())).join(".");
    const last = steps.at(-1);
    text = last === undefined ? constraint[1] : `${field}: ${last.text}`;
  }
  return shorten(text.replace(/\s+/g, " ").trim());
}

function shorten(text: string): string {
  const limit = 500;
  return text.length <= limit ? text : `${text.slice(0, limit)}…`;
}
