/** Where an Envoy's admin interface listens. */
export type AdminAddress = { readonly host: string; readonly port: number } | { readonly path: string };

export interface BootstrapOptions {
  /** Unix socket of the control plane. */
  readonly socketPath: string;
  readonly nodeId: string;
  readonly nodeCluster: string;
  /** Which resources it receives; the server reads it from the node's metadata. */
  readonly scope: string;
  readonly admin: AdminAddress;
  /** Further string values for the node's metadata. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Further runtime values, over the defaults. */
  readonly runtime?: Readonly<Record<string, string | number | boolean>>;
}

/** A value that JSON and YAML can hold. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** Name of the static cluster that leads to the control plane. */
export const xdsCluster = "diolkos_xds";

/**
 * What an Envoy is started with: a node, an admin interface, and everything else by delta ADS over a unix socket.
 * JSON is YAML, so the result may be written to a file as it is.
 */
export function adsBootstrap(options: BootstrapOptions): Json {
  return {
    node: {
      id: options.nodeId,
      cluster: options.nodeCluster,
      metadata: { ...options.metadata, scope: options.scope },
    },
    admin: { address: adminAddress(options.admin) },
    dynamic_resources: {
      ads_config: {
        api_type: "DELTA_GRPC",
        transport_api_version: "V3",
        set_node_on_first_message_only: true,
        grpc_services: [
          {
            envoy_grpc: {
              cluster_name: xdsCluster,
              // A control plane that comes back is to be found at once; Envoy's own maximum is 30 s.
              retry_policy: { retry_back_off: { base_interval: "0.1s", max_interval: "1s" } },
            },
          },
        ],
      },
      cds_config: adsSource,
      lds_config: adsSource,
    },
    static_resources: {
      clusters: [
        {
          name: xdsCluster,
          type: "STATIC",
          connect_timeout: "1s",
          typed_extension_protocol_options: {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
              "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
              explicit_http_config: {
                // A control plane that hangs (SIGSTOP, deadlock) is left, too.
                http2_protocol_options: { connection_keepalive: { interval: "30s", timeout: "10s" } },
              },
            },
          },
          load_assignment: {
            cluster_name: xdsCluster,
            endpoints: [
              { lb_endpoints: [{ endpoint: { address: { pipe: { path: options.socketPath } } } }] },
            ],
          },
        },
      ],
    },
    stats_config: { stats_matcher: { inclusion_list: { patterns: [...keptStats] } } },
    layered_runtime: {
      layers: [
        {
          name: "diolkos",
          static_layer: { ...runtimeDefaults, ...options.runtime },
        },
        // Lets `diolkos admin … /runtime_modify` change a value of a running Envoy.
        { name: "admin", admin_layer: {} },
      ],
    },
  };
}

/** Envoy's own limit (100) is below what path patterns of gateways need. */
export const runtimeDefaults = { "re2.max_program_size.error_level": 1000 } as const;

/** No time-out: an Envoy that starts without a control plane waits, instead of going live with no listener. */
const adsSource: Json = { ads: {}, resource_api_version: "V3", initial_fetch_timeout: "0s" };

/**
 * Each kept stat costs memory per cluster or listener and time per request, so only those stay that people look at:
 * what Envoy's dashboards, App Mesh's guides and this product's own metrics name.
 */
const keptStats: readonly Json[] = [
  { prefix: "server." },
  { prefix: "listener_manager." },
  { prefix: "cluster_manager." },
  { prefix: "control_plane." },
  { prefix: "runtime." },
  { prefix: "wasm" },
  { prefix: "diolkos" },
  {
    safe_regex: {
      regex:
        "listener\\..*\\.(downstream_cx_(total|active|destroy|overflow|transport_socket_connect_timeout)|no_filter_chain_match|ssl\\..*|server_ssl_socket_factory\\..*)",
    },
  },
  {
    safe_regex: {
      regex:
        "http\\..*\\.(downstream_rq_(total|active|completed|time|[1-5]xx|timeout|rx_reset|tx_reset)|downstream_cx_(total|active|ssl_active|ssl_total|protocol_error)|no_route|no_cluster|rds\\..*|vhds\\..*|rbac\\..*|ext_authz\\..*|local_rate_limiter?\\..*|jwt_authn\\..*)",
    },
  },
  {
    safe_regex: {
      regex:
        "tcp\\..*\\.(downstream_cx_(total|no_route)|downstream_cx_[rt]x_bytes_total|upstream_flush_active)",
    },
  },
  {
    safe_regex: {
      regex:
        "cluster\\..*\\.(upstream_rq_(total|active|completed|time|[1-5]xx|timeout|per_try_timeout|rx_reset|tx_reset|pending_(total|active|overflow|failure_eject)|retry.*)|upstream_cx_(active|total|connect_fail|connect_timeout|none_healthy|overflow|destroy_with_active_rq|rx_bytes_total|tx_bytes_total)|membership_.*|outlier_detection\\..*|health_check\\..*|circuit_breakers\\..*|ssl\\..*|client_ssl_socket_factory\\..*|warming_state|lb_healthy_panic|update_(success|failure|rejected|empty|attempt|no_rebuild))",
    },
  },
];

function adminAddress(admin: AdminAddress): Json {
  if ("path" in admin) return { pipe: { path: admin.path, mode: 0o600 } };
  return { socket_address: { address: admin.host, port_value: admin.port } };
}
