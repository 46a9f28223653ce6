import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { adsBootstrap } from "./bootstrap.ts";

const envoy = join(import.meta.dirname, "..", "..", ".tools", "envoy");

test.each([
  ["a port", { host: "127.0.0.1", port: 19_000 }],
  ["a unix socket", { path: "/tmp/diolkos-admin.sock" }],
])("Envoy takes the bootstrap with its admin interface on %s", (_, admin) => {
  const directory = mkdtempSync(join(tmpdir(), "dx-"));
  const file = join(directory, "envoy.json");
  const bootstrap = adsBootstrap({
    socketPath: join(directory, "xds.sock"),
    nodeId: "mesh/m/virtualNode/n",
    nodeCluster: "mesh/m/virtualNode/n",
    scope: "ns/pod",
    admin,
    metadata: { app: "test" },
    runtime: { "envoy.reloadable_features.no_extension_lookup_by_name": true },
  });
  writeFileSync(file, JSON.stringify(bootstrap));
  const run = spawnSync(envoy, ["--mode", "validate", "-c", file, "--log-level", "error"], {
    encoding: "utf8",
  });
  rmSync(directory, { recursive: true, force: true });
  expect(run.stderr + run.stdout).toContain("OK");
  expect(run.status).toBe(0);
  expect(bootstrap).toMatchObject({ node: { metadata: { scope: "ns/pod", app: "test" } } });
});
