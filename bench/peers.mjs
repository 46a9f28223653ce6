import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { root } from "../scripts/root.mjs";
import { nginxConfig } from "./backend.mjs";
import { freePorts, proxyCore, start, temporaryFolder, untilListening } from "./processes.mjs";

/**
 * A proxy to be measured.
 * @typedef {{ port: number, pid: number, stop: () => Promise<void> }} Proxy
 */

/**
 * A hand-written static Envoy with one worker on the proxies' core.
 * @param {string} envoy
 * @param {string} name file in bench/peers
 * @param {{ backend: number, consumers: readonly { name: string, key: string }[], before?: readonly string[] }} options
 *   `before`: a command that runs it, e.g. valgrind
 * @returns {Promise<Proxy>}
 */
export async function startLeanEnvoy(envoy, name, { backend, consumers, before = [] }) {
  const folder = temporaryFolder("lean");
  const [port = 0, admin = 0] = await freePorts(2);
  const credentials = consumers.map(
    (one) => `                        - { key: ${one.key}, client: ${one.name} }`,
  );
  const set = (/** @type {string} */ header, /** @type {string} */ value) =>
    `{ append: { append_action: OVERWRITE_IF_EXISTS_OR_ADD, header: { key: ${header}, value: ${value} } } }`;
  const mutations = consumers.map(
    (one, at) => `                                ${one.name}:
                                  action:
                                    name: composite
                                    typed_config:
                                      "@type": type.googleapis.com/envoy.extensions.filters.http.composite.v3.ExecuteFilterAction
                                      typed_config:
                                        name: header_mutation
                                        typed_config:
                                          "@type": type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation
                                          mutations:
                                            request_mutations:
                                              - ${set("x-consumer-id", `id-${at}`)}
                                              - ${set("x-credential-identifier", `credential-${at}`)}`,
  );
  const text = readFileSync(join(root, "bench", "peers", name), "utf8")
    .replaceAll("@PORT@", String(port))
    .replaceAll("@BACKEND@", String(backend))
    .replaceAll("@ADMIN@", String(admin))
    .replace("@CREDENTIALS@", credentials.join("\n"))
    .replace("@CONSUMERS@", mutations.join("\n"));
  const config = join(folder, name);
  writeFileSync(config, text);
  const [command = envoy, ...args] = [
    ...before,
    envoy,
    ...["-c", config, "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"],
  ];
  const started = start(command, args, { core: proxyCore, log: join(folder, "log") });
  await untilListening(port);
  return { ...started, port };
}

/** @param {string} nginx @param {number} backend @returns {Promise<Proxy>} */
export async function startNginx(nginx, backend) {
  const folder = temporaryFolder("nginx");
  const [port = 0] = await freePorts(1);
  const upstream = `upstream backend { server 127.0.0.1:${backend}; keepalive 64; keepalive_requests 1000000000; }`;
  const forwarded =
    "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;";
  const location = `proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; ${forwarded}`;
  writeFileSync(join(folder, "nginx.conf"), nginxConfig(folder, port, location, upstream));
  const started = start(nginx, ["-p", folder, "-c", join(folder, "nginx.conf")], {
    core: proxyCore,
    log: join(folder, "log"),
  });
  await untilListening(port);
  return { ...started, port };
}

/** @param {string} haproxy @param {number} backend @returns {Promise<Proxy>} */
export async function startHaproxy(haproxy, backend) {
  const folder = temporaryFolder("haproxy");
  const [port = 0] = await freePorts(1);
  writeFileSync(
    join(folder, "haproxy.cfg"),
    `global
  nbthread 1
defaults
  mode http
  timeout connect 60s
  timeout client 60s
  timeout server 60s
  option forwardfor
  http-reuse always
frontend edge
  bind 127.0.0.1:${port}
  http-request set-header X-Forwarded-Proto http
  default_backend backend
backend backend
  server one 127.0.0.1:${backend}
`,
  );
  const started = start(haproxy, ["-db", "-f", join(folder, "haproxy.cfg")], {
    core: proxyCore,
    log: join(folder, "log"),
  });
  await untilListening(port);
  return { ...started, port };
}
