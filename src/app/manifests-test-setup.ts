import fc from "fast-check";
import { plugins } from "#plugins/registry.ts";

/** A manifest as plain data; JSON is YAML. */
export type Manifest = Readonly<Record<string, unknown>>;

const text = fc.oneof(
  fc.constantFrom("", "a", "a b", "100%", "%", "%%", "%REQ(:path)%", "%DYNAMIC_METADATA(a)%", "$1", "\\1"),
  fc.constantFrom(
    "a\nb",
    "a\r\nx: y",
    "a\u0000b",
    "\t",
    " x ",
    "ä",
    "\u{1f600}",
    "{a}",
    '"',
    "x".repeat(5000),
  ),
);
/** What no field of another type takes. */
const junk = fc.constantFrom<unknown>(
  null,
  "",
  -1,
  3.7,
  true,
  [],
  {},
  "ä\n",
  1e12,
  { a: [1] },
  "no such thing",
);
/** Mostly valid, or nearly every manifest would be left out as a whole. */
const or = <T>(
  valid: fc.Arbitrary<T>,
  other: fc.Arbitrary<unknown> = junk,
  weight = 150,
): fc.Arbitrary<unknown> =>
  fc.oneof({ weight, arbitrary: valid as fc.Arbitrary<unknown> }, { weight: 1, arbitrary: other });
const some = (fields: Record<string, fc.Arbitrary<unknown>>) => fc.record(fields, { requiredKeys: [] });
const list = <T>(item: fc.Arbitrary<T>, minLength: number, maxLength: number) =>
  fc.array(item, { minLength, maxLength });

const namespace = fc.constantFrom("prod", "prod", "prod", "other");
const serviceName = fc.constantFrom("jazz", "metal", "dj", "nothing");
const nodeName = fc.constantFrom("dj", "jazz-v1", "jazz-v2", "metal");
const port = fc.constantFrom(80, 9080, 9080, 8443);
const portName = fc.constantFrom("http", "web");
const host = fc.constantFrom(
  ...[
    "a.example",
    "*.a.example",
    "b.a.example",
    "*.example",
    "com",
    "jazz.prod.svc.cluster.local",
    "localhost",
  ],
  ...["xn--a", "1.2.3.4", "a.example", `${"a".repeat(63)}.${"b".repeat(200)}`],
);
const anyHost = or(
  host,
  fc.constantFrom("", "*", "A.Example", "a..b", "*a.example", "a.example:80", "[::1]"),
  40,
);

const regexPiece = fc.constantFrom(
  ...[
    "a",
    "/",
    "b+",
    "\\d+",
    "(\\w+)",
    "(?<id>x)",
    "(?P<id>[^/]+)",
    "[a-z]",
    "[^/]*",
    ".*",
    "|",
    "$",
    "^",
    "(?i)",
  ],
  ...[
    "x{2}",
    "x{1001}",
    "(x{500}){3}",
    "(?=a)",
    "(?!a)",
    "\\1",
    "\\k<id>",
    "(",
    ")",
    "[",
    "\\",
    "*",
    "\\p{L}",
    "\\pN",
  ],
  ...[
    "[[:alpha:]]",
    "\\Qa.b\\E",
    "\\x41",
    "\\x{10ffff}",
    "\\x{110000}",
    "\\C",
    "\\Z",
    "\\z",
    "\\b",
    "\\h",
    "a++",
    "a*?",
  ],
  ...[
    "(?:a|b)",
    "(?P<1a>x)",
    "\\u0041",
    "[]a]",
    "[a-\\d]",
    "[z-a]",
    "x{,2}",
    "x{2,1}",
    "(?#c)",
    "(?s-i:a)",
    "\\/",
    " ",
    "ä",
  ],
);
const regex = list(regexPiece, 1, 5).map((pieces) => pieces.join(""));
const plainPath = fc.constantFrom(
  ...[
    "/",
    "/a",
    "/a/",
    "/a/b",
    "/a//b",
    "//",
    "/ä",
    "/%20",
    "/a%",
    "/a b",
    "/a?x=1",
    "/a#b",
    "/a*",
    "/*",
    "/{x}",
  ],
  ...[
    "/a;b",
    "/a\nb",
    "/a\\b",
    "/%zz",
    "/a.b",
    "/a+b",
    "/$1",
    "/..",
    "/a/../b",
    `/${"x".repeat(3000)}`,
    "/dj",
    "/dj/jazz",
  ],
);
const path = fc.oneof(
  { weight: 3, arbitrary: plainPath },
  { weight: 2, arbitrary: regex.map((pattern) => `/~/${pattern}`) },
  { weight: 1, arbitrary: regex.map((pattern) => `/${pattern}`) },
);
const method = fc.constantFrom("GET", "POST", "get", "PATCH", "FOO", "G T");
const flag = fc.constantFrom("true", "false", "TRUE", "yes", "");
const number = fc.constantFrom(
  "0",
  "1",
  "5",
  "60000",
  "-1",
  "1.5",
  "x",
  "99999999999",
  "2147483648",
  "4294967296",
  "9007199254740991",
);
const headerName = fc.constantFrom(
  "x-a",
  "X-A",
  "host",
  ":path",
  "content-length",
  "x a",
  "",
  "ä",
  "x_a",
  "connection",
);

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

