import { fail } from "./options.ts";

/** Asks the admin API of the running instance; ends with a message when there is none or it refuses. */
export async function askAdmin<T>(port: number, path: string): Promise<T> {
  let response: Response;
  try {
    response = await fetch(`http://127.0.0.1:${port}${path}`);
  } catch {
    fail(
      `nothing answers on the admin port ${port}: start an instance with "diolkos up DIR", or name its --admin-port`,
      2,
    );
  }
  const body = (await response.json()) as T & {
    readonly message?: string;
    readonly known?: readonly string[];
  };
  if (!response.ok) {
    const known =
      body.known === undefined || body.known.length === 0 ? "" : `; there is ${body.known.join(", ")}`;
    fail(`${body.message ?? response.statusText}${known}`, 2);
  }
  return body;
}
