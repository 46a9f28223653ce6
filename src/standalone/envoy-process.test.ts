import { statSync } from "node:fs";
import { Agent, request } from "node:http";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Json } from "#envoy/bootstrap.ts";
import { envoyProcess } from "./envoy-process.ts";
import { identifyProcess } from "./process-identity.ts";
import type { ProcessSpec } from "./process-spec.ts";
import { connectSupervisor, type SupervisorClient } from "./supervisor-client.ts";
import {
  buildProgram,
  freePort,
  Instance,
  nodeProcess,
  removeProgram,
  until,
  webProcess,
} from "./supervisor-fixture.ts";

const envoyPath = process.env.DIOLKOS_ENVOY ?? resolve(import.meta.dirname, "../../.tools/envoy");
let program: string;
beforeAll(async () => {
  program = await buildProgram();
});
afterAll(() => removeProgram(program));

const cleanUps: Array<() => Promise<void> | void> = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function connect(instance: Instance): Promise<SupervisorClient> {
  const { state, spawnCommand } = instance;
  const client = await connectSupervisor({ state, spawnCommand, takeOver: false });
  if ("busy" in client) throw new Error("busy");
  cleanUps.push(() => client.close());
  return client;
}

function newInstance(): Instance {
  const instance = new Instance(program);
  cleanUps.push(() => instance.destroy());
  return instance;
}

