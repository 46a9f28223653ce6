/** Where commands find the running instance, and where they print. */
export interface CommandOptions {
  readonly adminPort: number;
  /** Default 127.0.0.1. */
  readonly adminAddress?: string;
  readonly out?: (text: string) => void;
  readonly err?: (text: string) => void;
}

/** What the admin API answered: a value, or why there is none, in words. */
export type ApiAnswer<T> =
  | { readonly kind: "ok"; readonly value: T }
  | { readonly kind: "not-found"; readonly message: string; readonly known: readonly string[] }
  | { readonly kind: "failed"; readonly message: string };

/** Asks the control plane's admin API. */
export async function askAdminApi<T>(options: CommandOptions, path: string): Promise<ApiAnswer<T>> {
  const address = `${options.adminAddress ?? "127.0.0.1"}:${options.adminPort}`;
  let response: Response;
  try {
    response = await fetch(`http://${address}${path}`, { signal: AbortSignal.timeout(10_000) });
  } catch {
    const message = `Nothing answers at ${address}. Start it with \`diolkos up DIR\`, or name its port with --admin-port.`;
    return { kind: "failed", message };
  }
  const text = await response.text();
  const body = parse(text);
  if (response.ok && body !== undefined) return { kind: "ok", value: body as T };
  const { message, known } = (body ?? {}) as { message?: unknown; known?: unknown };
  if (response.status === 404 && Array.isArray(known)) {
    return { kind: "not-found", message: String(message), known: known.map(String) };
  }
  return {
    kind: "failed",
    message: `${address}${path} answered ${response.status}: ${text.slice(0, 200).trim()}`,
  };
}

/** A message that lists what exists, for a name that does not. */
export function describeUnknown(message: string, known: readonly string[]): string {
  if (known.length === 0) return `${message}\n`;
  return `${message}\nThere are:\n${known.map((name) => `  ${name}\n`).join("")}`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The streams that a command prints to. */
export function streamsOf({ out, err }: CommandOptions): {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
} {
  return {
    out: out ?? ((text) => void process.stdout.write(text)),
    err: err ?? ((text) => void process.stderr.write(text)),
  };
}
