import { describe, expect, test } from "vitest";
import { forEachField } from "./delta-wire.ts";
import { type Resource, routeTableOf } from "./resource.ts";
import { sample, sampleHost } from "./sample-resources.ts";
import { Scope } from "./scope.ts";
import { type Push, type Refused, Subscription } from "./subscription.ts";

const noVersions = new Map<string, string>();

/** Answers as Envoy does for virtual hosts: a domain that stands twice, or a bad host, refuses the whole response. */
function converse(
  subscription: Subscription,
  held: Map<string, Resource>,
): { refused: Refused[]; pushes: Push[] } {
  const refused: Refused[] = [];
  const pushes: Push[] = [];
  for (let nonce = 1; ; nonce += 1) {
    const push = subscription.next(String(nonce), nonce, () => true);
    if (push === undefined) return { refused, pushes };
    pushes.push(push);
    const next = new Map(held);
    for (const name of push.removed) next.delete(name);
    for (const resource of push.resources) next.set(resource.name, resource);
    const error = whatIsWrong([...next.values()]);
    if (error === undefined) {
      held.clear();
      for (const [name, resource] of next) held.set(name, resource);
    }
    refused.push(...subscription.answer(push.nonce, error).refused);
  }
}

function whatIsWrong(hosts: readonly Resource[]): string | undefined {
  const domains = hosts.flatMap((one) =>
    domainsOf(one).map((domain) => `${routeTableOf(one.name)} ${domain}`),
  );
  if (new Set(domains).size < domains.length) return "Only unique values for domains are permitted.";
  return hosts.some(({ body }) => Buffer.from(body).includes("bad")) ? "missing ]" : undefined;
}

function domainsOf(host: Resource): string[] {
  const domains: string[] = [];
  forEachField(host.body, (field, wire, reader) => {
    if (field === 2) domains.push(reader.string());
    else reader.skip(wire, field);
  });
  return domains;
}

function host(name: string, ...domains: string[]): Resource {
  return sample("gw", "virtualHost", `t/${name}`, { name: `t/${name}`, domains });
}

describe("a subscription to virtual hosts", () => {
  function begin(...hosts: Resource[]) {
    const scope = new Scope("gw");
    scope.apply(hosts.map((resource) => ({ type: "virtualHost", name: resource.name, resource })));
    const subscription = new Subscription("virtualHost", scope);
    subscription.subscribe([], noVersions);
    subscription.claim("t");
    const held = new Map<string, Resource>();
    const change = (...changes: (Resource | string)[]) => {
      const keys = scope.apply(
        changes.map((one) =>
          typeof one === "string"
            ? { type: "virtualHost", name: one, resource: undefined }
            : { type: "virtualHost", name: one.name, resource: one },
        ),
      );
      for (const { name } of keys) subscription.change(name, scope.sequence);
    };
    return { scope, subscription, held, change };
  }

  test("moves a domain in one response", () => {
    const { subscription, held, change } = begin(host("a", "x.test", "a.test"), host("b", "b.test"));
    converse(subscription, held);
    change(host("a", "a.test"), host("b", "b.test", "x.test"));
    const { refused, pushes } = converse(subscription, held);
    expect(refused).toEqual([]);
    expect(pushes.length).toBe(1);
  });

  test("moves a domain also when a bad host refuses the response", () => {
    const { subscription, held, change } = begin(host("b", "x.test", "b.test"));
    converse(subscription, held);
    // When the response is cut, "a" may come before "b" has given the domain up.
    change(
      host("a", "x.test"),
      sampleHost("gw", "t", "c.test", "bad"),
      host("b", "b.test"),
      host("d", "d.test"),
    );
    const { refused } = converse(subscription, held);
    expect(refused.map(({ name }) => name)).toEqual(["t/c.test"]);
    expect([...held.values()].flatMap(domainsOf).sort()).toEqual([
      "b.test",
      "d.test",
      "none.invalid",
      "x.test",
    ]);
    expect(subscription.settled).toBe(true);
  });

  test("refuses one of two hosts with one domain, for good", () => {
    const { subscription, held, change } = begin(host("a", "x.test"));
    converse(subscription, held);
    change(host("b", "x.test"), host("d", "d.test"));
    const { refused, pushes } = converse(subscription, held);
    expect(refused.map(({ name, message }) => [name, message])).toEqual([
      ["t/b", "Only unique values for domains are permitted."],
    ]);
    expect(pushes.length).toBeLessThan(6);
  });

  test("a removal in a refused response is not lost", () => {
    const { subscription, held, change } = begin(host("a", "a.test"));
    converse(subscription, held);
    change("t/a", sampleHost("gw", "t", "c.test", "bad"));
    converse(subscription, held);
    expect([...held.keys()]).toEqual(["t/none"]);
  });

  test("hosts of a table that the proxy does not have are not sent", () => {
    const { subscription, held, change } = begin();
    change(sampleHost("gw", "u", "a.test", "hello"));
    converse(subscription, held);
    expect([...held.keys()]).toEqual(["t/none"]);
    subscription.claim("u");
    converse(subscription, held);
    expect([...held.keys()].map(routeTableOf)).toEqual(["t", "u", "u"]);
  });
});

describe("a subscription by name", () => {
  test("answers each name once, also what does not exist", () => {
    const scope = new Scope("gw");
    const secrets = new Subscription("secret", scope);
    secrets.subscribe(["s1"], noVersions);
    expect(secrets.next("1", 1, () => true)).toMatchObject({ resources: [], removed: ["s1"] });
    secrets.answer("1", undefined);
    expect(secrets.next("2", 2, () => true)).toBeUndefined();
    const secret = sample("gw", "secret", "s1", { name: "s1" });
    scope.apply([{ type: "secret", name: "s1", resource: secret }]);
    secrets.change("s1", scope.sequence);
    expect(secrets.next("2", 2, () => true)?.resources).toEqual([secret]);
  });

  test("a name that is given up and asked for again is sent again", () => {
    const scope = new Scope("gw");
    const secret = sample("gw", "secret", "s1", { name: "s1" });
    scope.apply([{ type: "secret", name: "s1", resource: secret }]);
    const secrets = new Subscription("secret", scope);
    secrets.subscribe(["s1"], noVersions);
    secrets.next("1", 1, () => true);
    secrets.answer("1", undefined);
    secrets.unsubscribe(["s1"]);
    secrets.subscribe(["s1"], noVersions);
    expect(secrets.next("2", 2, () => true)?.resources).toEqual([secret]);
  });

  test("an answer to an unknown nonce changes nothing", () => {
    const scope = new Scope("gw");
    scope.apply([{ type: "secret", name: "s1", resource: sample("gw", "secret", "s1", { name: "s1" }) }]);
    const secrets = new Subscription("secret", scope);
    secrets.subscribe(["s1"], noVersions);
    secrets.next("1", 1, () => true);
    expect(secrets.answer("7", undefined).acknowledged.size).toBe(0);
    expect(secrets.settled).toBe(false);
  });
});
