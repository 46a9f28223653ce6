import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Agent, type OutgoingHttpHeaders, request as startRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, type DescMessage, type JsonObject, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { ClusterSchema } from "@diolkos/envoy-api/envoy/config/cluster/v3/cluster_pb.js";
import { MetadataSchema } from "@diolkos/envoy-api/envoy/config/core/v3/base_pb.js";
import { TypedExtensionConfigSchema } from "@diolkos/envoy-api/envoy/config/core/v3/extension_pb.js";
import {
  FilterChainSchema,
  FilterSchema,
} from "@diolkos/envoy-api/envoy/config/listener/v3/listener_components_pb.js";
import { ListenerSchema } from "@diolkos/envoy-api/envoy/config/listener/v3/listener_pb.js";
import {
  HeaderMatcherSchema,
  type Route,
  RouteActionSchema,
  RouteMatchSchema,
  RouteSchema,
  VirtualHostSchema,
} from "@diolkos/envoy-api/envoy/config/route/v3/route_components_pb.js";
import { RouteConfigurationSchema } from "@diolkos/envoy-api/envoy/config/route/v3/route_pb.js";
import { RouterSchema } from "@diolkos/envoy-api/envoy/extensions/filters/http/router/v3/router_pb.js";
import {
  HttpConnectionManagerSchema,
  HttpFilterSchema,
  RdsSchema,
} from "@diolkos/envoy-api/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { StringMatcherSchema } from "@diolkos/envoy-api/envoy/type/matcher/v3/string_pb.js";
import { AdminClient } from "#envoy/admin-client.ts";
import { adsSource } from "#envoy/ads.ts";
import { pack } from "#envoy/any.ts";
import { adsBootstrap } from "#envoy/bootstrap.ts";
import { buildCluster } from "#envoy/cluster.ts";
import { buildAddress } from "#envoy/load-assignment.ts";
import {
  carrierListener,
  credentialExtension,
  credentialExtensionName,
} from "#envoy/module/carrier-listener.ts";
import { credentialShards } from "#envoy/module/encode-credentials.ts";
import { programMetadata } from "#envoy/module/encode-program.ts";
import {
  enableModule,
  moduleFilter,
  moduleFilterName,
  programMarkHeader,
} from "#envoy/module/module-filter.ts";
import type { Discovery } from "#model/cluster.ts";
import type { Consumer } from "#model/consumer.ts";
import type { Program, Step } from "#model/program.ts";
import { DeltaServer } from "#xds/delta-server.ts";
import { contentVersion, type Resource, type ResourceType } from "#xds/resource.ts";
import { rawPairs, type Seen, startUpstream, type Upstream } from "./upstream.ts";

const root = join(import.meta.dirname, "..", "..");
const binary = join(root, ".tools", "envoy");
export const wasmPath = join(root, "dist", "diolkos.wasm");
const scope = "gateway";

/** Routes by path prefix: the steps of the program, raw metadata, no program, or no backend either. */
export type Routes = Readonly<
  Record<string, readonly Step[] | { readonly metadata: JsonObject } | "plain" | "nowhere">
>;

export interface Answer {
  readonly status: number;
  /** Names in lower case, in order, repeated ones too. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
  /** What the application saw, when it was asked. */
  readonly seen: Seen | undefined;
}

export interface GatewayOptions {
  readonly routes: Routes;
  readonly consumers?: readonly Consumer[];
  readonly concurrency?: number;
  readonly wasmPath?: string;
  /** Unix socket of the services process. */
  readonly servicesSocket?: string;
}

/** A real Envoy with the module, its routes and credentials over delta ADS. */
export class Gateway {
  readonly upstream: Upstream;
  readonly admin: AdminClient;
  readonly pid: number;
  readonly port: number;
  readonly refusals: string[] = [];
  readonly #process: ChildProcess;
  readonly #server: DeltaServer;
  readonly #directory: string;
  readonly #wasmPath: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 16 });

  static async start(options: GatewayOptions): Promise<Gateway> {
    buildModule();
    const directory = mkdtempSync(join(tmpdir(), "dx-"));
    const socketPath = join(directory, "x");
    const server = new DeltaServer();
    await server.listen(socketPath);
    const upstream = await startUpstream();
    const port = await freePort();
    const bootstrap = adsBootstrap({
      socketPath,
      nodeId: scope,
      nodeCluster: "test",
      scope,
      admin: { path: join(directory, "a") },
    });
    writeFileSync(join(directory, "envoy.json"), JSON.stringify(bootstrap));
    const gateway = new Gateway({ options, directory, server, upstream, port });
    gateway.#first(options);
    try {
      await gateway.settled();
    } catch (error) {
      const log = gateway.log;
      await gateway.stop();
      throw new Error(`Envoy did not take its configuration: ${log}`, { cause: error });
    }
    return gateway;
  }

