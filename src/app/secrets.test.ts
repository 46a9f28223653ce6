import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { certificate, privateKey } from "#xds/sample-certificate.ts";
import { diolkos, RunningDiolkos, run } from "../../cases/runner/running-diolkos.ts";
import { sendRequest } from "../../cases/runner/send-request.ts";

/** Values that nothing may show, each with a mark of its own. */
const secrets = {
  key: "s3cret-api-key-Aq7",
  password: "s3cret-basic-password-Bw8",
  privateKey: privateKey.split("\n")[2] ?? "",
  redisInline: "s3cret-redis-inline-Ce9",
  redisFromSecret: "s3cret-redis-from-Dr1",
  redisPatch: "s3cret-redis-patch-Et2",
  variable: "s3cret-variable-Fy3",
  allVariables: "s3cret-all-variables-Gu4",
  localVariable: "s3cret-local-variable-Hi5",
  broken: "s3cret-broken-Jo6",
} as const;

const folder = mkdtempSync(join(tmpdir(), "diolkos-secrets-"));
const good = join(folder, "good");
const broken = join(folder, "broken");

beforeAll(() => {
  for (const path of [good, broken]) mkdirSync(path);
  writeFileSync(join(good, "gateway.yaml"), gateway);
  writeFileSync(join(good, "application.yaml"), application);
  writeFileSync(join(good, "diolkos.local.yaml"), local);
  for (const [at, text] of brokenFiles.entries()) writeFileSync(join(broken, `${at}.yaml`), text);
});
afterAll(() => rmSync(folder, { recursive: true }));

test("check and render show no secret, valid or broken", { timeout: 120_000 }, async () => {
  for (const args of [
    ["check", good],
    ["check", good, "-o", "json"],
    ["check", good, broken],
    ["check", good, broken, "-o", "json"],
    ["render", good],
    ["render", good, broken, "-o", "json"],
    ["explain", "GET", "http://a.example/", "-H", `apikey: none`, good],
  ]) {
    const { stdout, stderr } = await run(diolkos, args);
    expect(shown(stdout + stderr), args.join(" ")).toEqual([]);
  }
  const problems = JSON.parse((await run(diolkos, ["check", broken, "-o", "json"])).stdout) as {
    problems?: { file: string }[];
  };
  const found = Array.isArray(problems) ? (problems as { file: string }[]) : (problems.problems ?? []);
  const files = new Set(found.map(({ file }) => file));
  // Each broken manifest has been looked at, and said to be broken.
  expect(brokenFiles.map((_, at) => join(broken, `${at}.yaml`)).filter((file) => !files.has(file))).toEqual(
    [],
  );
});

test("render --secrets shows what proxies get", { timeout: 60_000 }, async () => {
  const { stdout } = await run(diolkos, ["render", good, "--secrets"]);
  expect(shown(stdout)).toEqual(expect.arrayContaining(["privateKey"]));
});

test("a running instance shows no secret in its answers and logs", { timeout: 120_000 }, async () => {
  const running = await RunningDiolkos.start([good, broken, "--log-level", "trace"], folder);
  try {
    const headers = { host: "a.example", apikey: secrets.key };
    const basic = Buffer.from(`ann:${secrets.password}`).toString("base64");
    // Traffic through every plugin that holds a secret; the Redis is not there, which is logged.
    await sendRequest(running.gatewayPort, { method: "GET", path: "/key", host: "a.example", headers });
    const authorization = { authorization: `Basic ${basic}` };
    await sendRequest(running.gatewayPort, {
      method: "GET",
      path: "/basic",
      host: "a.example",
      headers: authorization,
    });
    for (const path of ["/inline", "/from", "/patch"]) {
      await sendRequest(running.gatewayPort, { method: "GET", path, host: "a.example", headers: {} });
    }
    const explained = encodeURIComponent("http://a.example/key");
    for (const path of [
      "/problems",
      "/readyz",
      "/metrics",
      "/v1/status",
      `/v1/explain?url=${explained}`,
      "/v1/workloads/prod/app/environment",
      "/v1/workloads/prod/none/environment",
      "/no-such-path",
    ]) {
      const { body } = await sendRequest(running.adminPort, path);
      expect(shown(body), path).toEqual([]);
    }
    const environment = await running.command("exec", "prod/app", "--", "printenv");
    expect(shown(environment.stdout)).toEqual(["variable", "allVariables", "localVariable"]);

    const { state } = (await running.status()).controlPlane;
    writeFileSync(
      join(broken, "late.yaml"),
      `apiVersion: v1\nkind: Secret\nmetadata: {name: late\n${secrets.broken}`,
    );
    await running.ready();
    await sleep(500);
    const { body } = await sendRequest(running.adminPort, "/problems");
    expect(shown(body)).toEqual([]);
    const logs = [join(dirname(state), "log"), ...filesBelow(join(state, "logs"))];
    expect(logs.length).toBeGreaterThan(3);
    for (const path of logs) expect(shown(readFileSync(path, "utf8")), path).toEqual([]);
  } finally {
    await running.stop();
  }
});

