import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { setUpKong } from "./kong-test-setup.ts";

const examples = join(import.meta.dirname, "..", "..", "..", "examples", "dj");

/** The walkthrough's manifests up to a step, as a user applies them. */
function walkthrough(lastStep: number): string {
  return readdirSync(examples, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".yaml") && Number(/^(\d)-/.exec(path)?.[1] ?? 9) <= lastStep)
    .sort()
    .map((path) => readFileSync(join(examples, path), "utf8"))
    .join("\n---\n");
}

const jazz = "konghq.com/override: fqdn-jazz";

describe("the walkthrough", () => {
  test("leads through the virtual router's routes, with the path stripped and the Host of the virtual service", () => {
    const kong = setUpKong(walkthrough(4));
    const route = kong.route({ path: "/dj/jazz/" });
    expect(route).toMatchObject({
      name: "prod.djingress.jazz..9080",
      match: { path: { kind: "prefix", value: "/dj/jazz" } },
      action: {
        host: { value: "jazz.prod.svc.cluster.local:9080" },
        path: { kind: "replace-matched", prefix: "/" },
      },
      policies: [],
    });
    expect(route?.action).toMatchObject({ backends: [{ weight: 95 }, { weight: 5 }] });
    expect(kong.route({ path: "/" })).toBeUndefined();
    // Everything leads into the mesh, so there is nothing else to call.
    expect([...kong.clusters.keys()]).toEqual([]);
    expect(kong.problems().filter((one) => !one.includes("deprecated-form"))).toEqual([]);
  });

  test("limits and asks for a key, in Kong's order", () => {
    const kong = setUpKong(walkthrough(6));
    const ingress = readFileSync(join(examples, "4-ingress", "ingress.yaml"), "utf8").replace(
      "annotations:",
      'annotations:\n    konghq.com/plugins: "apikey, rl-by-minute"',
    );
    kong.apply(ingress);
    expect(kong.route({ path: "/dj/metal" })?.policies.map(({ slot }) => slot.name)).toEqual([
      "key-auth",
      "rate-limiting",
    ]);
    expect([...kong.consumers.keys()].map((key) => kong.consumers.get(key)?.username)).toEqual(["consumer1"]);
  });

  test("a change of weights changes the routes of its service only", () => {
    const kong = setUpKong(walkthrough(4));
    const before = kong.virtualHosts.get("*")?.routes.find(({ name }) => name.includes("metal"));
    const router = readFileSync(join(examples, "2-mesh", "jazz.yaml"), "utf8");
    expect(
      kong.apply(router.replace("weight: 95", "weight: 50").replace("weight: 5\n", "weight: 50\n")),
    ).toEqual(["kong/virtual hosts *"]);
    expect(kong.route({ path: "/dj/jazz" })?.action).toMatchObject({
      backends: [{ weight: 50 }, { weight: 50 }],
    });
    expect(kong.virtualHosts.get("*")?.routes.find(({ name }) => name.includes("metal"))).toBe(before);
  });
});

describe("a backend that is not among the node's", () => {
  const manifests = walkthrough(4);
  const undeclared = manifests.replace(
    /- virtualService:\n\s+virtualServiceRef:\n\s+name: metal\n\s+namespace: prod\n/,
    "",
  );

  test("is refused as the sidecar does it, and told of", () => {
    expect(undeclared).not.toBe(manifests);
    const kong = setUpKong(undeclared);
    expect(kong.route({ path: "/dj/jazz" })?.action.kind).toBe("forward");
    expect(kong.route({ path: "/dj/metal" })?.action).toEqual({ kind: "reply", status: 404 });
    expect(kong.problems().filter((one) => one.includes("backend-not-in-mesh"))).toEqual([
      "Ingress prod/djingress spec.rules[0].http.paths[1].path: backend-not-in-mesh The gateway is VirtualNode kong/kong of the mesh dj-app, and none of its backends is metal.prod.svc.cluster.local at port 9080; requests are refused.",
    ]);
  });

  test("on a port without any HTTP backend is a broken answer", () => {
    const kong = setUpKong(
      manifests
        .replaceAll("    - port: 9080\n      name: http", "    - port: 9081\n      name: http")
        .replaceAll("servicePort: 9080", "servicePort: 9081"),
    );
    expect(kong.route({ path: "/dj/jazz" })?.action).toMatchObject({
      status: 502,
      body: '{\n  "message":"An invalid response was received from the upstream server"\n}',
    });
  });

  test("is called past the mesh where the mesh lets everything out", () => {
    const kong = setUpKong(undeclared);
    kong.apply(`apiVersion: appmesh.k8s.aws/v1beta2
kind: Mesh
metadata: {name: dj-app}
spec: {namespaceSelector: {matchLabels: {mesh: dj-app}}, egressFilter: {type: ALLOW_ALL}}`);
    expect(kong.route({ path: "/dj/metal" })?.action).toMatchObject({
      backends: [{ cluster: "prod.metal.9080" }],
    });
    expect([...kong.clusters.keys()]).toEqual(["prod.metal.9080"]);
    expect(kong.codes()).not.toContain("backend-not-in-mesh Ingress prod/djingress");
  });

  test("may be so because the client's own Host is kept", () => {
    const kept = setUpKong(manifests.replace("preserve_host: false", "preserve_host: true"));
    expect(kept.route({ path: "/dj/jazz" })?.action).toEqual({ kind: "reply", status: 404 });
    expect(kept.codes().filter((code) => code.startsWith("backend-not-in-mesh"))).toHaveLength(2);
  });

  test("may be so because the Service's short name is sent", () => {
    const short = setUpKong(manifests.replace(`${jazz}\n`, "x: y\n"));
    expect(short.route({ path: "/dj/jazz" })?.action).toEqual({ kind: "reply", status: 404 });
    expect(short.problems().find((one) => one.includes("backend-not-in-mesh"))).toContain(
      "jazz.prod.svc at port 9080",
    );
  });
});
