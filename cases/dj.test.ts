import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { StatusAnswer } from "#admin/types.ts";
import { untilMinuteHas } from "./runner/calendar.ts";
import { root } from "./runner/case-folder.ts";
import { Load } from "./runner/load.ts";
import { RunningDiolkos, run } from "./runner/running-diolkos.ts";
import { type Answer, sendRequest } from "./runner/send-request.ts";

const bodies = {
  jazz: [
    '["Astrud Gilberto","Miles Davis"]',
    '["Astrud Gilberto (Bahia, Brazil)","Miles Davis (Alton, Illinois)"]',
  ],
  metal: [
    '["Megadeth","Judas Priest"]',
    '["Megadeth (Los Angeles, California)","Judas Priest (West Bromwich, England)"]',
  ],
} as const;

/** A copy of examples/ that the steps may edit. */
const folder = mkdtempSync(join(tmpdir(), "diolkos-dj-"));
cpSync(join(root, "examples"), join(folder, "examples"), { recursive: true });
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the DJ walkthrough, step by step", () => {
  let running: RunningDiolkos;
  let status: StatusAnswer;

  beforeAll(async () => {
    running = await RunningDiolkos.start(["examples/dj"], folder);
    status = await running.status();
  }, 90_000);

  afterAll(() => running?.stop(), 30_000);

  test("nothing is wrong with the manifests", async () => {
    const problems = await running.problems();
    expect(problems.filter(({ severity }) => severity !== "info")).toEqual([]);
  });

  test("each of the five workloads has its sidecar, and the gateway is the node kong", () => {
    const workloads = ["prod/dj", "prod/jazz-v1", "prod/jazz-v2", "prod/metal-v1", "prod/metal-v2"];
    expect(status.workloads.map(({ workload }) => workload).sort()).toEqual(workloads);
    expect(status.sidecars.map(({ workload }) => workload).sort()).toEqual(workloads);
    expect(status.gateways[0]?.meshIdentity).toBe("mesh/dj-app/virtualNode/kong_kong");
  });

  test.each(["jazz", "metal"] as const)("the canary of /dj/%s gets 5 of 100", async (music) => {
    const [first, second] = bodies[music];
    const counts = await countBodies(running, `/dj/${music}`, 2000);
    expect([...counts.keys()].sort()).toEqual([first, second].sort());
    expect(isShare(counts.get(second) ?? 0, 2000, 0.05)).toBe(true);
  });

  test("a slash at the end makes no difference", async () => {
    const { status, body } = await get(running, "/dj/jazz/");
    expect(status).toBe(200);
    expect(bodies.jazz).toContain(body);
  });

  test("95/5 becomes 50/50 within a second, and no request fails", async () => {
    const load = new Load(running.gatewayPort, "/dj/jazz");
    await sleep(200);
    await runReadmeStep("weight: 50");
    const edited = performance.now();
    await running.ready();
    expect(performance.now() - edited).toBeLessThan(1000);
    const counts = await countBodies(running, "/dj/jazz", 400);
    expect(isShare(counts.get(bodies.jazz[1]) ?? 0, 400, 0.5)).toBe(true);
    expect(await load.stop()).toEqual([]);
  });

  test("inside the mesh the canary is the same", async () => {
    const url = "http://metal.prod.svc.cluster.local:9080/";
    const { status, stdout } = await running.command("exec", "prod/dj", "--", "curl", "-s", url);
    expect(status).toBe(0);
    expect(bodies.metal).toContain(stdout);
  });

  test("what is no backend of the node answers 404 under DROP_ALL, and passes under ALLOW_ALL", async () => {
    const call = () =>
      running.command(
        ...(["exec", "prod/dj", "--", "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}"] as const),
        "http://jazz-v2.prod.svc.cluster.local:9080/",
      );
    expect((await call()).stdout).toBe("404");
    const mesh = join(folder, "examples/dj/2-mesh/mesh.yaml");
    writeFileSync(mesh, `${readFileSync(mesh, "utf8")}  egressFilter:\n    type: ALLOW_ALL\n`);
    await running.ready();
    expect((await call()).stdout).toBe("200");
    const after = await running.status();
    expect(after.sidecars.map(({ pid }) => pid)).toEqual(status.sidecars.map(({ pid }) => pid));
  });

  test("the rate limit: the fourth request of a minute is refused as Kong refuses it", async () => {
    await untilMinuteHas(10);
    await runReadmeStep("konghq.com/plugins: rl-by-minute");
    await running.ready();
    const allowed = [];
    for (let sent = 0; sent < 3; sent++) allowed.push(await get(running, "/dj/jazz"));
    expect(allowed.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(allowed.map(({ headers }) => headers["x-ratelimit-remaining-minute"])).toEqual(["2", "1", "0"]);
    const refused = await get(running, "/dj/jazz");
    expect(refused.status).toBe(429);
    expect(JSON.parse(refused.body)).toMatchObject({ message: "API rate limit exceeded" });
    expect(refused.headers).toMatchObject({
      "x-ratelimit-limit-minute": "3",
      "x-ratelimit-remaining-minute": "0",
      "ratelimit-limit": "3",
      "ratelimit-remaining": "0",
      "ratelimit-reset": expect.stringMatching(/^\d+$/),
      "retry-after": expect.stringMatching(/^\d+$/),
    });
  });

  test("the API key: without one 401, with it the consumer's own limit", async () => {
    await untilMinuteHas(10);
    await runReadmeStep("apikey, rl-by-minute");
    await running.ready();
    const without = await get(running, "/dj/jazz");
    expect(without.status).toBe(401);
    expect(JSON.parse(without.body)).toMatchObject({ message: "No API key found in request" });
    const wrong = await get(running, "/dj/jazz", { apikey: "wrong" });
    expect(wrong.status).toBe(401);
    expect(JSON.parse(wrong.body)).toMatchObject({ message: "Unauthorized" });
    const right = await get(running, "/dj/jazz", { apikey: "kong-secret" });
    expect(right.status).toBe(200);
    expect(right.headers["x-ratelimit-remaining-minute"]).toBe("2");
  });

  test("the key stands nowhere in the open", async () => {
    const answers = await Promise.all([
      ...["/problems", "/v1/status", "/v1/explain?url=/dj/jazz"].map(async (path) => {
        return (await sendRequest(running.adminPort, path)).body;
      }),
      running.command("admin", "gateway", "/config_dump").then(({ stdout }) => stdout),
      run(join(root, "bin/diolkos"), ["render", "examples/dj"], { cwd: folder }).then(({ stdout }) => stdout),
    ]);
    for (const answer of [...answers, running.log()]) {
      expect(answer).not.toContain("kong-secret");
      expect(answer.length).toBeGreaterThan(0);
    }
  });

  test("it stops with everything that it started", async () => {
    const { gateways, sidecars, workloads, controlPlane } = await running.status();
    const pids = [...gateways, ...sidecars, ...workloads, { pid: controlPlane.supervisorPid }];
    expect(await running.stop()).toBe(0);
    const alive = () => pids.flatMap(({ pid }) => (pid !== undefined && isAlive(pid) ? [pid] : []));
    await vi.waitFor(() => expect(alive()).toEqual([]), { timeout: 2000 });
  }, 30_000);
});

