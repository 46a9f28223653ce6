/** A name that an HTTP header can have. */
export const headerNamePattern = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** A host's name, as DNS or a file of hosts can hold it. */
export const hostNamePattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/;

/** What a Host header can hold: a name or address, and a port. */
export const hostHeaderPattern = /^([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?$/;

/** True of a text with a character that no line of HTTP can hold. */
export function hasControlCharacter(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
  return /[\0-\x1f\x7f]/.test(text);
}
