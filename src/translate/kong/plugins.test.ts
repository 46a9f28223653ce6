import { describe, expect, test } from "vitest";
import type { Route } from "#model/route.ts";
import { setUpKong } from "./kong-test-setup.ts";

const head = (kind: string, apiVersion = "configuration.konghq.com/v1") =>
  `---\napiVersion: ${apiVersion}\nkind: ${kind}\n`;
const plugin = (name: string, more: string, kind = "KongPlugin", meta = "namespace: prod") =>
  `${head(kind)}metadata: {name: ${name}, ${meta}}\n${more}\n`;
const service = (name: string, annotations = "{}") =>
  `${head("Service", "v1")}metadata: {name: ${name}, namespace: prod, annotations: ${annotations}}\nspec: {ports: [{port: 80}]}\n`;
const ingress = (annotations = "{}", name = "dj", path = "/") => `${head("Ingress", "networking.k8s.io/v1")}
metadata: {name: ${name}, namespace: prod, annotations: ${annotations}}
spec:
  ingressClassName: kong
  rules: [{http: {paths: [{path: ${path}, pathType: Prefix, backend: {service: {name: jazz, port: {number: 80}}}}]}}]
`;
const named = (names: string) => `{konghq.com/plugins: "${names}"}`;
const global = (name: string, more: string) =>
  plugin(
    name,
    more,
    "KongClusterPlugin",
    'labels: {global: "true"}, annotations: {kubernetes.io/ingress.class: kong}',
  );

function policies(route: Route | undefined) {
  return (route?.policies ?? []).map(({ slot, instance }) => `${slot.name} ${instance}`);
}

const onRoute = "route:prod.dj.jazz..80";
const onService = "service:prod.jazz.80";
const limit = (count: number) => `plugin: rate-limiting\nconfig: {minute: ${count}}`;