test("the Ingress of networking.k8s.io/v1 and the newer forms give the same answers", async () => {
  cpSync(join(root, "examples"), join(folder, "examples"), { recursive: true });
  const parts = ["1-application", "2-mesh", "3-kong", "5-rate-limit"].map((part) => `examples/dj/${part}`);
  const running = await RunningDiolkos.start([...parts, "examples/dj-networking-v1"], folder);
  try {
    expect((await running.problems()).filter(({ severity }) => severity !== "info")).toEqual([]);
    const jazz = await get(running, "/dj/jazz");
    expect(jazz.status).toBe(200);
    expect(bodies.jazz).toContain(jazz.body);
    const metal = await get(running, "/dj/metal/");
    expect(bodies.metal).toContain(metal.body);
    const file = join(folder, "examples/dj-networking-v1/ingress.yaml");
    const annotated = readFileSync(file, "utf8").replace(
      "  annotations:\n",
      "$&    konghq.com/plugins: apikey\n",
    );
    writeFileSync(file, annotated);
    await running.ready();
    expect((await get(running, "/dj/jazz")).status).toBe(401);
    expect((await get(running, "/dj/jazz", { apikey: "kong-secret" })).status).toBe(200);
  } finally {
    await running.stop();
  }
}, 90_000);

function get(
  { gatewayPort }: RunningDiolkos,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  return sendRequest(gatewayPort, { method: "GET", path, headers });
}

/** How often each body comes; any answer but 200 fails the test. */
async function countBodies(
  running: RunningDiolkos,
  path: string,
  times: number,
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (let sent = 0; sent < times; sent += 10) {
    const answers = await Promise.all(Array.from({ length: 10 }, () => get(running, path)));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    for (const { body } of answers) counts.set(body, (counts.get(body) ?? 0) + 1);
  }
  return counts;
}

/** Within four standard deviations: a right share fails once in 16,000 runs. */
function isShare(count: number, times: number, share: number): boolean {
  return Math.abs(count - times * share) <= 4 * Math.sqrt(times * share * (1 - share));
}

/** Runs the `sed` of the walkthrough's page that has this in it, on the copy. */
async function runReadmeStep(part: string): Promise<void> {
  const page = readFileSync(join(root, "examples/dj/README.md"), "utf8");
  const line = page.split("\n").find((one) => one.startsWith("sed ") && one.includes(part));
  expect(line, `examples/dj/README.md has no sed with ${part}`).toBeDefined();
  const { status, stderr } = await run("sh", ["-c", line ?? ""], { cwd: folder });
  expect(status, stderr).toBe(0);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
