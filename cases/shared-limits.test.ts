import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startRedis, type TestRedis } from "#services/start-redis.ts";
import { untilMinuteHas } from "./runner/calendar.ts";
import { EchoBackends } from "./runner/echo-backends.ts";
import { endpointSlices } from "./runner/endpoint-slices.ts";
import { RunningDiolkos } from "./runner/running-diolkos.ts";
import { type Answer, sendRequest } from "./runner/send-request.ts";

const password = "redis-password-of-the-test";

describe("two gateways that share a limit through Redis", () => {
  const folder = mkdtempSync(join(tmpdir(), "diolkos-shared-"));
  const backends = new EchoBackends();
  let redis: TestRedis;
  let gateways: readonly RunningDiolkos[];

  beforeAll(async () => {
    redis = await startRedis({ password });
    const port = await backends.port("app");
    const files = new Map([["manifests.yaml", manifests(redis.port)]]);
    for (const [name, text] of files) writeFileSync(join(folder, name), text);
    writeFileSync(
      join(folder, "slices.yaml"),
      endpointSlices(files, { "shared/app": ["app"] }, () => port),
    );
    gateways = await Promise.all([0, 1].map(() => RunningDiolkos.start([folder], folder)));
  }, 90_000);

  afterAll(async () => {
    await Promise.all((gateways ?? []).map((gateway) => gateway.stop()));
    await redis?.stop();
    await backends.close();
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  test("nothing is wrong with the manifests, and the password stands nowhere", async () => {
    for (const gateway of gateways) {
      expect(await gateway.problems()).toEqual([]);
      const dump = await gateway.command("admin", "gateway", "/config_dump");
      expect(dump.stdout.length).toBeGreaterThan(1000);
      expect(dump.stdout + gateway.log()).not.toContain(password);
    }
  });

  test("asked for each request, the limit is exact over both", async () => {
    await untilMinuteHas(10);
    const answers = [];
    for (let sent = 0; sent < 8; sent++) answers.push(await get(gateways[sent % 2], "/exact"));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 429, 429, 429]);
    expect(answers.map(({ headers }) => headers["x-ratelimit-remaining-minute"])).toEqual([
      "4",
      "3",
      "2",
      "1",
      "0",
      "0",
      "0",
      "0",
    ]);
  });

  test("many at once, not one more passes", async () => {
    await untilMinuteHas(10);
    const answers = await Promise.all(Array.from({ length: 60 }, (_, at) => get(gateways[at % 2], "/many")));
    const passed = answers.filter(({ status }) => status === 200);
    expect(passed.length).toBe(20);
    expect(answers.filter(({ status }) => status === 429).length).toBe(40);
  });

  test("synchronised now and then, what one gateway counted reaches the other", async () => {
    await untilMinuteHas(15);
    for (let sent = 0; sent < 10; sent++) await get(gateways[0], "/synchronised");
    await expect
      .poll(async () => (await get(gateways[1], "/synchronised")).headers["x-ratelimit-remaining-minute"], {
        interval: 200,
        timeout: 5000,
      })
      .toSatisfy((remaining) => Number(remaining) < 90);
  });

  test("without Redis a tolerant limit lets requests pass, an intolerant one answers 500", async () => {
    await redis.stop();
    const tolerant = await get(gateways[0], "/exact");
    expect(tolerant.status).toBe(200);
    expect(tolerant.headers).not.toHaveProperty("x-ratelimit-remaining-minute");
    const intolerant = await get(gateways[0], "/intolerant");
    expect(intolerant.status).toBe(500);
    expect(JSON.parse(intolerant.body)).toMatchObject({ message: "An unexpected error occurred" });
  });

  test("it counts again when Redis is back", async () => {
    redis = await startRedis({ port: redis.port, password });
    await expect
      .poll(async () => (await get(gateways[0], "/intolerant")).status, { interval: 200, timeout: 15_000 })
      .toBe(200);
  });
});

function get(gateway: RunningDiolkos | undefined, path: string): Promise<Answer> {
  return sendRequest(gateway?.gatewayPort ?? 0, { method: "GET", path, headers: {} });
}

function manifests(port: number): string {
  const limits = [
    ["exact", "minute: 5"],
    ["many", "minute: 20"],
    ["synchronised", "minute: 100\n  sync_rate: 0.2"],
    ["intolerant", "minute: 100\n  fault_tolerant: false"],
  ] as const;
  return [
    `apiVersion: v1
kind: Service
metadata: {name: app, namespace: shared}
spec:
  ports: [{name: http, port: 80}]
`,
    `apiVersion: v1
kind: Secret
metadata: {name: redis, namespace: shared}
stringData: {password: '${JSON.stringify(password)}'}
`,
    ...limits.flatMap(([name, config]) => [
      `apiVersion: configuration.konghq.com/v1
kind: KongPlugin
metadata: {name: ${name}, namespace: shared}
plugin: rate-limiting
config:
  ${config}
  limit_by: ip
  policy: redis
  redis: {host: 127.0.0.1, port: ${port}, timeout: 500}
configPatches:
  - path: /redis/password
    valueFrom:
      secretKeyRef: {name: redis, key: password}
`,
      `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: ${name}
  namespace: shared
  annotations: {konghq.com/plugins: ${name}}
spec:
  ingressClassName: kong
  rules:
    - http:
        paths:
          - path: /${name}
            pathType: Prefix
            backend: {service: {name: app, port: {number: 80}}}
`,
    ]),
  ].join("---\n");
}
