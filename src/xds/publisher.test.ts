import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Origin } from "#problems/object-ref.ts";
import { EnvoyUnderTest, until } from "./envoy-under-test.ts";
import { fetchText, freePort, startBackend, startLoad } from "./http-under-test.ts";
import { proverScope } from "./proxy-node.ts";
import { type Publisher, type PublisherOptions, type Refusal, startPublisher } from "./publisher.ts";
import type { Resource, ResourceType } from "./resource.ts";
import {
  sample,
  sampleCluster,
  sampleEndpoints,
  sampleForward,
  sampleHost,
  sampleListener,
  sampleRoutes,
} from "./sample-resources.ts";
import { readSnapshot } from "./snapshot-log.ts";
import { serveSnapshot } from "./snapshot-server.ts";

const scope = "gw";

let directory: string;
let socketPath: string;
let snapshotPath: string;
let refusals: Refusal[];
let closers: (() => Promise<unknown>)[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "dx-"));
  socketPath = join(directory, "s");
  snapshotPath = join(directory, "last-good");
  refusals = [];
  closers = [];
});

afterEach(async () => {
  for (const close of closers.reverse()) await close();
  rmSync(directory, { recursive: true, force: true });
});

async function start(more: Partial<PublisherOptions> = {}): Promise<Publisher> {
  const publisher = await startPublisher({
    socketPath,
    snapshotPath,
    graceMs: 0,
    onRefused: (refusal) => refusals.push(refusal),
    ...more,
  });
  closers.push(() => publisher.close());
  return publisher;
}

function startEnvoy(of = scope): EnvoyUnderTest {
  const envoy = new EnvoyUnderTest({ socketPath, scope: of, strict: of === proverScope });
  closers.push(() => envoy.stop());
  return envoy;
}

async function startProver(publisher: Publisher): Promise<EnvoyUnderTest> {
  const envoy = startEnvoy(proverScope);
  await until(() => !publisher.proverDown);
  return envoy;
}

async function backend(text: string): Promise<number> {
  const server = await startBackend(text);
  closers.push(() => server.close());
  return server.port;
}

function put(publisher: Publisher, ...resources: Resource[]): void {
  publisher.publish(
    resources.map((resource) => ({ scope, type: resource.type, name: resource.name, resource })),
  );
}

function remove(publisher: Publisher, ...keys: [ResourceType, string][]): void {
  publisher.publish(keys.map(([type, name]) => ({ scope, type, name, resource: undefined })));
}

function origin(name: string): Origin {
  return { object: { kind: "Ingress", namespace: "n", name }, field: ["spec"] };
}

/** A host with two routes of two objects, one of which has a regular expression that Envoy does not know. */
function hostOfTwo(host: string, pattern: string): Resource {
  const name = `t/${host}`;
  const answer = (text: string) => ({ status: 200, body: { inlineString: text } });
  const good = { match: { prefix: "/" }, directResponse: answer(`good ${pattern.slice(1)}`) };
  const bad = { match: { safeRegex: { regex: pattern } }, directResponse: answer("bad") };
  const make = (routes: object[]) =>
    sample(scope, "virtualHost", name, { name, domains: [host], routes: routes as never });
  return {
    ...make([bad, good]),
    origins: [origin("good"), origin("bad")],
    parts: () => [
      { origins: [origin("good")], body: make([good]).body },
      { origins: [origin("bad")], body: make([bad]).body },
    ],
  };
}