  private constructor(parts: {
    options: GatewayOptions;
    directory: string;
    server: DeltaServer;
    upstream: Upstream;
    port: number;
  }) {
    this.#directory = parts.directory;
    this.#server = parts.server;
    this.upstream = parts.upstream;
    this.port = parts.port;
    this.#wasmPath = parts.options.wasmPath ?? wasmPath;
    this.#process = spawn(
      binary,
      [
        ...["-c", join(parts.directory, "envoy.json"), "--disable-hot-restart"],
        ...["--concurrency", String(parts.options.concurrency ?? 2)],
        ...["--log-path", join(parts.directory, "log"), "--log-level", "warning"],
      ],
      { stdio: "ignore" },
    );
    this.pid = this.#process.pid ?? 0;
    this.admin = new AdminClient({ path: join(parts.directory, "a") }, { timeoutMs: 2000 });
    this.#server.on({
      nacked: (_stream, type, refused) => {
        for (const one of refused) this.refusals.push(`${type} ${one.name}: ${one.message}`);
      },
    });
  }

  get log(): string {
    return readFileSync(join(this.#directory, "log"), "utf8");
  }

  /** Waits until Envoy serves and has answered all that was sent. */
  async settled(): Promise<void> {
    await until(async () => {
      const [stream] = this.#server.streamsOf(scope);
      return stream !== undefined && stream.settled && (await this.admin.ready());
    });
  }

  async setRoutes(routes: Routes): Promise<void> {
    this.#apply([this.#routes(routes)]);
    await this.settled();
  }

  async setConsumers(consumers: readonly Consumer[]): Promise<void> {
    this.#apply(this.#credentials(consumers));
    await this.settled();
  }

  /** Puts raw bytes in the place of a shard. */
  async setShard(shard: number, bytes: Uint8Array): Promise<void> {
    this.#apply([this.#shard(shard, bytes)]);
    await this.settled();
  }

  fetch(
    path: string,
    options: { method?: string; headers?: OutgoingHttpHeaders; body?: string; fresh?: boolean } = {},
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const call = startRequest(
        {
          host: "127.0.0.1",
          port: this.port,
          path,
          method: options.method ?? "GET",
          headers: { host: "example.com", ...options.headers },
          agent: options.fresh ? false : this.#agent,
        },
        (response) => {
          let body = "";
          response.setEncoding("utf8");
          response.on("data", (chunk: string) => {
            body += chunk;
          });
          response.on("end", () => {
            resolve({
              status: response.statusCode ?? 0,
              headers: rawPairs(response.rawHeaders),
              body,
              seen: body.startsWith('{"method":"') ? (JSON.parse(body) as Seen) : undefined,
            });
          });
          response.on("error", reject);
        },
      );
      call.on("error", reject);
      call.end(options.body);
    });
  }

  async stop(): Promise<void> {
    this.#agent.destroy();
    const exited = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.kill("SIGKILL");
    await exited;
    await this.#server.close();
    await this.upstream.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #first(options: GatewayOptions): void {
    this.#apply([
      toCluster("upstream", {
        kind: "static",
        endpoints: [{ address: "127.0.0.1", port: this.upstream.port }],
      }),
      ...(options.servicesSocket === undefined
        ? []
        : [toCluster("diolkos-services", { kind: "socket", path: options.servicesSocket })]),
      ...this.#credentials(options.consumers ?? []),
      this.#routes(options.routes),
      toResource("listener", "gateway", ListenerSchema, this.#listener()),
      toResource("listener", "diolkos.credentials", ListenerSchema, carrierListener(adsSource())),
    ]);
  }

  #credentials(consumers: readonly Consumer[]): Resource[] {
    return [...credentialShards(consumers)].map(([shard, bytes]) => this.#shard(shard, bytes));
  }

  #shard(shard: number, bytes: Uint8Array): Resource {
    const extension = credentialExtension(shard, bytes, { wasmPath: this.#wasmPath });
    return toResource("extension", credentialExtensionName(shard), TypedExtensionConfigSchema, extension);
  }

  #routes(routes: Routes): Resource {
    const configuration = create(RouteConfigurationSchema, {
      name: "routes",
      virtualHosts: [
        create(VirtualHostSchema, {
          name: "all",
          domains: ["*"],
          routes: [
            ...Object.keys(routes).filter((prefix) => isTransformed(routes[prefix])).map(buildTwin),
            ...Object.entries(routes).map(([prefix, what]) => buildRoute(prefix, what)),
          ],
        }),
      ],
    });
    return toResource("routes", "routes", RouteConfigurationSchema, configuration);
  }

  #listener() {
    const manager = create(HttpConnectionManagerSchema, {
      statPrefix: "gateway",
      routeSpecifier: {
        case: "rds",
        value: create(RdsSchema, { routeConfigName: "routes", configSource: adsSource() }),
      },
      useRemoteAddress: true,
      // Tests say by X-Forwarded-For who they are.
      xffNumTrustedHops: 1,
      generateRequestId: false,
      httpFilters: [
        moduleFilter({ wasmPath: this.#wasmPath }),
        create(HttpFilterSchema, {
          name: "envoy.filters.http.router",
          configType: {
            case: "typedConfig",
            value: pack(RouterSchema, create(RouterSchema, { suppressEnvoyHeaders: true })),
          },
        }),
      ],
    });
    return create(ListenerSchema, {
      name: "gateway",
      address: buildAddress("127.0.0.1", this.port),
      filterChains: [
        create(FilterChainSchema, {
          filters: [
            create(FilterSchema, {
              name: "hcm",
              configType: { case: "typedConfig", value: pack(HttpConnectionManagerSchema, manager) },
            }),
          ],
        }),
      ],
    });
  }

  #apply(resources: readonly Resource[]): void {
    this.#server.apply(
      scope,
      resources.map((resource) => ({ type: resource.type, name: resource.name, resource })),
    );
  }
}

