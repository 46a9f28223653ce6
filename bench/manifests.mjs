import { renameSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** Replaces a file at once, as editors do. @param {string} path @param {readonly object[]} objects */
export function writeManifest(path, objects) {
  const fresh = join(dirname(path), `.${basename(path)}.new`);
  writeFileSync(fresh, objects.map((object) => `${JSON.stringify(object, undefined, 2)}\n`).join("---\n"));
  renameSync(fresh, path);
}

/** A Service whose only endpoint is a local port. @param {string} name @param {number} port */
export function service(name, port) {
  return [
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name, namespace: "bench" },
      spec: { ports: [{ name: "http", port: 80, targetPort: port }] },
    },
    {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { name, namespace: "bench", labels: { "kubernetes.io/service-name": name } },
      addressType: "IPv4",
      ports: [{ name: "http", port }],
      endpoints: [{ addresses: ["127.0.0.1"], conditions: { ready: true } }],
    },
  ];
}

/** @param {string} name @param {{ host: string, paths: readonly string[], backend: string, plugins?: string }} options */
export function ingress(name, { host, paths, backend, plugins }) {
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "Ingress",
    metadata: {
      name,
      namespace: "bench",
      ...(plugins === undefined ? {} : { annotations: { "konghq.com/plugins": plugins } }),
    },
    spec: {
      ingressClassName: "kong",
      rules: [
        {
          host,
          http: {
            paths: paths.map((path) => ({
              path,
              pathType: "Prefix",
              backend: { service: { name: backend, port: { number: 80 } } },
            })),
          },
        },
      ],
    },
  };
}

/** @param {string} name @param {string} plugin @param {object} config */
export function kongPlugin(name, plugin, config) {
  return {
    apiVersion: "configuration.konghq.com/v1",
    kind: "KongPlugin",
    metadata: { name, namespace: "bench" },
    plugin,
    config,
  };
}

/** A consumer with one key. @param {string} name @param {string} key */
export function consumer(name, key) {
  return [
    {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: `${name}-key`, namespace: "bench", labels: { "konghq.com/credential": "key-auth" } },
      stringData: { key },
    },
    {
      apiVersion: "configuration.konghq.com/v1",
      kind: "KongConsumer",
      metadata: { name, namespace: "bench", annotations: { "kubernetes.io/ingress.class": "kong" } },
      username: name,
      credentials: [`${name}-key`],
    },
  ];
}
