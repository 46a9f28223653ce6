import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
} from "@diolkos/envoy-api/envoy/service/discovery/v3/discovery_pb.js";
import { type ClientDuplexStream, credentials, makeGenericClientConstructor, status } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DeltaServer } from "./delta-server.ts";
import { until } from "./envoy-under-test.ts";
import { contentVersion, type Resource, typeUrls } from "./resource.ts";

const pass = (bytes: Buffer) => bytes;
const Client = makeGenericClientConstructor(
  {
    open: {
      path: "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources",
      requestStream: true,
      responseStream: true,
      requestSerialize: pass,
      requestDeserialize: pass,
      responseSerialize: pass,
      responseDeserialize: pass,
    },
  },
  "AggregatedDiscoveryService",
);

let directory: string;
let server: DeltaServer;
let closers: (() => void)[];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "dx-"));
  server = new DeltaServer();
  closers = [];
  await server.listen(join(directory, "s"));
});

afterEach(async () => {
  for (const close of closers) close();
  await server.close();
  rmSync(directory, { recursive: true, force: true });
});

/** A proxy made of the bare protocol, which answers only when the test says so. */
class Caller {
  readonly stream: ClientDuplexStream<Buffer, Buffer>;
  readonly responses: DeltaDiscoveryResponse[] = [];
  error: { code: number; details: string } | undefined;

  constructor(target = `unix:${join(directory, "s")}`) {
    const client = new Client(target, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
    closers.push(() => client.close());
    const open = client.open as unknown as (this: typeof client) => ClientDuplexStream<Buffer, Buffer>;
    this.stream = open.call(client);
    this.stream.on("data", (bytes: Buffer) => {
      this.responses.push(fromBinary(DeltaDiscoveryResponseSchema, bytes));
    });
    this.stream.on("error", (error: Error & { code: number; details: string }) => {
      this.error = error;
    });
  }

  say(request: MessageInitShape<typeof DeltaDiscoveryRequestSchema>): void {
    const message = create(DeltaDiscoveryRequestSchema, request);
    this.stream.write(Buffer.from(toBinary(DeltaDiscoveryRequestSchema, message)));
  }

  hello(scope = "gw", id = "n"): void {
    this.say({ node: { id, cluster: "c", metadata: { scope } }, typeUrl: typeUrls.cluster });
  }

  acknowledge(): void {
    const last = this.responses.at(-1);
    this.say({ typeUrl: last?.typeUrl ?? "", responseNonce: last?.nonce ?? "" });
  }
}

function cluster(name: string, size = 10, text = "x"): Resource {
  const body = Buffer.from(text.repeat(size));
  return { scope: "gw", type: "cluster", name, version: contentVersion(body), body, origins: [] };
}

function put(...resources: Resource[]): void {
  server.apply(
    "gw",
    resources.map((resource) => ({ type: resource.type, name: resource.name, resource })),
  );
}

describe("a client of the delta server", () => {
  test("without a known scope, or without a node, is turned away", async () => {
    const proxies = [new Caller(), new Caller(), new Caller()];
    proxies[0]?.say({ node: { id: "stranger" }, typeUrl: typeUrls.cluster });
    proxies[1]?.say({ typeUrl: typeUrls.cluster });
    proxies[2]?.stream.write(Buffer.from([0xff]));
    await until(() => proxies.every(({ error }) => error !== undefined));
    expect(proxies.map(({ error }) => [error?.code, error?.details])).toEqual([
      [status.FAILED_PRECONDITION, "Unknown proxy stranger."],
      [status.FAILED_PRECONDITION, "The first request has no node."],
      [status.INVALID_ARGUMENT, expect.stringContaining("Not a DeltaDiscoveryRequest")],
    ]);
    expect(server.counters.streams).toBe(0);
  });

  test("has one response of a type on its way, with the newest content of all changes since", async () => {
    put(cluster("a"));
    const proxy = new Caller();
    proxy.hello();
    await until(() => proxy.responses.length === 1);
    for (let at = 1; at <= 50; at += 1) put(cluster("a", at), cluster(`b${at}`));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(proxy.responses.length).toBe(1);
    proxy.acknowledge();
    await until(() => proxy.responses.length === 2);
    expect(proxy.responses[1]?.resources.length).toBe(51);
    expect(proxy.responses[1]?.resources.find(({ name }) => name === "a")?.version).toBe(
      cluster("a", 50).version,
    );
  });

  test("that does not read does not fill the memory", async () => {
    const size = 400_000;
    put(cluster("a", size));
    const proxy = new Caller();
    proxy.stream.pause();
    proxy.hello();
    await until(() => server.counters.pushes > 0);
    const texts = "abcdefghijklmnopqrstuvwxyz";
    for (let at = 0; at < 200; at += 1) {
      put(cluster("a", size, texts[at % 26]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(server.counters.bytesSent).toBeLessThan(3 * size);
    proxy.stream.resume();
    await until(() => proxy.responses.length > 0);
    proxy.acknowledge();
    await until(() => proxy.responses.length > 1);
    expect(proxy.responses.at(-1)?.resources[0]?.version).toBe(cluster("a", size, texts[199 % 26]).version);
  });

  test("that restarts hot has two streams, which both count", async () => {
    put(cluster("a"));
    const [old, fresh] = [new Caller(), new Caller()];
    for (const proxy of [old, fresh]) {
      proxy.hello();
      proxy.say({ typeUrl: typeUrls.listener });
    }
    await until(() => old.responses.length === 2 && fresh.responses.length === 2);
    const answer = (proxy: Caller) => {
      for (const { typeUrl, nonce } of proxy.responses) proxy.say({ typeUrl, responseNonce: nonce });
    };
    const settled = () => [...server.streams()].filter((stream) => stream.settled).length;
    answer(old);
    await until(() => settled() === 1);
    expect([...server.streams()].map(({ node }) => node.id)).toEqual(["n", "n"]);
    answer(fresh);
    await until(() => settled() === 2);
    old.stream.end();
    await until(() => server.counters.streams === 1);
  });

  test("reaches it by TCP, too", async () => {
    const port = await server.listenOnTcp("127.0.0.1", 0);
    put(cluster("a"));
    const proxy = new Caller(`127.0.0.1:${port}`);
    proxy.hello();
    await until(() => proxy.responses.length === 1);
  });

  test("of a scope without content waits for it, unanswered", async () => {
    const proxy = new Caller();
    proxy.hello();
    await until(() => server.counters.streams === 1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(proxy.responses).toEqual([]);
    expect([...server.streams()][0]?.settled).toBe(false);
    put(cluster("a"));
    await until(() => proxy.responses.length === 1);
  });
});
