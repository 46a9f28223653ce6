import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DeltaServer } from "./delta-server.ts";
import { EnvoyUnderTest, until } from "./envoy-under-test.ts";
import { Prover, proverDelivery, type Verdict } from "./prover.ts";
import { proverScope } from "./proxy-node.ts";
import type { Resource } from "./resource.ts";
import { certificate, privateKey } from "./sample-certificate.ts";
import {
  sample,
  sampleCluster,
  sampleEndpoints,
  sampleHost,
  sampleListener,
  sampleRoutes,
} from "./sample-resources.ts";
import { traceRefusal } from "./trace-refusal.ts";

const accepted: Verdict = { kind: "accepted" };

function refused(message: string): Verdict {
  return { kind: "refused", message };
}

function host(name: string, ...routes: Record<string, string | object>[]): Resource {
  return sample("gw", "virtualHost", `t/${name}`, {
    name: `t/${name}`,
    domains: [name],
    routes: routes.map((match) => ({ match, directResponse: { status: 200 } }) as never),
  });
}

const regex = (pattern: string) => ({ safeRegex: { regex: pattern } });

describe("a prover", () => {
  let directory: string;
  let server: DeltaServer;
  let prover: Prover;
  let envoy: EnvoyUnderTest;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "dx-"));
    server = new DeltaServer({ deliveryOf: () => proverDelivery });
    prover = new Prover(server);
    await server.listen(join(directory, "s"));
    envoy = new EnvoyUnderTest({ socketPath: join(directory, "s"), scope: proverScope, strict: true });
    await until(() => [...server.streams()].some((stream) => stream.settled));
  });

  afterAll(async () => {
    prover.close();
    await server.close();
    await envoy.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  test("accepts a good host within a moment, and knows it the next time", async () => {
    await prover.prove([sampleHost("gw", "t", "warm-up.test", "x")]);
    const start = performance.now();
    expect(await prover.prove([sampleHost("gw", "t", "a.test", "x")])).toEqual([accepted]);
    expect(performance.now() - start).toBeLessThan(500);
    const pushes = server.counters.pushes;
    expect(await prover.prove([sampleHost("gw", "t", "a.test", "x")])).toEqual([accepted]);
    expect(server.counters.pushes).toBe(pushes);
  });

  test("finds the bad ones of many hosts, with Envoy's words", async () => {
    const hosts = Array.from({ length: 60 }, (_, at) =>
      at === 17
        ? host(`h${at}`, regex("[a"))
        : at === 44
          ? host(`h${at}`, regex("(b"))
          : host(`h${at}`, { prefix: "/" }),
    );
    const verdicts = await prover.prove(hosts);
    expect(verdicts[17]).toEqual(refused("missing ]: [a"));
    expect(verdicts[44]).toEqual(refused("missing ): (b"));
    expect(verdicts.filter(({ kind }) => kind === "accepted").length).toBe(58);
  });

  test("tells a broken constraint by its field", async () => {
    const bad = sample("gw", "virtualHost", "t/z", {
      name: "t/z",
      domains: ["z"],
      routes: [{ match: { prefix: "/" }, directResponse: { status: 99 } }],
    });
    expect(await prover.prove([bad, host("good", { prefix: "/x" })])).toEqual([
      refused("routes[0].directResponse.status: value must be inside range [200, 600)"),
      accepted,
    ]);
  });

  test("names bad clusters, also one that fails late, and does not touch users' upstreams", async () => {
    const dns = (name: string, type: string, address: string) =>
      sample("gw", "cluster", name, {
        name,
        type,
        loadAssignment: {
          clusterName: name,
          endpoints: [
            { lbEndpoints: [{ endpoint: { address: { socketAddress: { address, portValue: 80 } } } }] },
          ],
        },
      });
    const verdicts = await prover.prove([
      sampleCluster("gw", "c1"),
      sampleCluster("gw", "c2", { transportSocket: { name: "no.such" } }),
      sampleCluster("gw", "c3", { lbPolicy: "MAGLEV", maglevLbConfig: { tableSize: 4 } }),
      dns("c4", "STRICT_DNS", "blackhole.invalid"),
      dns("c5", "LOGICAL_DNS", "blackhole.invalid"),
      dns("c6", "STATIC", "not-an-ip"),
    ]);
    expect(verdicts[0]).toEqual(accepted);
    expect(verdicts[1]).toMatchObject({ kind: "refused", message: expect.stringContaining("no.such") });
    expect(verdicts[2]).toEqual(refused("The table size of maglev must be prime number"));
    expect(verdicts.slice(3, 5)).toEqual([accepted, accepted]);
    expect(verdicts[5]).toMatchObject({ kind: "refused", message: expect.stringContaining("not-an-ip") });
  });

  test("proves listeners that would clash, route tables and secrets", async () => {
    const tls = (name: string, chain: string) =>
      sample("gw", "secret", name, {
        name,
        tlsCertificate: {
          certificateChain: { inlineString: chain },
          privateKey: { inlineString: privateKey },
        },
      });
    expect(
      await prover.prove([
        sampleListener("gw", "l1", 80, "t1"),
        sampleListener("gw", "l2", 80, "t2"),
        sampleRoutes("gw", "t1"),
        sample("gw", "routes", "t2", {
          name: "t2",
          virtualHosts: [
            { name: "x", domains: ["*"], routes: [{ match: regex("("), directResponse: { status: 200 } }] },
          ],
        }),
        sampleRoutes("gw", "t3"),
        tls("s1", certificate),
        tls("s2", "garbage"),
        sampleEndpoints("gw", "c1", [1]),
      ]),
    ).toEqual([
      accepted,
      accepted,
      accepted,
      refused("missing ): ("),
      accepted,
      accepted,
      refused("Failed to load certificate chain from <inline>"),
      accepted,
    ]);
  });

  test("refuses what is no message", async () => {
    const garbage: Resource = { ...sampleCluster("gw", "c"), version: "g", body: Buffer.from([0xff, 0xff]) };
    expect(await prover.prove([garbage])).toMatchObject([{ kind: "refused" }]);
  });

  test("traces a refusal to the objects of the bad parts", async () => {
    const origin = (name: string) => ({ object: { kind: "Ingress", namespace: "n", name }, field: [] });
    const part = (name: string, ...routes: Record<string, string | object>[]) => ({
      origins: [origin(name)],
      body: host("a", ...routes).body,
    });
    const whole: Resource = {
      ...host("a", { prefix: "/1" }, regex("[a"), regex("(b"), { prefix: "/2" }),
      origins: ["one", "two", "three", "four"].map(origin),
      parts: () => [
        part("one", { prefix: "/1" }),
        part("two", regex("[a")),
        part("three", regex("(b")),
        part("four", { prefix: "/2" }),
      ],
    };
    expect(await traceRefusal(whole, "missing ]: [a", prover)).toEqual([
      { origins: [origin("two")], message: "missing ]: [a" },
      { origins: [origin("three")], message: "missing ): (b" },
    ]);
    expect(await traceRefusal({ ...whole, parts: () => [] }, "missing ]: [a", prover)).toEqual([
      { origins: whole.origins, message: "missing ]: [a" },
    ]);
  });

  test("leaves nothing behind", async () => {
    await prover.prove([sampleCluster("gw", "left-over")]);
    await until(async () => !/proof-\d/.test((await envoy.admin.get("/clusters")).body), 4000);
  });
});

