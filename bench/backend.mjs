import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

import { otherCore, start, temporaryFolder, untilListening } from "./processes.mjs";

/**
 * A backend that answers 200 and 100 bytes, with as little work as can be had: nginx, else Node.
 * @param {string | undefined} nginx
 * @param {number} port
 */
export async function startBackend(nginx, port) {
  const folder = temporaryFolder("backend");
  const log = join(folder, "log");
  const body = "x".repeat(100);
  if (nginx === undefined) {
    const script = `require("node:http").createServer((q, r) => { r.setHeader("content-length", 100); r.end("${body}"); }).listen(${port}, "127.0.0.1");`;
    const started = start(process.execPath, ["-e", script], { core: otherCore, log });
    await untilListening(port);
    return started;
  }
  const config = join(folder, "nginx.conf");
  writeFileSync(config, nginxConfig(folder, port, `return 200 "${body}";`, ""));
  const started = start(nginx, ["-p", folder, "-c", config], { core: otherCore, log });
  await untilListening(port);
  return started;
}

/**
 * An nginx with one worker in the foreground that writes only into `folder`.
 * @param {string} folder @param {number} port @param {string} location @param {string} more in the http block
 */
export function nginxConfig(folder, port, location, more) {
  return `daemon off; master_process off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log warn;
events { worker_connections 1024; }
http {
  access_log off; keepalive_requests 1000000000; keepalive_timeout 1h;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  ${more}
  server { listen 127.0.0.1:${port}; location / { ${location} } }
}
`;
}

/** A backend that tells what it was asked: for comparing what proxies send. @param {number} port */
export async function startEcho(port) {
  const server = createServer((incoming, response) => {
    response.end(JSON.stringify({ url: incoming.url, headers: incoming.headers }));
  }).listen(port, "127.0.0.1");
  await once(server, "listening");
  return {
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
