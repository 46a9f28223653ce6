import { sendRequest } from "./send-request.ts";

/** Sends requests all the time from a few clients at once, and remembers what failed. */
export class Load {
  readonly #failures: string[] = [];
  readonly #clients: readonly Promise<void>[];
  #sent = 0;
  #stopped = false;

  constructor(port: number, path: string, clients = 4, headers: Readonly<Record<string, string>> = {}) {
    this.#clients = Array.from({ length: clients }, () => this.#run(port, path, headers));
  }

  /** Requests that were answered, well or not. */
  get sent(): number {
    return this.#sent;
  }

  /** What failed until now. */
  get failures(): readonly string[] {
    return this.#failures;
  }

  /** Ends the load and gives what failed. */
  async stop(): Promise<readonly string[]> {
    this.#stopped = true;
    await Promise.all(this.#clients);
    return this.#failures;
  }

  async #run(port: number, path: string, headers: Readonly<Record<string, string>>): Promise<void> {
    while (!this.#stopped) {
      try {
        const { status, body } = await sendRequest(port, { method: "GET", path, headers });
        if (status !== 200) this.#failures.push(`${new Date().toISOString()} ${status} ${body}`);
      } catch (error) {
        this.#failures.push(`${new Date().toISOString()} ${error}`);
      }
      this.#sent++;
    }
  }
}
