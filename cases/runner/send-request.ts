import { Agent, request as httpRequest, type IncomingHttpHeaders } from "node:http";
import type { Behaviour } from "./behaviour.ts";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const agent = new Agent({ keepAlive: true, maxSockets: 16 });

/** Sends a request exactly as it is written (nothing is normalised or added), or a plain GET of a path. */
export function sendRequest(port: number, wanted: Behaviour["request"] | string): Promise<Answer> {
  const {
    method,
    path,
    host,
    headers = {},
    body,
  }: Partial<Behaviour["request"]> = typeof wanted === "string" ? { path: wanted } : wanted;
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        agent,
        host: "127.0.0.1",
        port,
        method,
        path,
        headers: {
          ...headers,
          ...(host === undefined ? {} : { host }),
          ...(body === undefined ? {} : { "content-length": Buffer.byteLength(body) }),
        },
        timeout: 10_000,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks).toString(),
          }),
        );
      },
    );
    request.on("timeout", () => request.destroy(new Error("no answer within 10 s")));
    request.on("error", reject);
    request.end(body);
  });
}