const object =
  (apiVersion: string, kind: string, fields: Record<string, fc.Arbitrary<unknown>>) =>
  (
    name: string,
    own: fc.Arbitrary<unknown> = fc.constant({}),
    labels: fc.Arbitrary<unknown> = fc.constant({}),
  ) =>
    fc
      .record({ namespace, annotations: own, labels, rest: fc.record(fields) })
      .map(({ namespace: ns, annotations, labels: marks, rest }): Manifest => {
        return { apiVersion, kind, metadata: { name, namespace: ns, annotations, labels: marks }, ...rest };
      });

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
function ingress(name: string) {
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

const serviceAnnotations = withPlugins(
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
const service = object("v1", "Service", {
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
const slice = object("discovery.k8s.io/v1", "EndpointSlice", {
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
const size = fc.constantFrom(
  0,
  1,
  5,
  100,
  65_536,
  70_000,
  2_147_483_648,
  4_294_967_296,
  9_007_199_254_740_991,
);
const seconds = fc.constantFrom(0, 0.0001, 0.5, 5, 1e9, 1e15);
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
const kongIngress = object("configuration.konghq.com/v1", "KongIngress", {
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
const few = (fields: object) =>
  Object.fromEntries(
    Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .slice(0, 2),
  );
const kongPlugin = (name: string) =>
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

const consumer = (name: string) =>
  object("configuration.konghq.com/v1", "KongConsumer", {
    username: or(fc.constantFrom("ann", "bob", name)),
    credentials: list(fc.constantFrom("credential-0", "credential-1", "credential-2", "none"), 0, 3),
  })(name, withPlugins(fc.constant({ "kubernetes.io/ingress.class": "kong" })));
const secretText = fc.oneof(
  text,
  fc.constantFrom("key-auth", "acl", "gold", '{"minute": 3}', "[1", "minute: 3"),
);
const secret = (name: string) =>
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
      "tls.crt": text,
      "tls.key": text,
    }),
  })(
    name,
    undefined,
    some({ "konghq.com/credential": fc.constantFrom("key-auth", "basic-auth", "acl", "hmac-auth") }),
  );

const appMesh = "appmesh.k8s.aws/v1beta2";
const mesh = object(appMesh, "Mesh", {
  spec: some({
    namespaceSelector: fc.constantFrom({ matchLabels: {} }, {}, { matchLabels: { mesh: "m" } }),
    egressFilter: some({ type: fc.constantFrom("ALLOW_ALL", "DROP_ALL", "x") }),
  }),
});
const duration = fc.record({ unit: fc.constantFrom("s", "ms"), value: size });
const protocol = fc.constantFrom("http", "http", "http2", "grpc", "tcp");
const listener = fc.record({ portMapping: fc.record({ port, protocol }) }).chain((base) =>
  some({
    healthCheck: some({ path: plainPath, port }).map((more) => {
      const limits = {
        healthyThreshold: 2,
        unhealthyThreshold: 3,
        intervalMillis: 5000,
        timeoutMillis: 2000,
      };
      return { ...limits, protocol: base.portMapping.protocol, ...more };
    }),
    outlierDetection: fc.record({
      maxServerErrors: size,
      interval: duration,
      baseEjectionDuration: duration,
      maxEjectionPercent: fc.constantFrom(0, 50, 100),
    }),
    connectionPool: fc.constantFrom("http", "http2", "tcp").chain((name) =>
      fc.record({
        [name]: fc.record({ maxConnections: size, maxRequests: size, maxPendingRequests: size }),
      }),
    ),
    timeout: protocol.chain((name) => fc.record({ [name]: some({ idle: duration, perRequest: duration }) })),
  }).map((more) => ({ ...base, ...more })),
);
const reference = (refName: string, target: fc.Arbitrary<string>) =>
  fc.record({ [refName]: fc.record({ name: target, namespace }, { requiredKeys: ["name"] }) });
const virtualNode = (name: string) =>
  object(appMesh, "VirtualNode", {
    spec: some({
      podSelector: fc.constantFrom(
        { matchLabels: { app: name } },
        {},
        { matchLabels: { "app.kubernetes.io/instance": "kong" } },
      ),
      listeners: list(listener, 0, 2),
      serviceDiscovery: some({
        dns: fc.record({
          hostname: fc.oneof(
            serviceName.map((one) => `${one}.prod.svc.cluster.local`),
            host,
            text,
          ),
          responseType: fc.constantFrom("ENDPOINTS", "LOADBALANCER"),
        }),
      }),
      backends: list(
        fc.record({
          virtualService: reference("virtualServiceRef", fc.constantFrom("vs-0", "vs-1", "vs-2", "none")),
        }),
        0,
        4,
      ),
    }),
  })(name);
const virtualService = object(appMesh, "VirtualService", {
  spec: some({
    awsName: fc.oneof(
      serviceName.map((one) => `${one}.prod.svc.cluster.local`),
      anyHost as fc.Arbitrary<string>,
    ),
    provider: fc.oneof(
      fc.record({ virtualNode: reference("virtualNodeRef", nodeName) }),
      fc.record({
        virtualRouter: reference("virtualRouterRef", fc.constantFrom("router-0", "router-1", "none")),
      }),
    ),
  }),
});
const valueMatch = fc.oneof(
  fc.constantFrom("exact", "prefix", "suffix").chain((how) => fc.record({ [how]: text })),
  fc.record({ regex }),
  fc.record({ range: fc.record({ start: fc.integer(), end: fc.integer() }) }),
  fc.constant({}),
);
const headers = list(some({ name: headerName, match: valueMatch, invert: fc.boolean() }), 1, 3);
const httpMatch = some({
  prefix: plainPath,
  path: fc.oneof(
    fc.record({ exact: plainPath }),
    fc.record({ regex }),
    regex.map((pattern) => ({ regex: `/${pattern}` })),
  ),
  headers,
  method: fc.constantFrom("GET", "POST"),
  scheme: fc.constantFrom("http", "https"),
  queryParameters: list(fc.record({ name: text, match: some({ exact: text }) }), 1, 2),
  port,
}).map(({ prefix, path: whole, ...rest }) => ({
  ...rest,
  ...(whole === undefined ? { prefix: prefix ?? "/" } : { path: whole }),
}));
const grpcMatch = some({
  serviceName: fc.constantFrom("a.B", "a/b", "", "a b"),
  methodName: fc.constantFrom("M", "m/n"),
  metadata: headers,
  port,
});
const retryPolicy = some({
  httpRetryEvents: list(
    fc.constantFrom("server-error", "gateway-error", "client-error", "stream-error"),
    0,
    2,
  ),
  tcpRetryEvents: list(fc.constant("connection-error"), 0, 1),
}).chain((events) =>
  fc.record({ maxRetries: size, perRetryTimeout: duration }).map((more) => ({ ...events, ...more })),
);
const weightedTargets = list(
  reference("virtualNodeRef", nodeName).chain((target) =>
    some({ port }).chain((more) =>
      fc.constantFrom(0, 1, 50, 100).map((weight) => ({ ...target, ...more, weight })),
    ),
  ),
  1,
  3,
);
const routeBody = (match: fc.Arbitrary<unknown>) =>
  fc.record(
    {
      match,
      action: fc.record({ weightedTargets }),
      retryPolicy,
      timeout: some({ perRequest: duration, idle: duration }),
    },
    { requiredKeys: ["match", "action"] },
  );
const router = object(appMesh, "VirtualRouter", {
  spec: fc.record({
    listeners: list(fc.record({ portMapping: fc.record({ port, protocol }) }), 1, 2),
    routes: list(
      fc.constantFrom("httpRoute", "httpRoute", "http2Route", "grpcRoute", "tcpRoute").chain((kind) => {
        const match = kind === "grpcRoute" ? grpcMatch : kind === "tcpRoute" ? some({ port }) : httpMatch;
        const names = fc.constantFrom("r1", "r2", "r3", "r4");
        return fc.record(
          { name: names, priority: fc.integer({ min: 0, max: 1000 }), [kind]: routeBody(match) },
          { requiredKeys: ["name", kind] },
        );
      }),
      0,
      4,
    ),
  }),
});

const deployment = (name: string): Manifest => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name, namespace: "prod" },
  spec: {
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: "a", ports: [{ containerPort: 9080, name: "http" }] }] },
    },
  },
});
const localWorkloads = list(nodeName, 0, 3).map(
  (all): Manifest => ({
    apiVersion: "diolkos.io/v1alpha1",
    kind: "LocalWorkloads",
    workloads: [...new Set(all)].map((name) => ({ workload: `prod/${name}`, command: ["true"] })),
  }),
);

