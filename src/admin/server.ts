import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";

/** What a route of the admin API answers. */
export interface AdminAnswer {
  readonly status: number;
  readonly contentType?: string;
  readonly body: string | Uint8Array;
}

export interface AdminRequest {
  readonly path: string;
  readonly query: URLSearchParams;
  /** The parts that the route's pattern names with a colon, decoded. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** `GET` on a pattern like `/v1/workloads/:namespace/:name`. */
export interface AdminRoute {
  readonly pattern: string;
  readonly answer: (request: AdminRequest) => AdminAnswer | Promise<AdminAnswer>;
}

/** A JSON answer, indented for people who use curl. */
export function json(value: unknown, status = 200): AdminAnswer {
  return {
    status,
    contentType: "application/json; charset=utf-8",
    body: `${JSON.stringify(value, undefined, 2)}\n`,
  };
}

/** Plain text. */
export function text(body: string, status = 200): AdminAnswer {
  return { status, contentType: "text/plain; charset=utf-8", body };
}

/** Listens for admin requests. It only reads, so a page of another site can at most make the browser ask; answers stay
 * unreadable to it because foreign Host headers (DNS rebinding) are turned away and no CORS header is ever sent. */
export async function serveAdmin(options: {
  readonly address: string;
  readonly port: number;
  readonly routes: readonly AdminRoute[];
  readonly onDefect: (path: string, error: unknown) => void;
}): Promise<Server> {
  const server = createServer((request, response) => {
    void answer(request, options).then(
      (result) => send(response, result, request.method === "HEAD"),
      (error: unknown) => {
        options.onDefect(request.url ?? "", error);
        send(response, json({ message: "an unexpected error occurred" }, 500), false);
      },
    );
  });
  server.keepAliveTimeout = 75_000;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.address, () => {
      server.off("error", reject);
      resolve();
    });
  });
  return server;
}

async function answer(
  request: IncomingMessage,
  { address, routes }: { readonly address: string; readonly routes: readonly AdminRoute[] },
): Promise<AdminAnswer> {
  if (!isOwnHost(request.headers.host ?? "", address)) return json({ message: "unknown host" }, 421);
  if (request.method !== "GET" && request.method !== "HEAD")
    return json({ message: "only GET is served" }, 405);
  const url = new URL(request.url ?? "/", "http://admin");
  for (const route of routes) {
    const parameters = matchPattern(route.pattern, url.pathname);
    if (parameters !== undefined)
      return route.answer({ path: url.pathname, query: url.searchParams, parameters });
  }
  return json({ message: `there is no ${url.pathname}`, known: routes.map((route) => route.pattern) }, 404);
}

function isOwnHost(host: string, address: string): boolean {
  const name = host.replace(/:\d+$/, "").toLowerCase();
  // Bound to every address, the admin API is reached by whatever name the machine has.
  if (address === "0.0.0.0" || address === "::") return true;
  return ["localhost", "127.0.0.1", "[::1]", address.toLowerCase()].includes(name);
}

function matchPattern(pattern: string, path: string): Readonly<Record<string, string>> | undefined {
  const wanted = pattern.split("/");
  const given = path.split("/");
  if (wanted.length !== given.length) return undefined;
  const parameters: Record<string, string> = {};
  for (const [at, part] of wanted.entries()) {
    const value = given[at] ?? "";
    if (part.startsWith(":")) {
      try {
        parameters[part.slice(1)] = decodeURIComponent(value);
      } catch {
        return undefined;
      }
    } else if (part !== value) return undefined;
  }
  return parameters;
}

function send(response: ServerResponse, { status, contentType, body }: AdminAnswer, headOnly: boolean): void {
  response.writeHead(status, {
    "content-type": contentType ?? "application/octet-stream",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'",
  });
  response.end(headOnly ? undefined : body);
}
