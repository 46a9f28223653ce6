import fc from "fast-check";
import { plugins } from "#plugins/registry.ts";
import { certificate, privateKey } from "#xds/sample-certificate.ts";
import {
  anyHost,
  flag,
  headerName,
  host,
  junk,
  list,
  type Manifest,
  method,
  namespace,
  number,
  object,
  or,
  path,
  plainPath,
  port,
  portName,
  rarely,
  regex,
  seconds,
  serviceName,
  size,
  some,
  text,
} from "./random-values-test-setup.ts";

const ingressAnnotations = some({
  "konghq.com/strip-path": flag,
  "konghq.com/preserve-host": flag,
  "konghq.com/path-handling": fc.constantFrom("v0", "v1", "v2"),
  "konghq.com/regex-priority": number,
  "konghq.com/methods": list(method, 0, 3).map((methods) => methods.join(",")),
  "konghq.com/headers.x-a": fc.oneof(
    text,
    regex.map((pattern) => `~*${pattern}`),
  ),
  "konghq.com/headers.Host": text,
  "konghq.com/headers. b:": text,
  "konghq.com/rewrite": fc.oneof(
    text,
    path,
    fc.constantFrom("/$1", "/x/$9", "/\\$1", "/$", "/%REQ(a)%", "/?a=$1", "/a b"),
  ),
  "konghq.com/protocols": fc.constantFrom("https", "http,https", "grpc", "grpcs", "tcp", "nothing", "ws"),
  "konghq.com/https-redirect-status-code": fc.constantFrom("301", "308", "426", "200", "x"),
  "konghq.com/host-aliases": list(anyHost, 0, 2).map((hosts) => hosts.join(",")),
  "konghq.com/snis": fc.constantFrom("a.example", "*.x"),
  "konghq.com/override": fc.constantFrom("ki-0", "ki-1", "none"),
  "konghq.com/request-buffering": flag,
  "ingress.kubernetes.io/force-ssl-redirect": flag,
});
const pluginNames = fc.array(fc.integer({ min: 0, max: 19 }), { maxLength: 4 });
const withPlugins = (annotations: fc.Arbitrary<unknown>) =>
  fc.tuple(annotations, pluginNames).map(([rest, numbers]) => ({
    ...(rest as object),
    ...(numbers.length === 0 ? {} : { "konghq.com/plugins": numbers.map((n) => `plugin-${n}`).join(",") }),
  }));

const tls = list(
  some({ hosts: list(anyHost, 0, 2), secretName: fc.constantFrom("credential-0", "none") }),
  0,
  1,
);
const backendNew = fc.record({
  service: fc.record({
    name: or(serviceName),
    port: fc.oneof(
      port.map((n) => ({ number: n })),
      portName.map((n) => ({ name: n })),
    ),
  }),
});
const backendOld = fc.record({ serviceName, servicePort: fc.oneof(port, portName, fc.constant("9080")) });
export function ingress(name: string) {
  const paths = (backend: fc.Arbitrary<unknown>) =>
    list(
      fc.record(
        {
          path: or(path),
          backend,
          pathType: or(fc.constantFrom("Exact", "Prefix", "ImplementationSpecific")),
        },
        { requiredKeys: ["backend"] },
      ),
      1,
      5,
    );
  const rules = (backend: fc.Arbitrary<unknown>) =>
    list(some({ host: anyHost, http: fc.record({ paths: paths(backend) }) }), 1, 3);
  const annotations = withPlugins(ingressAnnotations).map((rest) => ({
    ...rest,
    "kubernetes.io/ingress.class": "kong",
  }));
  return fc.oneof(
    object("networking.k8s.io/v1", "Ingress", {
      spec: some({ rules: rules(backendNew), defaultBackend: backendNew, tls }),
    })(name, annotations),
    ...["networking.k8s.io/v1beta1", "extensions/v1beta1"].map((version) =>
      object(version, "Ingress", { spec: some({ rules: rules(backendOld), backend: backendOld, tls }) })(
        name,
        annotations,
      ),
    ),
  );
}