const many = (count: number, make: (n: number) => fc.Arbitrary<Manifest>) =>
  Array.from({ length: count }, (_, n) => make(n));
const fixed: readonly Manifest[] = [
  ...["prod", "other"].map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } })),
  ...["dj", "jazz-v1", "jazz-v2", "metal"].map(deployment),
];

/** One random manifest of any kind; its name is one of few, so that references often meet and objects are replaced. */
export const manifest: fc.Arbitrary<Manifest> = fc.integer({ min: 0, max: 19 }).chain((n) =>
  fc.oneof(
    { weight: 4, arbitrary: ingress(`ingress-${n % 6}`) },
    { weight: 2, arbitrary: serviceName.chain((name) => service(name, serviceAnnotations)) },
    {
      weight: 2,
      arbitrary: serviceName.chain((name) =>
        slice(`slice-${n % 3}`, undefined, fc.constant({ "kubernetes.io/service-name": name })),
      ),
    },
    { weight: 1, arbitrary: kongIngress(`ki-${n % 2}`) },
    { weight: 3, arbitrary: kongPlugin(`plugin-${n}`) },
    { weight: 2, arbitrary: consumer(`consumer-${n % 3}`) },
    { weight: 2, arbitrary: secret(`credential-${n % 3}`) },
    { weight: 1, arbitrary: mesh("m") },
    { weight: 3, arbitrary: nodeName.chain(virtualNode) },
    { weight: 2, arbitrary: virtualService(`vs-${n % 3}`) },
    { weight: 3, arbitrary: router(`router-${n % 2}`) },
    { weight: 1, arbitrary: localWorkloads },
  ),
);

/** A whole set, with every kind in it. */
export const manifests: fc.Arbitrary<readonly Manifest[]> = fc
  .tuple(
    fc.tuple(...many(8, (n) => ingress(`ingress-${n}`))),
    fc.tuple(...["jazz", "metal", "dj"].map((name) => service(name, serviceAnnotations))),
    fc.tuple(...many(20, (n) => kongPlugin(`plugin-${n}`))),
    fc.tuple(...["dj", "jazz-v1", "jazz-v2", "metal"].map(virtualNode)),
    fc.tuple(
      ...many(3, (n) => virtualService(`vs-${n}`)),
      ...many(2, (n) => router(`router-${n}`)),
      mesh("m"),
      localWorkloads,
    ),
    fc.tuple(
      ...many(2, (n) => kongIngress(`ki-${n}`)),
      ...many(3, (n) => consumer(`consumer-${n}`)),
      ...many(3, (n) => secret(`credential-${n}`)),
    ),
    list(
      serviceName.chain((name) =>
        slice(`slice-${name}`, undefined, fc.constant({ "kubernetes.io/service-name": name })),
      ),
      0,
      3,
    ),
  )
  .map((groups) => [...fixed, ...groups.flat()]);
