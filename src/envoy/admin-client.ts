import { request } from "node:http";
import type { AdminAddress } from "./bootstrap.ts";

export interface AdminAnswer {
  readonly status: number;
  readonly body: string;
}

/** Speaks to the admin interface of one Envoy. Every call rejects when the Envoy does not answer. */
export class AdminClient {
  readonly #address: AdminAddress;
  readonly #timeoutMs: number;

  constructor(address: AdminAddress, options: { timeoutMs?: number } = {}) {
    this.#address = address;
    this.#timeoutMs = options.timeoutMs ?? 5000;
  }

  /** What a path answers, e.g. `/stats?filter=ssl`. */
  get(path: string): Promise<AdminAnswer> {
    return this.#send("GET", path);
  }

  /** For paths that change something. */
  post(path: string): Promise<AdminAnswer> {
    return this.#send("POST", path);
  }

  /** True once the Envoy is live: its clusters are warm and its listeners take connections. False too when it is away. */
  async ready(): Promise<boolean> {
    try {
      return (await this.get("/ready")).status === 200;
    } catch {
      return false;
    }
  }

  /** Counters and gauges by name; `filter` is a regular expression. */
  async stats(filter?: string): Promise<ReadonlyMap<string, number>> {
    const query = filter === undefined ? "" : `?filter=${encodeURIComponent(filter)}`;
    const { body } = await this.#expectOk("/stats", query);
    const stats = new Map<string, number>();
    for (const line of body.split("\n")) {
      const colon = line.lastIndexOf(": ");
      const value = Number(line.slice(colon + 2));
      // Histograms and text readouts are no numbers.
      if (colon > 0 && line.length > colon + 2 && !Number.isNaN(value))
        stats.set(line.slice(0, colon), value);
    }
    return stats;
  }

  /** The running configuration; secrets are redacted by Envoy. */
  async configDump(query = "include_eds"): Promise<unknown> {
    const { body } = await this.#expectOk("/config_dump", query === "" ? "" : `?${query}`);
    return JSON.parse(body);
  }

  /** Tells clients to leave: health checks fail, HTTP/1 connections close after their answer, HTTP/2 gets GOAWAY.
   * The listeners stay open, so nobody is refused. */
  async drain(): Promise<void> {
    await this.post("/healthcheck/fail");
    await this.post("/drain_listeners?graceful&skip_exit");
  }

  /** Ends the process. */
  async quit(): Promise<void> {
    await this.post("/quitquitquit");
  }

  async #expectOk(path: string, query: string): Promise<AdminAnswer> {
    const answer = await this.get(path + query);
    if (answer.status !== 200)
      throw new Error(`Envoy's ${path} answered ${answer.status}: ${answer.body.slice(0, 200)}`);
    return answer;
  }

  #send(method: string, path: string): Promise<AdminAnswer> {
    const target =
      "path" in this.#address
        ? { socketPath: this.#address.path }
        : { host: this.#address.host, port: this.#address.port };
    return new Promise((resolve, reject) => {
      // `agent: false`: no kept connection that would hold the process or meet a restarted Envoy.
      const call = request(
        { ...target, method, path, agent: false, headers: { host: "admin" } },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("error", reject);
          response.on("end", () =>
            resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }),
          );
        },
      );
      call.setTimeout(this.#timeoutMs, () =>
        call.destroy(new Error(`Envoy's admin interface did not answer ${path}.`)),
      );
      call.on("error", reject);
      call.end();
    });
  }
}