describe("with a prover", () => {
  test("a bad host never reaches a serving proxy, is traced to its object, and heals", async () => {
    const publisher = await start();
    await startProver(publisher);
    const port = await freePort();
    publisher.expect(scope, scope);
    put(
      publisher,
      sampleListener(scope, "l", port, "t"),
      sampleRoutes(scope, "t"),
      hostOfTwo("a.test", "/x"),
      sampleHost(scope, "t", "b.test", "one"),
    );
    expect(publisher.pending()).toContainEqual({ scope, node: scope, what: "connection", names: [] });
    expect(publisher.pending()).toContainEqual(expect.objectContaining({ what: "proof" }));
    startEnvoy();
    await publisher.whenSettled();
    expect(publisher.pending()).toEqual([]);
    expect(publisher.proxies().map((proxy) => [proxy.scope, proxy.node.id, proxy.settled])).toEqual([
      [scope, scope, true],
    ]);

    const bad = hostOfTwo("a.test", "[x");
    put(publisher, bad, sampleHost(scope, "t", "b.test", "two"));
    await publisher.whenSettled();
    expect(refusals).toEqual([{ resource: bad, origins: [origin("bad")], message: "missing ]: [x" }]);
    expect(await fetchText(port, "a.test")).toBe("200 good x");
    expect(await fetchText(port, "b.test")).toBe("200 two");
    expect(publisher.counters.refusals).toBeGreaterThan(0);

    // The same content is refused without another proof, for the app may have forgotten it.
    const { pushes } = publisher.counters;
    put(publisher, bad);
    await publisher.whenSettled();
    expect(refusals.length).toBe(2);
    expect(publisher.counters.pushes).toBe(pushes);

    put(publisher, hostOfTwo("a.test", "/y"));
    await publisher.whenSettled();
    expect(await fetchText(port, "a.test")).toBe("200 good y");
    expect(refusals.length).toBe(2);
    expect(publisher.counters.unproven).toBe(0);
  });

  test("what a refused host needs is not removed before the host has a new content", async () => {
    const publisher = await start();
    await startProver(publisher);
    const port = await freePort();
    put(
      publisher,
      sampleListener(scope, "l", port, "t"),
      sampleRoutes(scope, "t"),
      sampleCluster(scope, "c1"),
      sampleEndpoints(scope, "c1", [await backend("from c1")]),
      sampleForward(scope, "t", "a.test", "c1"),
    );
    const envoy = startEnvoy();
    await until(() => publisher.proxies().length === 1);
    await publisher.whenSettled();
    put(publisher, hostOfTwo("a.test", "(x"));
    remove(publisher, ["cluster", "c1"], ["endpoints", "e-c1"]);
    await publisher.whenSettled();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(refusals.length).toBe(1);
    expect(await fetchText(port, "a.test")).toBe("200 from c1");
    put(publisher, hostOfTwo("a.test", "/x"));
    await publisher.whenSettled();
    expect(await fetchText(port, "a.test")).toBe("200 good x");
    await until(async () => !(await envoy.admin.get("/clusters")).body.includes("c1::"));
  });

  test("a domain that another host holds is refused by name", async () => {
    const publisher = await start();
    await startProver(publisher);
    const port = await freePort();
    const named = (name: string, ...domains: string[]) =>
      sample(scope, "virtualHost", `t/${name}`, { name: `t/${name}`, domains });
    put(publisher, sampleListener(scope, "l", port, "t"), sampleRoutes(scope, "t"), named("a", "x.test"));
    startEnvoy();
    await until(() => publisher.proxies().length === 1);
    await publisher.whenSettled();
    put(publisher, named("b", "X.test"), named("c"), named("d", "d.test", "bad domain"));
    await publisher.whenSettled();
    expect(refusals.map(({ resource, message }) => [resource.name, message])).toEqual([
      ["t/b", "The domain x.test is served by t/a already."],
      ["t/c", "A virtual host needs at least one domain."],
      ["t/d", 'Not a domain: "bad domain".'],
    ]);
    // Given up and taken in one batch.
    put(publisher, named("a", "a.test"), named("b", "x.test"));
    await publisher.whenSettled();
    expect(refusals.length).toBe(3);
  });

  test("endpoints do not wait for a proof, and a prover that hangs is passed over", async () => {
    const publisher = await start({ proverTimeoutMs: 1500 });
    const prover = await startProver(publisher);
    const port = await freePort();
    put(
      publisher,
      sampleListener(scope, "l", port, "t"),
      sampleRoutes(scope, "t"),
      sampleCluster(scope, "c1"),
      sampleEndpoints(scope, "c1", [await backend("first")]),
      sampleForward(scope, "t", "a.test", "c1"),
    );
    startEnvoy();
    await until(() => publisher.proxies().length === 1);
    await publisher.whenSettled();
    prover.pause();
    put(publisher, sampleHost(scope, "t", "b.test", "unproven"));
    put(publisher, sampleEndpoints(scope, "c1", [await backend("second")]));
    await until(async () => (await fetchText(port, "a.test")) === "200 second", 1200);
    expect(await fetchText(port, "b.test")).toBe("404");
    await publisher.whenSettled();
    expect(await fetchText(port, "b.test")).toBe("200 unproven");
    expect(publisher.proverDown).toBe(true);
    expect(publisher.counters.unproven).toBe(1);
    prover.resume();
    await until(() => !publisher.proverDown);
  });

  test("the first publish waits for the prover", async () => {
    const publisher = await start({ awaitProverMs: 5000 });
    put(
      publisher,
      sampleListener(scope, "l", await freePort(), "t"),
      sampleRoutes(scope, "t"),
      hostOfTwo("a.test", "["),
    );
    startEnvoy();
    startEnvoy(proverScope);
    await until(() => refusals.length === 1);
    await publisher.whenSettled();
    expect(publisher.counters.unproven).toBe(0);
  });
});

