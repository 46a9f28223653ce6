import { describe, expect, test } from "vitest";
import { setUpKong } from "./kong-test-setup.ts";

const hosts = 50;
const perHost = 10;

const service = (name: string) =>
  `---\n{apiVersion: v1, kind: Service, metadata: {name: ${name}, namespace: prod}, spec: {ports: [{port: 80}]}}\n`;

function ingress(host: number, path: string, extra = ""): string {
  return `---
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: i${host}, namespace: prod${extra}},
 spec: {ingressClassName: kong, rules: [{host: h${host}.example, http: {paths: [${Array.from(
   { length: perHost },
   (_, at) => `{path: ${path}/${at}, pathType: Prefix, backend: {service: {name: s, port: {number: 80}}}}`,
 ).join(", ")}]}}]}}
`;
}

function many() {
  let manifests = service("s") + service("t");
  for (let host = 0; host < hosts; host++) manifests += ingress(host, "/p");
  return setUpKong(manifests);
}

describe("an edit changes what depends on it and nothing else", () => {
  test("of an Ingress: its hosts", () => {
    const kong = many();
    expect([...kong.virtualHosts.keys()]).toHaveLength(hosts + 1);
    expect(kong.apply(ingress(7, "/q"))).toEqual(["kong/virtual hosts h7.example"]);
    expect(kong.route({ host: "h7.example", path: "/q/3/x" })?.name).toBe("prod.i7.s.h7.example.80");
    expect(kong.apply(ingress(7, "/q"))).toEqual([]);
  });

  test("of an Ingress that goes: its hosts go with it, and come back", () => {
    const kong = many();
    const before = kong.virtualHosts.get("h7.example");
    expect(kong.remove("Ingress", "prod/i7")).toEqual(["kong/virtual hosts h7.example"]);
    expect(kong.virtualHosts.get("h7.example")).toBeUndefined();
    kong.apply(ingress(7, "/p"));
    expect(kong.virtualHosts.get("h7.example")).toEqual(before);
  });

  test("of a host's name: both hosts", () => {
    const kong = many();
    expect(kong.apply(ingress(7, "/p").replace("host: h7.example", "host: new.example"))).toEqual([
      "kong/virtual hosts h7.example",
      "kong/virtual hosts new.example",
    ]);
  });

  test("of a plugin: the hosts of the routes that name it", () => {
    const plugin = (minute: number) =>
      `---\n{apiVersion: configuration.konghq.com/v1, kind: KongPlugin, metadata: {name: p, namespace: prod}, plugin: rate-limiting, config: {minute: ${minute}}}\n`;
    const kong = many();
    kong.apply(plugin(1));
    const named = ", annotations: {konghq.com/plugins: p}";
    expect(kong.apply(ingress(3, "/p", named) + ingress(4, "/p", named))).toEqual([
      "kong/virtual hosts h3.example",
      "kong/virtual hosts h4.example",
    ]);
    expect(kong.apply(plugin(2))).toEqual(["kong/virtual hosts h3.example", "kong/virtual hosts h4.example"]);
  });

  test("of a Service's port that no route names: nothing", () => {
    const kong = many();
    const more = service("s").replace("[{port: 80}]", "[{port: 80, name: a}, {port: 81, name: b}]");
    expect(kong.apply(more)).toEqual([]);
  });

  test("of a route for any host: the hosts, where it can be reached", () => {
    const kong = many();
    const any = ingress(99, "/any").replace("host: h99.example, ", "");
    expect(kong.apply(any)).toHaveLength(hosts + 1);
    const all = ingress(7, "/p").replace(
      "[{path",
      "[{path: /, pathType: Prefix, backend: {service: {name: t, port: {number: 80}}}}, {path",
    );
    kong.apply(all);
    // The host's own last route takes everything, so what comes behind it is left out.
    const changed = kong.apply(ingress(99, "/other").replace("host: h99.example, ", ""));
    expect(changed).toHaveLength(hosts);
    expect(changed).not.toContain("kong/virtual hosts h7.example");
  });

  test("of a consumer's key: that consumer", () => {
    const consumer = (name: string, key: string) => `---
{apiVersion: v1, kind: Secret, metadata: {name: ${name}, namespace: prod, labels: {konghq.com/credential: key-auth}}, stringData: {key: ${key}}}
---
{apiVersion: configuration.konghq.com/v1, kind: KongConsumer, metadata: {name: ${name}, namespace: prod, annotations: {kubernetes.io/ingress.class: kong}}, username: ${name}, credentials: [${name}]}
`;
    const kong = setUpKong(consumer("a", "1a") + consumer("b", "1b") + consumer("c", "1c"));
    expect(kong.apply(consumer("b", "2b"))).toHaveLength(1);
  });
});

test("edits in any order lead to the same result as a fresh start", () => {
  const kong = many();
  kong.apply(ingress(7, "/q"));
  kong.remove("Ingress", "prod/i8");
  kong.remove("Service", "prod/s");
  kong.apply(service("s"));
  kong.apply(ingress(8, "/p"));
  kong.apply(ingress(7, "/p"));
  const fresh = many();
  for (const key of fresh.virtualHosts.keys())
    expect(kong.virtualHosts.get(key)).toEqual(fresh.virtualHosts.get(key));
  expect([...kong.virtualHosts.keys()].sort()).toEqual([...fresh.virtualHosts.keys()].sort());
  expect(kong.problems()).toEqual(fresh.problems());
});
