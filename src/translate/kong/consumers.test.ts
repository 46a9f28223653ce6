import { describe, expect, test } from "vitest";
import { uuidFromName } from "./kong-ids.ts";
import { setUpKong } from "./kong-test-setup.ts";

const secret = (name: string, label: string | undefined, data: string, kind = "stringData") => `---
apiVersion: v1
kind: Secret
metadata: {name: ${name}, namespace: prod, labels: {${label === undefined ? "" : `konghq.com/credential: ${label}`}}}
${kind}: {${data}}
`;
const consumer = (name: string, more: string, namespace = "prod") => `---
apiVersion: configuration.konghq.com/v1
kind: KongConsumer
metadata: {name: ${name}, namespace: ${namespace}, annotations: {kubernetes.io/ingress.class: kong}}
${more}
`;
const all = (kong: ReturnType<typeof setUpKong>) =>
  [...kong.consumers.keys()].map((key) => kong.consumers.get(key));

describe("consumers", () => {
  test("have the credentials of their Secrets and keep Kong's ids", () => {
    const kong = setUpKong(
      secret("key", "key-auth", "key: kong-secret") +
        secret("basic", "basic-auth", "username: alice, password: geheim") +
        secret("gold", "acl", "group: gold") +
        secret("blue", "acl", "group: blue") +
        consumer("one", "username: consumer1\ncustom_id: c-1\ncredentials: [key, basic, gold, blue]"),
    );
    expect(all(kong)).toMatchObject([
      {
        id: "5f9ffced-bdc9-55d0-9781-12f9edb5b3c2",
        username: "consumer1",
        customId: "c-1",
        groups: ["blue", "gold"],
        credentials: [
          { type: "key-auth", key: "kong-secret" },
          { type: "basic-auth", username: "alice", password: "geheim" },
        ],
      },
    ]);
    expect([...kong.consumers.keys()]).toEqual([all(kong)[0]?.id]);
    expect(kong.codes()).toEqual([]);
  });

  test("read the older form of a credential, which the walkthrough has", () => {
    const base64 = (text: string) => Buffer.from(text).toString("base64");
    const kong = setUpKong(
      secret(
        "consumerapikey",
        undefined,
        `kongCredType: ${base64("key-auth")}, key: ${base64("kong-secret")}`,
        "data",
      ) + consumer("consumer1", "username: consumer1\ncredentials: [consumerapikey]"),
    );
    expect(all(kong)).toMatchObject([{ credentials: [{ type: "key-auth", key: "kong-secret" }] }]);
    expect(kong.codes()).toEqual(["deprecated-form Secret prod/consumerapikey"]);
  });

  test("without the gateway's class are not its own", () => {
    const kong = setUpKong(consumer("one", "username: one").replace("kubernetes.io/ingress.class: kong", ""));
    expect(all(kong)).toEqual([]);
    expect(kong.codes()).toEqual(["no-ingress-class KongConsumer prod/one"]);
  });

  test("of the same key are both refused, others are not", () => {
    const kong = setUpKong(
      secret("a", "key-auth", "key: same") +
        secret("b", "key-auth", "key: same") +
        secret("c", "key-auth", "key: other") +
        consumer("one", "username: one\ncredentials: [a]") +
        consumer("two", "username: two\ncredentials: [b]") +
        consumer("three", "username: three\ncredentials: [c]"),
    );
    expect(all(kong)).toMatchObject([{ username: "three" }]);
    expect(kong.codes()).toEqual([
      "credential-duplicate KongConsumer prod/one",
      "credential-duplicate KongConsumer prod/two",
    ]);
    expect(kong.problems().join("\n")).not.toContain("same-");
    kong.apply(secret("b", "key-auth", "key: another"));
    expect(all(kong)).toHaveLength(3);
    expect(kong.codes()).toEqual([]);
  });

  test.each([
    ["username", "username: same"],
    ["custom_id", "custom_id: same"],
  ])("of the same %s: the older one is served", (field, more) => {
    const kong = setUpKong(
      consumer("one", more) +
        consumer("two", more, "elsewhere").replace(
          "name: two,",
          'name: two, creationTimestamp: "2020-01-01T00:00:00Z",',
        ),
    );
    expect(all(kong)).toMatchObject([{ origin: { object: { namespace: "elsewhere" } } }]);
    expect(kong.problems()).toEqual([
      `KongConsumer prod/one ${field}: consumer-duplicate KongConsumer elsewhere/two has the same ${field}, so this consumer is not accepted.`,
    ]);
  });

  test.each([
    ["a missing Secret", "", "reference-missing KongConsumer prod/one"],
    ["a Secret without a type", secret("s", undefined, "key: geheim"), "credential-invalid Secret prod/s"],
    ["an unknown type", secret("s", "keyauth", "key: geheim"), "credential-invalid Secret prod/s"],
    ["a missing key", secret("s", "key-auth", "kei: geheim"), "credential-invalid Secret prod/s"],
    ["a missing password", secret("s", "basic-auth", "username: geheim"), "credential-invalid Secret prod/s"],
    ["a type that is not served", secret("s", "jwt", "key: geheim"), "not-supported Secret prod/s"],
    [
      "a key that ends by itself",
      secret("s", "key-auth", 'key: geheim, ttl: "3600"'),
      "not-supported Secret prod/s",
    ],
  ])("with %s are without that credential", (_, manifest, code) => {
    const kong = setUpKong(manifest + consumer("one", "username: one\ncredentials: [s]"));
    expect(all(kong)).toMatchObject([{ username: "one", credentials: [] }]);
    expect(kong.codes()).toEqual([code]);
    expect(kong.problems().join("\n")).not.toContain("geheim");
  });

  test("plugins of a consumer and unknown groups are told of", () => {
    const kong = setUpKong(
      consumer("one", "username: one\nconsumerGroups: [gold]").replace(
        "annotations: {",
        "annotations: {konghq.com/plugins: p, ",
      ),
    );
    expect(kong.codes()).toEqual([
      "not-supported KongConsumer prod/one",
      "reference-missing KongConsumer prod/one",
    ]);
  });
});

test("a name-based UUID is the one of the standard", () => {
  // The example of Python's documentation of uuid5.
  expect(uuidFromName("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "python.org")).toBe(
    "886313e1-3b8a-5372-9b90-0c9aee199e5d",
  );
});