export const serviceAnnotations = withPlugins(
  some({
    "konghq.com/path": fc.oneof(plainPath, text),
    "konghq.com/protocol": fc.constantFrom("http", "grpc", "https", "tcp", "x"),
    "konghq.com/connect-timeout": number,
    "konghq.com/read-timeout": number,
    "konghq.com/write-timeout": number,
    "konghq.com/retries": number,
    "konghq.com/host-header": fc.oneof(host, text),
    "konghq.com/override": fc.constantFrom("ki-0", "ki-1", "none"),
    "ingress.kubernetes.io/service-upstream": flag,
  }),
);
export const service = object("v1", "Service", {
  spec: fc.oneof(
    fc.record({
      ports: list(fc.record({ name: portName, port, targetPort: fc.oneof(port, portName) }), 1, 2),
      selector: fc.constantFrom({}, { app: "jazz-v1" }, { app: "dj" }),
    }),
    fc.record({
      type: fc.constant("ExternalName"),
      externalName: or(host, fc.constantFrom("", "a b", "1.2.3.4", "::1", "a/b", "-", "x".repeat(300)), 3),
      ports: list(fc.record({ port }), 0, 1),
    }),
  ),
});
export const slice = object("discovery.k8s.io/v1", "EndpointSlice", {
  addressType: fc.constantFrom("IPv4", "IPv6", "FQDN"),
  endpoints: list(
    fc.record({
      addresses: list(
        fc.constantFrom("127.0.0.1", "10.0.0.1", "::1", "fe80::1%eth0", "a.example", "a b"),
        1,
        2,
      ),
      conditions: some({ ready: fc.boolean() }),
    }),
    0,
    3,
  ),
  ports: list(some({ name: portName, port, protocol: fc.constantFrom("TCP", "UDP") }), 0, 2),
});

const hashInput = fc.constantFrom(
  "none",
  "consumer",
  "ip",
  "header",
  "cookie",
  "path",
  "query_arg",
  "uri_capture",
);
const statuses = list(fc.constantFrom(100, 200, 404, 503, 599, 600, 999), 0, 3);
const healthy = some({ http_statuses: statuses, interval: seconds, successes: size });
const unhealthy = some({
  http_failures: size,
  tcp_failures: size,
  timeouts: size,
  http_statuses: statuses,
  interval: seconds,
});
const checkType = fc.constantFrom("http", "https", "tcp", "grpc");
export const kongIngress = object("configuration.konghq.com/v1", "KongIngress", {
  proxy: some({
    path: or(plainPath),
    protocol: fc.constantFrom("http", "grpc", "https"),
    retries: size,
    connect_timeout: size,
    read_timeout: size,
    write_timeout: size,
  }),
  route: some({
    methods: list(method, 0, 2),
    headers: fc.dictionary(
      headerName,
      list(
        fc.oneof(
          text,
          regex.map((pattern) => `~*${pattern}`),
        ),
        0,
        2,
      ),
      { maxKeys: 2 },
    ),
    regex_priority: fc.integer(),
    strip_path: or(fc.boolean()),
    preserve_host: fc.boolean(),
    path_handling: fc.constantFrom("v0", "v1"),
    protocols: list(fc.constantFrom("http", "https", "grpc", "tls"), 0, 2),
    https_redirect_status_code: fc.constantFrom(301, 308, 426, 17),
    snis: list(host, 0, 1),
  }),
  upstream: some({
    host_header: fc.oneof(host, text),
    algorithm: fc.constantFrom("round-robin", "consistent-hashing", "least-connections", "latency"),
    slots: fc.constantFrom(10, 1000, 8_388_608, 9_000_000, 1e12),
    hash_on: hashInput,
    hash_fallback: hashInput,
    hash_on_header: headerName,
    hash_fallback_header: headerName,
    hash_on_cookie: fc.oneof(headerName, text),
    hash_on_cookie_path: fc.oneof(plainPath, text),
    hash_on_query_arg: text,
    hash_on_uri_capture: text,
    healthchecks: some({
      threshold: fc.constantFrom(0, 50, 99.9, 100),
      active: some({
        type: checkType,
        timeout: seconds,
        http_path: fc.oneof(
          plainPath,
          text.map((value) => `/${value}`),
        ),
        headers: fc.dictionary(headerName, list(text, 0, 2), { maxKeys: 2 }),
        https_sni: text,
        healthy,
        unhealthy,
      }),
      passive: some({ type: checkType, healthy, unhealthy }),
    }),
  }),
});