describe("without a prover", () => {
  test("the serving proxy's refusal does the same", async () => {
    const publisher = await start();
    const port = await freePort();
    put(
      publisher,
      sampleListener(scope, "l", port, "t"),
      sampleRoutes(scope, "t"),
      hostOfTwo("a.test", "/x"),
      sampleHost(scope, "t", "b.test", "one"),
    );
    startEnvoy();
    await until(() => publisher.proxies().length === 1);
    await publisher.whenSettled();
    expect(publisher.proverDown).toBe(true);
    const bad = hostOfTwo("a.test", "[alphabet");
    put(publisher, bad, sampleHost(scope, "t", "b.test", "two"));
    await until(() => refusals.length > 0);
    await publisher.whenSettled();
    // Found by the words of the message, since nothing can be tried.
    expect(refusals).toEqual([{ resource: bad, origins: [origin("bad")], message: "missing ]: [alphabet" }]);
    expect(await fetchText(port, "a.test")).toBe("200 good x");
    expect(await fetchText(port, "b.test")).toBe("200 two");
    put(publisher, hostOfTwo("a.test", "/y"));
    await publisher.whenSettled();
    expect(await fetchText(port, "a.test")).toBe("200 good y");
  });
});

describe("a port that is taken", () => {
  test("is reported without blame, and taken when it is free", async () => {
    const healed: string[] = [];
    const publisher = await start({ onHealed: ({ name }) => healed.push(name) });
    await startProver(publisher);
    const holder = await startBackend("somebody else");
    const other = await freePort();
    put(
      publisher,
      sampleListener(scope, "taken", holder.port, "t"),
      sampleListener(scope, "other", other, "t"),
      sampleRoutes(scope, "t"),
      sampleHost(scope, "t", "a.test", "here"),
    );
    startEnvoy();
    await until(() => refusals.length > 0);
    await publisher.whenSettled();
    expect(refusals.map(({ resource, origins }) => [resource.name, origins])).toEqual([["taken", []]]);
    expect(refusals[0]?.message).toContain("Address already in use");
    expect(await fetchText(other, "a.test")).toBe("200 here");
    await holder.close();
    await until(() => healed.length > 0);
    await publisher.whenSettled();
    expect(healed).toEqual(["taken"]);
    expect(await fetchText(holder.port, "a.test")).toBe("200 here");
    expect(refusals.length).toBe(1);
  });
});

describe("the last-good snapshot", () => {
  test("brings up a proxy while the control plane is down, and hands over without a loss", async () => {
    const publisher = await start();
    const port = await freePort();
    const resources = [
      sampleListener(scope, "l", port, "t"),
      sampleRoutes(scope, "t"),
      sampleCluster(scope, "c1"),
      sampleEndpoints(scope, "c1", [await backend("hello")]),
      sampleForward(scope, "t", "a.test", "c1"),
      sampleHost(scope, "t", "gone.test", "x"),
    ];
    put(publisher, ...resources);
    const first = startEnvoy();
    await until(() => publisher.proxies().length === 1);
    await publisher.whenSettled();
    remove(publisher, ["virtualHost", "t/gone.test"]);
    await publisher.whenSettled();
    await until(() => readSnapshot(snapshotPath).length === 5);
    expect(statSync(snapshotPath).mode & 0o777).toBe(0o600);
    await publisher.close();
    await first.stop();

    const snapshot = await serveSnapshot(snapshotPath, socketPath);
    closers.push(() => snapshot.close());
    // The sentinel is not written down, it is always there.
    expect(snapshot.resources).toBe(5);
    const begin = performance.now();
    startEnvoy();
    await until(async () => (await fetchText(port, "a.test")) === "200 hello", 2000);
    expect(performance.now() - begin).toBeLessThan(2000);
    expect(await fetchText(port, "gone.test")).toBe("404");

    const stop = startLoad(port, "a.test", 4);
    const next = await start();
    await snapshot.close();
    put(next, ...resources.slice(0, 5));
    await until(() => next.proxies().length === 1);
    await next.whenSettled();
    expect(next.counters.bytesSent).toBe(0);
    put(next, sampleHost(scope, "t", "new.test", "new"));
    await next.whenSettled();
    expect(await fetchText(port, "new.test")).toBe("200 new");
    expect([...(await stop()).keys()]).toEqual(["200 hello"]);
  });

  test("stands in for a content that is refused at the start", async () => {
    const port = await freePort();
    const base = [sampleListener(scope, "l", port, "t"), sampleRoutes(scope, "t")];
    const before = await start();
    put(before, ...base, hostOfTwo("a.test", "/x"));
    startEnvoy();
    await until(() => before.proxies().length === 1);
    await before.whenSettled();
    await before.close();
    const after = await start({ awaitProverMs: 5000 });
    startEnvoy(proverScope);
    put(after, ...base, hostOfTwo("a.test", "[x"));
    await until(() => after.proxies().length === 1);
    await after.whenSettled();
    expect(refusals.length).toBe(1);
    expect(await fetchText(port, "a.test")).toBe("200 good x");
    remove(after, ["virtualHost", "t/a.test"]);
    await after.whenSettled();
    expect(await fetchText(port, "a.test")).toBe("404");
  });
});