/** An Envoy that forwards everything to `upstream`. */
function bootstrap(admin: number, port: number, upstream: number): Json {
  const at = (number: number): Json => ({ socket_address: { address: "127.0.0.1", port_value: number } });
  const type = "type.googleapis.com/envoy.extensions.filters";
  const manager: Json = {
    "@type": `${type}.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: "in",
    route_config: {
      virtual_hosts: [
        {
          name: "all",
          domains: ["*"],
          routes: [{ match: { prefix: "/" }, route: { cluster: "up", timeout: "0s" } }],
        },
      ],
    },
    http_filters: [{ name: "router", typed_config: { "@type": `${type}.http.router.v3.Router` } }],
  };
  return {
    admin: { address: at(admin) },
    static_resources: {
      listeners: [
        {
          name: "in",
          address: at(port),
          filter_chains: [{ filters: [{ name: "http", typed_config: manager }] }],
        },
      ],
      clusters: [
        {
          name: "up",
          connect_timeout: "1s",
          load_assignment: {
            cluster_name: "up",
            endpoints: [{ lb_endpoints: [{ endpoint: { address: at(upstream) } }] }],
          },
        },
      ],
    },
  };
}

async function envoy(
  instance: Instance,
  id: string,
  role: "gateway" | "sidecar" | "prover",
  upstream = 1,
): Promise<{
  readonly spec: ProcessSpec;
  readonly port: number;
  readonly again: (upstream: number) => ProcessSpec;
}> {
  const [admin, port] = [await freePort(), await freePort()];
  const again = (to: number) =>
    envoyProcess({
      ...{ state: instance.state, id, envoyPath, role, concurrency: 1 },
      ...{ adminAddress: `127.0.0.1:${admin}`, bootstrap: bootstrap(admin, port, to) },
    });
  return { spec: again(upstream), port, again };
}

const isReady = (client: SupervisorClient, id: string) => client.processes.get(id)?.phase === "ready";

function get(port: number, agent?: Agent): Promise<{ body: string; connection: string | undefined }> {
  return new Promise((resolve, reject) => {
    const call = request({ host: "127.0.0.1", port, agent: agent ?? false }, (response) => {
      let body = "";
      response.on("data", (chunk) => {
        body += chunk;
      });
      response.on("error", reject);
      response.on("end", () => resolve({ body, connection: response.headers.connection }));
    });
    call.on("error", reject);
    call.end();
  });
}

describe("an Envoy", () => {
  test("is started, started again when killed, and restarted when its bootstrap changes", async () => {
    const instance = newInstance();
    const client = await connect(instance);
    const [upstream, other] = [await freePort(), await freePort()];
    const apps = [webProcess("workload/prod/a-0", upstream), webProcess("workload/prod/b-0", other)];
    const { spec, port, again } = await envoy(instance, "envoy/prod/a-0", "sidecar", upstream);
    expect(statSync(join(instance.state, "envoy/prod/a-0.json")).mode & 0o777).toBe(0o600);
    client.apply([spec, ...apps], instance.controlPlane);
    await until(() => isReady(client, spec.id) && apps.every(({ id }) => isReady(client, id)), "all ready");
    expect((await get(port)).body).toBe(String(instance.pidOf("workload/prod/a-0")));

    const first = instance.pidOf(spec.id) ?? 0;
    process.kill(first, "SIGSEGV");
    await until(
      () => isReady(client, spec.id) && client.processes.get(spec.id)?.pid !== first,
      "the next one",
    );
    expect((await get(port)).body).toBe(String(instance.pidOf("workload/prod/a-0")));
    expect(client.processes.get(spec.id)?.restarts).toBe(1);

    const second = instance.pidOf(spec.id);
    expect(again(upstream)).toEqual(spec);
    client.apply([again(other), ...apps], instance.controlPlane);
    await until(
      () => isReady(client, spec.id) && client.processes.get(spec.id)?.pid !== second,
      "another one",
    );
    expect((await get(port)).body).toBe(String(instance.pidOf("workload/prod/b-0")));
    await client.stop(1000);
    expect(instance.pidOf(spec.id)).toBeUndefined();
  });

  test("is drained: a request in flight is answered, its client is told to leave, nobody waits for the rest", async () => {
    const instance = newInstance();
    const client = await connect(instance);
    const upstream = await freePort();
    const slow = `require("http").createServer((q, r) => setTimeout(() => r.end("done"), 1500)).listen(${upstream}, "127.0.0.1")`;
    const app = nodeProcess("workload/prod/a-0", slow, { readiness: { kind: "tcp", port: upstream } });
    const { spec, port } = await envoy(instance, "envoy/gateway", "gateway", upstream);
    client.apply([spec, app], instance.controlPlane);
    await until(() => isReady(client, spec.id) && isReady(client, app.id), "both ready");
    const agent = new Agent({ keepAlive: true });
    cleanUps.push(() => agent.destroy());
    const flying = get(port, agent);
    await sleep(300);
    const began = Date.now();
    await client.stop(15_000);
    expect(await flying).toEqual({ body: "done", connection: "close" });
    expect(Date.now() - began).toBeLessThan(10_000);
    expect(instance.pidOf(app.id)).toBeUndefined();
  });

  test("whose clients do not leave ends after the drain time, or at once when asked a second time", async () => {
    for (const { second, drainMs, least, most } of [
      { second: false, drainMs: 1500, least: 1400, most: 10_000 },
      { second: true, drainMs: 20_000, least: 0, most: 10_000 },
    ]) {
      const instance = newInstance();
      const client = await connect(instance);
      const upstream = await freePort();
      const hangs = `require("http").createServer(() => {}).listen(${upstream}, "127.0.0.1")`;
      const app = nodeProcess("workload/prod/a-0", hangs, { readiness: { kind: "tcp", port: upstream } });
      const { spec, port } = await envoy(instance, "envoy/gateway", "gateway", upstream);
      client.apply([spec, app], instance.controlPlane);
      await until(() => isReady(client, spec.id) && isReady(client, app.id), "both ready");
      const hanging = get(port).catch(() => undefined);
      await sleep(200);
      const began = Date.now();
      const stopped = client.stop(drainMs);
      if (second) {
        await sleep(200);
        await client.stop(0);
      }
      await stopped;
      expect(Date.now() - began).toBeGreaterThanOrEqual(least);
      expect(Date.now() - began).toBeLessThan(most);
      await hanging;
    }
  });

  test("is adopted by the next supervisor, without a request lost", async () => {
    const instance = newInstance();
    const client = await connect(instance);
    const upstream = await freePort();
    const app = webProcess("workload/prod/a-0", upstream);
    const { spec, port } = await envoy(instance, "envoy/gateway", "gateway", upstream);
    client.apply([spec, app], instance.controlPlane);
    await until(() => isReady(client, spec.id) && isReady(client, app.id), "both ready");
    const pids = [instance.pidOf(spec.id), instance.pidOf(app.id)];
    let over = false;
    const load = (async () => {
      let served = 0;
      for (; !over; served++) expect((await get(port)).body).toBe(String(pids[1]));
      return served;
    })();
    const supervisor = instance.supervisorPid ?? 0;
    process.kill(supervisor, "SIGKILL");
    await until(() => ![undefined, supervisor].includes(instance.supervisorPid), "the next supervisor");
    await until(() => isReady(client, spec.id) && isReady(client, app.id), "both ready");
    over = true;
    expect(await load).toBeGreaterThan(10);
    expect([instance.pidOf(spec.id), instance.pidOf(app.id)]).toEqual(pids);
    await client.stop(0);
    expect(pids.map((pid) => identifyProcess(pid ?? 0))).toEqual([undefined, undefined]);
  });
});

test("six Envoys, five applications and a prover are ready within five seconds, and end as fast", async () => {
  const instance = newInstance();
  const apps = await Promise.all(
    [0, 1, 2, 3, 4].map(async (n) => webProcess(`workload/prod/a${n}-0`, await freePort())),
  );
  const envoys = await Promise.all([
    envoy(instance, "envoy/gateway", "gateway"),
    envoy(instance, "prover", "prover"),
    ...apps.map((_, n) => envoy(instance, `envoy/prod/a${n}-0`, "sidecar")),
  ]);
  const specs = [...envoys.map(({ spec }) => spec), ...apps];
  const began = Date.now();
  const client = await connect(instance);
  client.apply(specs, instance.controlPlane);
  await until(() => specs.every(({ id }) => isReady(client, id)), "all ready", 20_000);
  const started = Date.now() - began;
  const pids = specs.map(({ id }) => instance.pidOf(id) ?? 0);
  await client.stop(5000);
  const stopped = Date.now() - began - started;
  expect(pids.filter((pid) => identifyProcess(pid) !== undefined)).toEqual([]);
  expect(started).toBeLessThan(5000);
  expect(stopped).toBeLessThan(5000);
});