describe("without a prover", () => {
  test("everything is unproven at once, and a prover that hangs is passed over", async () => {
    const directory = mkdtempSync(join(tmpdir(), "dx-"));
    const server = new DeltaServer({ deliveryOf: () => proverDelivery });
    const prover = new Prover(server, { timeoutMs: 1000 });
    await server.listen(join(directory, "s"));
    expect(prover.down).toBe(true);
    expect(await prover.prove([host("a", regex("["))])).toEqual([{ kind: "unproven" }]);
    const envoy = new EnvoyUnderTest({ socketPath: join(directory, "s"), scope: proverScope });
    await until(() => [...server.streams()].some((stream) => stream.settled));
    expect(prover.down).toBe(false);
    envoy.pause();
    expect(await prover.prove([host("b", regex("["))])).toEqual([{ kind: "unproven" }]);
    expect(prover.down).toBe(true);
    envoy.resume();
    await until(() => !prover.down);
    expect(await prover.prove([host("c", regex("["))])).toEqual([refused("missing ]: [")]);
    // Where there is no proof, the message is compared with the parts.
    await envoy.stop();
    await until(() => prover.down);
    const origin = (name: string) => ({ object: { kind: "Ingress", namespace: "n", name }, field: [] });
    const parts = ["(alpha", "[beta"].map((pattern) => ({
      origins: [origin(pattern)],
      body: host("a", regex(pattern)).body,
    }));
    const resource = { ...host("a", regex("(alpha"), regex("[beta")), parts: () => parts };
    expect(await traceRefusal(resource, "missing ]: [beta", prover)).toEqual([
      { origins: [origin("[beta")], message: "missing ]: [beta" },
    ]);
    prover.close();
    await server.close();
    rmSync(directory, { recursive: true, force: true });
  });
});
