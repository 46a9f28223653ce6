import { spawn } from "node:child_process";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { StatusAnswer, WorkloadEnvironmentAnswer } from "#admin/types.ts";
import { runAdmin } from "./admin.ts";
import { runExec } from "./exec.ts";
import { runStatus } from "./status.ts";
import { buildProgram, freePort, removeProgram } from "./supervisor-fixture.ts";

const environment: WorkloadEnvironmentAnswer = {
  name: "prod/jazz-v1-0",
  environment: { HTTP_PROXY: "http://127.0.0.1:20002", NO_PROXY: null },
  secretVariables: [],
  process: "workload/prod/jazz-v1-0",
  supervisorSocket: "/nowhere",
  directory: "/",
};
let server: Server;
let envoy: Server;
let adminPort: number;
let status: StatusAnswer;
const asked: string[] = [];

/** The admin API of a control plane, and that of an Envoy, each as small as the commands need it. */
beforeAll(async () => {
  envoy = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    const changes = request.url?.startsWith("/drain") === true;
    response.statusCode = changes && request.method === "GET" ? 405 : 200;
    response.end(`${request.url} of the Envoy`);
  });
  await new Promise<void>((listening) => envoy.listen(0, "127.0.0.1", listening));
  status = {
    version: "0.1.0",
    controlPlane: { pid: 1, startedAt: "2026-01-01T00:00:00Z", state: "/state" },
    ready: false,
    awaited: ["gateway: clusters"],
    gateways: [
      {
        ...{ name: "gateway", workload: "gateway", ingress: [{ port: 8000, address: "127.0.0.1:8000" }] },
        ...{ admin: `127.0.0.1:${(envoy.address() as AddressInfo).port}`, sync: "pending", pid: 2 },
        ...{ restarts: 0, ready: true },
      },
    ],
    sidecars: [
      {
        ...{ name: "prod/jazz-v1-0", workload: "prod/jazz-v1", ingress: [], egress: "127.0.0.1:20002" },
        ...{ admin: "127.0.0.1:1", sync: "disconnected", restarts: 1, ready: false, failure: "it ended" },
      },
    ],
    workloads: [
      {
        ...{ name: "prod/jazz-v1-0", workload: "prod/jazz-v1", pid: 3, restarts: 0, ready: true },
        ports: [{ port: 9080, address: "127.0.0.1:20001" }],
      },
    ],
    problems: { errors: 1, warnings: 2 },
  };
  server = createServer((request, response) => {
    const path = request.url ?? "";
    response.setHeader("content-type", "application/json");
    if (path === "/v1/status") response.end(JSON.stringify(status));
    else if (path === "/v1/workloads/prod/jazz-v1/environment") response.end(JSON.stringify(environment));
    else if (path === "/v1/workloads/prod/locked/environment") {
      response.end(JSON.stringify({ ...environment, secretVariables: ["TOKEN"] }));
    } else {
      response.statusCode = 404;
      response.end(JSON.stringify({ message: "There is no workload prod/none.", known: ["prod/jazz-v1"] }));
    }
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  adminPort = (server.address() as AddressInfo).port;
});
afterAll(() => {
  server.close();
  envoy.close();
});

function printer() {
  const printed = { out: "", err: "" };
  return {
    printed,
    adminPort,
    out: (text: string) => {
      printed.out += text;
    },
    err: (text: string) => {
      printed.err += text;
    },
  };
}