/** Names of the secrets that stand in a text, as they are or in base64 at any offset. */
function shown(text: string): readonly string[] {
  return Object.entries(secrets)
    .filter(([, secret]) => [secret, ...encoded(secret)].some((form) => text.includes(form)))
    .map(([name]) => name);
}

function encoded(secret: string): readonly string[] {
  return [0, 1, 2].map((offset) => {
    const bytes = Buffer.from("x".repeat(offset) + secret);
    // Without the groups that bytes before and after it would change.
    const whole = bytes.subarray(0, bytes.length - (bytes.length % 3)).toString("base64");
    return whole.slice(offset === 0 ? 0 : 4);
  });
}

function filesBelow(path: string): readonly string[] {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

const base64 = (text: string) => Buffer.from(text).toString("base64");
const yaml = (...documents: readonly object[]) =>
  documents.map((one) => `---\n${JSON.stringify(one)}\n`).join("");
const named = (apiVersion: string, kind: string, name: string, rest: object, more: object = {}) => {
  return { apiVersion, kind, metadata: { name, namespace: "prod", ...more }, ...rest };
};
const secretOf = (name: string, rest: object, labels: object = {}) =>
  named("v1", "Secret", name, rest, { labels });
const pluginOf = (name: string, rest: object) =>
  named("configuration.konghq.com/v1", "KongPlugin", name, rest);
const ingressOf = (path: string, plugin: string) =>
  named(
    "networking.k8s.io/v1",
    "Ingress",
    plugin,
    {
      spec: {
        ingressClassName: "kong",
        tls: [{ hosts: ["a.example"], secretName: "certificate" }],
        rules: [
          {
            host: "a.example",
            http: {
              paths: [
                { path, pathType: "Prefix", backend: { service: { name: "app", port: { number: 9080 } } } },
              ],
            },
          },
        ],
      },
    },
    { annotations: { "konghq.com/plugins": plugin } },
  );
const credential = (type: string) => ({ "konghq.com/credential": type });
// Nothing listens on port 1.
const redis = { host: "127.0.0.1", port: 1, timeout: 100 };

const gateway = yaml(
  secretOf("key", { stringData: { key: secrets.key } }, credential("key-auth")),
  secretOf(
    "basic",
    { data: { username: base64("ann"), password: base64(secrets.password) } },
    credential("basic-auth"),
  ),
  named(
    "configuration.konghq.com/v1",
    "KongConsumer",
    "ann",
    { username: "ann", credentials: ["key", "basic"] },
    { annotations: { "kubernetes.io/ingress.class": "kong" } },
  ),
  secretOf("certificate", {
    type: "kubernetes.io/tls",
    stringData: { "tls.crt": certificate, "tls.key": privateKey },
  }),
  secretOf("limits", {
    stringData: {
      config: JSON.stringify({
        minute: 3,
        policy: "redis",
        redis: { ...redis, password: secrets.redisFromSecret },
      }),
      password: JSON.stringify(secrets.redisPatch),
    },
  }),
  pluginOf("key", { plugin: "key-auth" }),
  pluginOf("basic", { plugin: "basic-auth" }),
  pluginOf("inline", {
    plugin: "rate-limiting",
    config: { minute: 3, policy: "redis", redis: { ...redis, password: secrets.redisInline } },
  }),
  pluginOf("from", {
    plugin: "rate-limiting",
    configFrom: { secretKeyRef: { name: "limits", key: "config" } },
  }),
  pluginOf("patch", {
    plugin: "rate-limiting",
    config: { minute: 3, policy: "redis", redis },
    configPatches: [
      { path: "/redis/password", valueFrom: { secretKeyRef: { name: "limits", key: "password" } } },
    ],
  }),
  ...["key", "basic", "inline", "from", "patch"].map((name) => ingressOf(`/${name}`, name)),
);

const application = yaml(
  secretOf("environment", { stringData: { VALUE: secrets.variable } }),
  secretOf("all", { data: { ALL: base64(secrets.allVariables) } }),
  named("apps/v1", "Deployment", "app", {
    spec: {
      selector: { matchLabels: { app: "app" } },
      template: {
        metadata: { labels: { app: "app" } },
        spec: {
          containers: [
            {
              name: "app",
              ports: [{ containerPort: 9080 }],
              env: [{ name: "VALUE", valueFrom: { secretKeyRef: { name: "environment", key: "VALUE" } } }],
              envFrom: [{ secretRef: { name: "all" } }],
            },
          ],
        },
      },
    },
  }),
  named("v1", "Service", "app", { spec: { selector: { app: "app" }, ports: [{ port: 9080 }] } }),
);

const server =
  'require("http").createServer((_, answer) => answer.end("ok")).listen(process.env.PORT, "127.0.0.1")';
const local = yaml({
  apiVersion: "diolkos.io/v1alpha1",
  kind: "LocalWorkloads",
  workloads: [
    { workload: "prod/app", command: ["node", "-e", server], env: { LOCAL: secrets.localVariable } },
  ],
});

const withBrokenConfig = (name: string, config: string) =>
  yaml(
    secretOf(name, { stringData: { config } }),
    pluginOf(name, { plugin: "rate-limiting", configFrom: { secretKeyRef: { name, key: "config" } } }),
    ingressOf(`/${name}`, name),
  );
const it = secrets.broken;

/** Secrets in manifests that are wrong in every way; each gives a problem. */
const brokenFiles: readonly string[] = [
  // The YAML itself.
  `apiVersion: v1\nkind: Secret\nmetadata: {name: y0, namespace: prod}\nstringData:\n  key: ${it}: x\n`,
  `apiVersion: v1\nkind: Secret\nmetadata: {name: y1, namespace: prod}\nstringData: {key: "${it}\n`,
  `apiVersion: v1\nkind: Secret\nmetadata: {name: y2, namespace: prod}\nstringData:\n  key: *${it}\n`,
  `apiVersion: v1\nkind: Secret\nmetadata: {name: y3, namespace: prod}\nstringData:\n  key: !${it} a\n\t b\n`,
  `apiVersion: v1\nkind: Secret\nmetadata: {name: y4, namespace: prod}\nstringData:\n  ${it}: a\n  ${it}: b\n`,
  `apiVersion: v1\nkind: Secret\nmetadata: {name: y5, namespace: prod}\nstringData:\n  a: |\n   ${it}\n  ${it}\n`,
  // The Secret.
  yaml(secretOf("s0", { data: { key: it } })),
  yaml(secretOf("s1", { stringData: { key: [it] } })),
  yaml(secretOf("s2", { data: it })),
  yaml(secretOf("s3", { stringdata: { key: it } })),
  yaml(secretOf("s4", { stringData: { key: { [it]: it } } })),
  // The credential.
  yaml(
    secretOf("c0", { stringData: { password: it } }, credential("basic-auth")),
    secretOf("c1", { stringData: { key: it, ttl: it } }, credential("key-auth")),
    secretOf("c2", { stringData: { kongCredType: it, key: it } }),
    named(
      "configuration.konghq.com/v1",
      "KongConsumer",
      "bob",
      { username: "bob", credentials: ["c0", "c1", "c2"] },
      { annotations: { "kubernetes.io/ingress.class": "kong" } },
    ),
  ),
  // A plugin's configuration, in a Secret and in the open.
  withBrokenConfig("p0", `{"minute": "${it}`),
  withBrokenConfig("p1", `minute: ${it}`),
  withBrokenConfig("p2", it),
  withBrokenConfig("p3", JSON.stringify({ [it]: 1, minute: 3 })),
  withBrokenConfig("p4", JSON.stringify({ minute: 3, policy: "redis", redis: { ...redis, port: it } })),
  withBrokenConfig("p5", JSON.stringify({ minute: 3, limit_by: it })),
  ...[{ password: [it] }, { password: { a: it } }].map((more, at) =>
    yaml(
      pluginOf(`o${at}`, {
        plugin: "rate-limiting",
        config: { minute: 3, policy: "redis", redis: { ...redis, ...more } },
      }),
      ingressOf(`/o${at}`, `o${at}`),
    ),
  ),
  yaml(
    pluginOf("o2", { plugin: "rate-limiting", config: { minute: 3, redis_password: { a: it } } }),
    ingressOf("/o2", "o2"),
  ),
  // A certificate's key.
  yaml(
    secretOf("t0", { type: "kubernetes.io/tls", stringData: { "tls.crt": certificate, "tls.key": it } }),
    named("networking.k8s.io/v1", "Ingress", "t0", {
      spec: { ingressClassName: "kong", tls: [{ hosts: ["b.example"], secretName: "t0" }] },
    }),
  ),
  // A local workload's variables.
  yaml({
    apiVersion: "diolkos.io/v1alpha1",
    kind: "LocalWorkloads",
    workloads: [{ workload: "prod/none", env: { A: [it], PORT: it } }],
  }),
  yaml({
    apiVersion: "diolkos.io/v1alpha1",
    kind: "LocalWorkloads",
    workloads: [{ workload: "prod/other", env: { PORT: it } }],
  }),
];