describe("plugins", () => {
  test("run in Kong's order, whatever the order in which they are named", () => {
    const kong = setUpKong(
      service("jazz") +
        plugin("limit", limit(3)) +
        plugin("key", "plugin: key-auth") +
        plugin("cors", "plugin: cors") +
        ingress(named("limit, key,cors")),
    );
    expect(policies(kong.route({ path: "/" }))).toEqual([
      `cors ${onRoute}`,
      `key-auth ${onRoute}`,
      `rate-limiting ${onRoute}`,
    ]);
    expect(kong.codes()).toEqual(["backend-no-endpoints Service prod/jazz"]);
  });

  test("of one plugin the most specific instance runs, with the whole of its configuration", () => {
    const kong = setUpKong(
      service("jazz", named("of-service")) +
        plugin("of-route", limit(1)) +
        plugin("of-service", limit(2)) +
        global("of-all", limit(3)) +
        ingress(named("of-route")) +
        ingress("{}", "other", "/other"),
    );
    const step = (path: string) => kong.route({ path })?.policies[0];
    expect(step("/")).toMatchObject({
      instance: onRoute,
      value: { counter: onRoute, windows: [{ limit: 1 }] },
    });
    expect(step("/other")).toMatchObject({
      instance: onService,
      value: { counter: onService, windows: [{ limit: 2 }] },
    });
    kong.apply(service("jazz"));
    expect(step("/other")).toMatchObject({
      instance: "global",
      value: { counter: "global", windows: [{ limit: 3 }] },
    });
    kong.apply(plugin("of-route", `${limit(1)}\ndisabled: true`));
    expect(step("/")).toMatchObject({ instance: "global" });
  });

  test("a KongClusterPlugin is found by name where there is no KongPlugin", () => {
    const kong = setUpKong(
      service("jazz") +
        plugin("shared", "plugin: cors", "KongClusterPlugin", "labels: {}") +
        ingress(named("shared")),
    );
    expect(policies(kong.route({ path: "/" }))).toEqual([`cors ${onRoute}`]);
  });

  test("two global instances of one plugin cancel each other", () => {
    const kong = setUpKong(service("jazz") + global("one", limit(1)) + global("two", limit(2)) + ingress());
    expect(policies(kong.route({ path: "/" }))).toEqual([]);
    expect(kong.codes()).toContain("plugin-conflict KongClusterPlugin one");
    expect(kong.codes()).toContain("plugin-conflict KongClusterPlugin two");
    kong.remove("KongClusterPlugin", "/two");
    expect(policies(kong.route({ path: "/" }))).toEqual(["rate-limiting global"]);
    expect(kong.codes()).toEqual(["backend-no-endpoints Service prod/jazz"]);
  });

  test("two instances at one place: the first one is applied", () => {
    const kong = setUpKong(
      service("jazz") + plugin("one", limit(1)) + plugin("two", limit(2)) + ingress(named("one,two")),
    );
    expect(kong.route({ path: "/" })?.policies).toMatchObject([{ value: { windows: [{ limit: 1 }] } }]);
    expect(kong.problems()).toContain(
      'Ingress prod/dj metadata.annotations["konghq.com/plugins"]: plugin-conflict One and two are both rate-limiting; only one is applied.',
    );
  });

  test("those of another namespace need a ReferenceGrant", () => {
    const kong = setUpKong(
      service("jazz") +
        plugin("far", "plugin: cors", "KongPlugin", "namespace: infra") +
        ingress(named("infra:far")),
    );
    expect(kong.route({ path: "/" })?.action).toMatchObject({ kind: "reply", status: 503 });
    expect(kong.codes()).toContain("reference-not-permitted Ingress prod/dj");
    kong.apply(`${head("ReferenceGrant", "gateway.networking.k8s.io/v1beta1")}metadata: {name: g, namespace: infra}
spec:
  from: [{group: networking.k8s.io, kind: Ingress, namespace: prod}]
  to: [{group: configuration.konghq.com, kind: KongPlugin}]`);
    expect(policies(kong.route({ path: "/" }))).toEqual([`cors ${onRoute}`]);
    expect(kong.codes()).toEqual(["backend-no-endpoints Service prod/jazz"]);
  });

  test("a counter by service tells the services apart that one instance serves", () => {
    const kong = setUpKong(
      service("jazz") +
        global("one", "plugin: rate-limiting\nconfig: {minute: 1, limit_by: service}") +
        ingress(),
    );
    expect(kong.route({ path: "/" })?.policies).toMatchObject([
      { value: { counter: "global|service:prod.jazz.80" } },
    ]);
  });

  test("take their configuration from Secrets", () => {
    const kong = setUpKong(`${service("jazz")}${head("Secret", "v1")}metadata: {name: config, namespace: prod}
stringData: {whole: "minute: 7", password: '"geheim"', broken: "{"}
${plugin("limit", "plugin: rate-limiting\nconfigFrom: {secretKeyRef: {name: config, key: whole}}")}${ingress(named("limit"))}`);
    expect(kong.route({ path: "/" })?.policies).toMatchObject([{ value: { windows: [{ limit: 7 }] } }]);
    kong.apply(
      plugin(
        "limit",
        `plugin: rate-limiting
config: {minute: 3, policy: redis, redis: {host: redis.infra}}
configPatches: [{path: /redis/password, valueFrom: {secretKeyRef: {name: config, key: password}}}]`,
      ),
    );
    const id = "KongPlugin/prod/limit";
    expect([...kong.stores.keys()]).toEqual([id]);
    expect(kong.stores.get(id)).toMatchObject({
      host: "redis.infra",
      port: 6379,
      password: "geheim",
      timeoutMs: 2000,
    });
    expect(JSON.stringify(kong.route({ path: "/" }))).not.toContain("geheim");
    kong.apply(
      plugin("limit", "plugin: rate-limiting\nconfigFrom: {secretKeyRef: {name: config, key: broken}}"),
    );
    expect(kong.route({ path: "/" })?.action).toMatchObject({ status: 503 });
    expect(kong.codes()).toContain("plugin-config KongPlugin prod/limit");
    expect([...kong.stores.keys()]).toEqual([]);
  });

  test("a value of a Secret is never told", () => {
    const kong = setUpKong(`${service("jazz")}${head("Secret", "v1")}metadata: {name: config, namespace: prod}
stringData: {whole: "minute: geheim"}
${plugin("limit", "plugin: rate-limiting\nconfigFrom: {secretKeyRef: {name: config, key: whole}}")}${ingress(named("limit"))}`);
    expect(kong.problems()).toContain(
      "KongPlugin prod/limit config.minute: plugin-config Must be a number, but is some text.",
    );
  });

  test("a secret in the open is told of, without its value", () => {
    const kong = setUpKong(
      service("jazz") +
        plugin(
          "limit",
          "plugin: rate-limiting\nconfig: {minute: 3, policy: redis, redis: {host: r, password: geheim}}",
        ) +
        ingress(named("limit")),
    );
    expect(kong.codes()).toContain("secret-in-clear KongPlugin prod/limit");
    expect(kong.problems().join("\n")).not.toContain("geheim");
  });
});

