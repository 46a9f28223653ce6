/** A plugin of Kong's that is not served. */
export interface OtherPlugin {
  /** It keeps requests out: a route that needs it must not stand open. */
  readonly protects: boolean;
  /** What to do instead. */
  readonly instead: string;
}

const log = { protects: false, instead: "Read the gateway's access log." };
const later = "It is not served yet.";
const lua = "Move the logic into the application: Lua code cannot run inside Envoy.";
const ai = { protects: false, instead: "Call the model from the application." };

/** The plugins that come with Kong 3.9 and its enterprise edition and that Diolkos does not serve, by name. */
export const otherPlugins: ReadonlyMap<string, OtherPlugin> = new Map([
  ["acme", { protects: false, instead: "Use cert-manager, which fills the Secrets that Ingress TLS names." }],
  ["ai-prompt-decorator", ai],
  ["ai-prompt-guard", { ...ai, protects: true }],
  ["ai-prompt-template", ai],
  ["ai-proxy", ai],
  ["ai-request-transformer", ai],
  ["ai-response-transformer", ai],
  ["aws-lambda", { protects: false, instead: later }],
  ["azure-functions", { protects: false, instead: later }],
  ["bot-detection", { protects: true, instead: later }],
  ["datadog", log],
  ["file-log", log],
  ["grpc-gateway", { protects: false, instead: later }],
  ["grpc-web", { protects: false, instead: later }],
  ["hmac-auth", { protects: true, instead: "Use key-auth or basic-auth." }],
  ["http-log", log],
  ["jwt", { protects: true, instead: "Use key-auth or basic-auth." }],
  ["jwt-signer", { protects: true, instead: later }],
  ["key-auth-enc", { protects: true, instead: "Use key-auth." }],
  ["ldap-auth", { protects: true, instead: "Use basic-auth." }],
  ["ldap-auth-advanced", { protects: true, instead: "Use basic-auth." }],
  ["loggly", log],
  ["mtls-auth", { protects: true, instead: later }],
  ["oauth2", { protects: true, instead: "Use an authorization server, and key-auth for callers." }],
  ["oauth2-introspection", { protects: true, instead: later }],
  ["opa", { protects: true, instead: later }],
  ["openid-connect", { protects: true, instead: later }],
  ["opentelemetry", { protects: false, instead: later }],
  ["post-function", { protects: false, instead: lua }],
  ["pre-function", { protects: true, instead: lua }],
  ["prometheus", { protects: false, instead: "Scrape /metrics of the admin port, which is always there." }],
  ["proxy-cache", { protects: false, instead: later }],
  ["rate-limiting-advanced", { protects: true, instead: "Use rate-limiting." }],
  ["redirect", { protects: false, instead: later }],
  ["request-size-limiting", { protects: true, instead: later }],
  ["request-transformer-advanced", { protects: false, instead: "Use request-transformer." }],
  ["request-validator", { protects: true, instead: "Validate in the application." }],
  ["response-ratelimiting", { protects: true, instead: "Use rate-limiting." }],
  ["response-transformer-advanced", { protects: false, instead: "Use response-transformer." }],
  ["session", { protects: true, instead: later }],
  ["standard-webhooks", { protects: true, instead: later }],
  ["statsd", log],
  ["syslog", log],
  ["tcp-log", log],
  ["udp-log", log],
  ["zipkin", { protects: false, instead: later }],
]);