/** Values of all types for a field of this name; most are wrong for most fields, which is the point. */
const names = list(
  fc.oneof(headerName, text, fc.constantFrom("x-a:b", "x-a:100%", "q:a=b", "x-b:$(headers.a)")),
  0,
  3,
);
const operations = some({ headers: names, querystring: names, body: names, json: names, uri: plainPath });
const pluginField = fc.oneof(
  { weight: 3, arbitrary: fc.oneof(text, regex, size, fc.boolean(), names) },
  { weight: 1, arbitrary: fc.oneof(junk, operations) },
);
const fieldsOf: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  origins: list(fc.oneof(fc.constantFrom("*", "https://a.example"), regex), 0, 3),
  methods: list(fc.constantFrom("GET", "POST", "FOO"), 0, 2),
  allow: list(fc.constantFrom("10.0.0.0/8", "::1", "1.2.3.4", "1.2.3.4/33", "gold"), 0, 2),
  deny: list(fc.constantFrom("10.0.0.0/8", "::1/64", "gold"), 0, 2),
  header_name: headerName,
  key_names: list(headerName, 0, 2),
  limit_by: fc.constantFrom("consumer", "credential", "ip", "service", "header", "path", "x"),
  policy: fc.constantFrom("local", "redis", "cluster"),
  redis: some({
    host: fc.constantFrom("127.0.0.1", "", "a b"),
    port,
    password: text,
    timeout: size,
    database: size,
  }),
  generator: fc.constantFrom("uuid", "uuid#counter", "tracker", "x"),
  status_code: fc.constantFrom(100, 200, 404, 599, 600),
  status: fc.constantFrom(100, 403, 599),
  error_code: fc.constantFrom(100, 429, 599),
  path: plainPath,
  body: text,
  ...Object.fromEntries(["remove", "rename", "replace", "add", "append"].map((name) => [name, operations])),
};
const pluginConfig = fc.constantFrom(...plugins).chain(({ name, schema, docs }) =>
  fc
    .record({
      base: fc.constantFrom(...docs.examples.map(({ config }) => config)),
      own: some(
        Object.fromEntries(
          Object.keys(schema.shape).map((field) => [
            field,
            fc.option(fieldsOf[field] ?? pluginField, { nil: undefined, freq: 1 }),
          ]),
        ),
      ),
      mode: fc.constantFrom("example", "changed", "changed", "own"),
    })
    .map(({ base, own, mode }) => ({
      plugin: name,
      // A few fields at a time: a configuration in which everything is random is always invalid.
      config: mode === "example" ? base : { ...(mode === "own" ? {} : (base as object)), ...few(own) },
    })),
);
export const few = (fields: object) =>
  Object.fromEntries(
    Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .slice(0, 2),
  );
export const kongPlugin = (name: string) =>
  fc
    .record({
      namespace,
      body: pluginConfig,
      more: some({ disabled: or(fc.boolean(), junk, 5), run_on: fc.constant("first") }),
      other: fc.boolean(),
    })
    .map(({ namespace: ns, body, more, other }): Manifest => {
      const from = {
        configFrom: { secretKeyRef: { name: "credential-0", key: "config" } },
        config: undefined,
      };
      const metadata = { name, namespace: ns };
      const shown = more.disabled === true ? more : {};
      return {
        apiVersion: "configuration.konghq.com/v1",
        kind: "KongPlugin",
        metadata,
        ...body,
        ...(other && name.endsWith("7") ? from : {}),
        ...shown,
      };
    });

export const consumer = (name: string) =>
  object("configuration.konghq.com/v1", "KongConsumer", {
    username: or(fc.constantFrom("ann", "bob", name)),
    credentials: list(fc.constantFrom("credential-0", "credential-1", "credential-2", "none"), 0, 3),
  })(name, withPlugins(fc.constant({ "kubernetes.io/ingress.class": "kong" })));
const secretText = fc.oneof(
  text,
  fc.constantFrom("key-auth", "acl", "gold", '{"minute": 3}', "[1", "minute: 3"),
);
export const secret = (name: string) =>
  object("v1", "Secret", {
    type: fc.constantFrom("Opaque", "kubernetes.io/tls"),
    stringData: some({
      kongCredType: fc.constantFrom("key-auth", "basic-auth", "acl", "jwt", "x"),
      ...{
        key: secretText,
        username: secretText,
        password: secretText,
        group: secretText,
        config: secretText,
      },
      "tls.crt": rarely(fc.constant(certificate), text),
      "tls.key": rarely(fc.constant(privateKey), text),
    }),
  })(
    name,
    undefined,
    some({ "konghq.com/credential": fc.constantFrom("key-auth", "basic-auth", "acl", "hmac-auth") }),
  );