describe("what protects a route", () => {
  const closed = { kind: "reply", status: 503, body: '{\n  "message":"Service unavailable"\n}' };

  test.each([
    ["is missing", "", "reference-missing Ingress prod/dj"],
    ["is unknown", plugin("p", "plugin: key-atuh"), "unknown-plugin KongPlugin prod/p"],
    ["is not supported", plugin("p", "plugin: jwt"), "not-supported KongPlugin prod/p"],
    [
      "has a broken configuration",
      plugin("p", "plugin: ip-restriction\nconfig: {allow: [10.0.0.0/99]}"),
      "plugin-config KongPlugin prod/p",
    ],
    [
      "has an unknown field",
      plugin("p", "plugin: rate-limiting\nconfig: {minutes: 3}"),
      "plugin-config KongPlugin prod/p",
    ],
  ])("keeps it shut when it %s", (_, manifest, code) => {
    const kong = setUpKong(
      service("jazz") + manifest + ingress(named("p")) + ingress("{}", "other", "/other"),
    );
    expect(kong.route({ path: "/" })?.action).toMatchObject(closed);
    expect(kong.route({ path: "/other" })?.action.kind).toBe("forward");
    expect(kong.codes()).toContain(code);
  });

  test("of every route shuts none: no route names it", () => {
    const kong = setUpKong(service("jazz") + global("p", "plugin: jwt") + ingress());
    expect(kong.route({ path: "/" })).toMatchObject({ action: { kind: "forward" }, policies: [] });
    expect(kong.codes()).toContain("not-supported KongClusterPlugin p");
  });

  test("keeps its last good version", () => {
    const kong = setUpKong(service("jazz") + plugin("p", limit(3)) + ingress(named("p")));
    kong.apply(plugin("p", "plugin: rate-limiting\nconfig: {minute: many}"));
    expect(kong.route({ path: "/" })?.policies).toMatchObject([{ value: { windows: [{ limit: 3 }] } }]);
    expect(kong.problems().filter((one) => one.includes("plugin-config"))).toEqual([
      'KongPlugin prod/p config.minute: plugin-config Must be a number, but is the text "many".',
    ]);
    kong.apply(plugin("p", limit(4)));
    expect(kong.route({ path: "/" })?.policies).toMatchObject([{ value: { windows: [{ limit: 4 }] } }]);
  });

  test.each([
    ["is not supported", plugin("p", "plugin: http-log"), "not-supported KongPlugin prod/p"],
    [
      "has a broken configuration",
      plugin("p", "plugin: cors\nconfig: {max_age: -1}"),
      "plugin-config KongPlugin prod/p",
    ],
  ])("is not what %s and protects nothing: the route is served without it", (_, manifest, code) => {
    const kong = setUpKong(service("jazz") + manifest + ingress(named("p")));
    expect(kong.route({ path: "/" })).toMatchObject({ action: { kind: "forward" }, policies: [] });
    expect(kong.codes()).toContain(code);
  });
});