describe("exec", () => {
  const exec = async (workload: string, ...command: string[]) => {
    const { printed, ...streams } = printer();
    return { code: await runExec({ ...streams, workload, command }), err: printed.err };
  };

  test("passes the exit status of the command through", async () => {
    expect(await exec("prod/jazz-v1", "sh", "-c", "exit 7")).toEqual({ code: 7, err: "" });
    expect((await exec("prod/jazz-v1", "true")).code).toBe(0);
    expect((await exec("prod/jazz-v1", "sh", "-c", "kill -TERM $$")).code).toBe(143);
    expect(await exec("prod/jazz-v1", "no-such-command")).toEqual({
      code: 127,
      err: "no-such-command: command not found\n",
    });
    expect((await exec("prod/jazz-v1", "/etc/passwd")).code).toBe(126);
  });

  test("gives the workload's environment over the caller's own", async () => {
    process.env.NO_PROXY = "everything";
    process.env.CALLERS = "own";
    const check =
      '[ "$HTTP_PROXY" = http://127.0.0.1:20002 ] && ! env | grep -q ^NO_PROXY= && [ "$CALLERS" = own ]';
    try {
      expect((await exec("prod/jazz-v1", "sh", "-c", check)).code).toBe(0);
    } finally {
      delete process.env.NO_PROXY;
      delete process.env.CALLERS;
    }
  });

  test("says which workloads there are, when there is no such one", async () => {
    expect(await exec("prod/none", "true")).toEqual({
      code: 2,
      err: "There is no workload prod/none.\nThere are:\n  prod/jazz-v1\n",
    });
    expect((await exec("none", "true")).code).toBe(2);
  });

  test("does not run without the values of Secrets", async () => {
    const result = await exec("prod/locked", "true");
    expect(result.code).toBe(1);
    expect(result.err).toContain("only the user who started it");
  });

  test("says when nothing runs", async () => {
    const { printed, ...streams } = printer();
    const port = await freePort();
    expect(await runExec({ ...streams, adminPort: port, workload: "a/b", command: ["true"] })).toBe(1);
    expect(printed.err).toContain(`Nothing answers at 127.0.0.1:${port}. Start it with \`diolkos up DIR\``);
  });

  test("passes signals on, and its streams", async () => {
    const program = await buildProgram(`
      import { runExec } from "./exec.ts";
      const command = ["sh", "-c", "trap 'echo trapped; exit 9' TERM; read line; echo got $line; while :; do sleep 0.05; done"];
      process.exit(await runExec({ adminPort: ${adminPort}, workload: "prod/jazz-v1", command }));
    `);
    const child = spawn(process.execPath, [program], { stdio: ["pipe", "pipe", "inherit"] });
    let output = "";
    const got = new Promise<void>((resolve) =>
      child.stdout.on("data", (chunk) => {
        output += chunk;
        if (output.includes("got")) resolve();
      }),
    );
    child.stdin.write("hello\n");
    await got;
    child.kill("SIGTERM");
    const exit = new Promise((resolve) => child.once("exit", (code, signal) => resolve(signal ?? code)));
    expect(await exit).toBe(9);
    expect(output).toBe("got hello\ntrapped\n");
    removeProgram(program);
  });
});

describe("admin", () => {
  const admin = async (proxy: string, path: string, post = false) => {
    const { printed, ...streams } = printer();
    return { code: await runAdmin({ ...streams, proxy, path, post }), ...printed };
  };

  test("prints what the Envoy answers", async () => {
    expect(await admin("gateway", "/stats?filter=x")).toEqual({
      code: 0,
      out: "/stats?filter=x of the Envoy\n",
      err: "",
    });
    expect((await admin("gateway", "certs")).out).toBe("/certs of the Envoy\n");
  });

  test("posts only when told to", async () => {
    expect(await admin("gateway", "/drain_listeners")).toMatchObject({
      code: 1,
      err: "gateway: /drain_listeners answered 405; it changes something: add --post\n",
    });
    expect((await admin("gateway", "/drain_listeners", true)).code).toBe(0);
    expect(asked.at(-1)).toBe("POST /drain_listeners");
  });

  test("says which proxies there are, and when one does not answer", async () => {
    expect(await admin("prod/none", "/stats")).toEqual({
      code: 2,
      out: "",
      err: "There is no proxy prod/none.\nThere are:\n  gateway\n  prod/jazz-v1\n",
    });
    const away = await admin("prod/jazz-v1", "/stats");
    expect(away.code).toBe(1);
    expect(away.err).toContain("prod/jazz-v1-0: its admin interface at 127.0.0.1:1 does not answer");
  });
});

describe("status", () => {
  test("is a table", async () => {
    const { printed, ...streams } = printer();
    expect(await runStatus(streams)).toBe(0);
    expect(printed.out.replace(status.gateways[0]?.admin ?? "", "127.0.0.1:20009")).toMatchInlineSnapshot(`
      "diolkos 0.1.0, process 1, since 2026-01-01T00:00:00Z, state in /state
      not ready: gateway: clusters
      1 error, 2 warnings: see GET /problems

      PROXY           READY  SYNC          INGRESS         EGRESS           ADMIN            PID  RESTARTS
      gateway         yes    pending       127.0.0.1:8000  -                127.0.0.1:20009  2    0
      prod/jazz-v1-0  no     disconnected  -               127.0.0.1:20002  127.0.0.1:1      -    1         it ended

      WORKLOAD        READY  PORTS                 PID  RESTARTS
      prod/jazz-v1-0  yes    9080=127.0.0.1:20001  3    0
      "
    `);
  });

  test("is JSON for scripts", async () => {
    const { printed, ...streams } = printer();
    expect(await runStatus({ ...streams, format: "json" })).toBe(0);
    expect(JSON.parse(printed.out)).toEqual(status);
  });
});