function buildRoute(prefix: string, what: Routes[string] = "plain"): Route {
  return create(RouteSchema, {
    name: prefix,
    match: create(RouteMatchSchema, { pathSpecifier: { case: "prefix", value: prefix } }),
    action: buildAction(what === "nowhere" ? what : "upstream"),
    ...(what === "plain" || what === "nowhere"
      ? {}
      : {
          typedPerFilterConfig: { [moduleFilterName]: enableModule() },
          metadata: create(MetadataSchema, { filterMetadata: { diolkos: metadataOf(prefix, what) } }),
        }),
  });
}

function buildAction(cluster: string): Route["action"] {
  return {
    case: "route",
    value: create(RouteActionSchema, { clusterSpecifier: { case: "cluster", value: cluster } }),
  };
}

function isTransformed(what: Routes[string] | undefined): boolean {
  return Array.isArray(what) && what.some((step: Step) => step.step === "transform-request");
}

/** Where a changed request finds its route again. */
function buildTwin(prefix: string): Route {
  return create(RouteSchema, {
    match: create(RouteMatchSchema, {
      pathSpecifier: { case: "prefix", value: "/" },
      headers: [
        create(HeaderMatcherSchema, {
          name: programMarkHeader,
          headerMatchSpecifier: {
            case: "stringMatch",
            value: create(StringMatcherSchema, { matchPattern: { case: "exact", value: prefix } }),
          },
        }),
      ],
    }),
    action: buildAction("upstream"),
    requestHeadersToRemove: [programMarkHeader],
  });
}

function metadataOf(prefix: string, what: Exclude<Routes[string], string>): JsonObject {
  if ("metadata" in what) return what.metadata;
  const program: Program = { steps: what, ...(isTransformed(what) ? { mark: prefix } : {}) };
  return programMetadata(program);
}

function toCluster(name: string, discovery: Discovery): Resource {
  const cluster = buildCluster({
    scope,
    name,
    origin: { object: { kind: "Test", namespace: "", name }, field: [] },
    discovery,
    protocol: "http1",
    connectTimeoutMs: 1000,
    loadBalancing: "round-robin",
  });
  return toResource("cluster", name, ClusterSchema, cluster);
}

function toResource<Desc extends DescMessage>(
  type: ResourceType,
  name: string,
  schema: Desc,
  message: MessageShape<Desc>,
): Resource {
  const body = toBinary(schema, message);
  return { scope, type, name, version: contentVersion(body), body, origins: [] };
}

/** Compiles the module when its sources changed. */
export function buildModule(): void {
  const { status } = spawnSync(process.execPath, [join(root, "scripts", "build-dataplane.mjs")], {
    stdio: "inherit",
  });
  if (status !== 0) throw new Error("dataplane/ does not compile");
}

async function freePort(): Promise<number> {
  const { createServer } = await import("node:net");
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

/** Waits until `holds` is true; rejects after `withinMs`. */
export async function until(holds: () => boolean | Promise<boolean>, withinMs = 15_000): Promise<void> {
  const end = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`Not within ${withinMs} ms: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The values of a header of an answer or of what the application saw. */
export function valuesOf(of: { headers: readonly (readonly [string, string])[] } | undefined, name: string) {
  return of?.headers.filter(([one]) => one === name).map(([, value]) => value) ?? [];
}

/** Kong's layout of an error. */
export function errorBody(message: string): string {
  return `{\n  "message":"${message}"\n}`;
}

export const jsonType = "application/json; charset=utf-8";
