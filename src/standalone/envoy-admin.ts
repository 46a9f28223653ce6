import { request } from "node:http";

export interface AdminResponse {
  readonly status: number;
  readonly body: string;
}

/** One request to an Envoy's admin interface at `127.0.0.1:PORT`. Rejects when it does not answer in time. */
export function requestEnvoyAdmin(
  address: string,
  method: "GET" | "POST",
  path: string,
  timeoutMs = 1000,
): Promise<AdminResponse> {
  return new Promise((resolve, reject) => {
    const outgoing = request(`http://${address}${path}`, { method, agent: false, timeout: timeoutMs });
    outgoing.on("timeout", () => outgoing.destroy(new Error(`${address} does not answer`)));
    outgoing.on("error", reject);
    outgoing.on("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") }),
      );
    });
    outgoing.end();
  });
}
