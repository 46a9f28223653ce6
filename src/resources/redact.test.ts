import { expect, test } from "vitest";
import { parseObject } from "./parse-object.ts";
import { redact } from "./redact.ts";

const read = (document: unknown) => {
  const object = parseObject(document, { place: "a.yaml" }).objects[0]?.candidate.object;
  if (object === undefined) throw new Error("no object");
  return object;
};

test("a Secret keeps its keys and shows no value, not even that of kubectl's annotation", () => {
  const object = read({
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      name: "a",
      annotations: { "kubectl.kubernetes.io/last-applied-configuration": "hush", b: "c" },
    },
    type: "Opaque",
    data: { key: "aHVzaA==" },
    stringData: { password: "hush" },
  });
  const shown = redact(object);
  expect(JSON.stringify(shown)).not.toMatch(/hush|aHVzaA/);
  expect(shown).toMatchObject({
    kind: "Secret",
    metadata: { name: "a", annotations: { b: "c" } },
    type: "Opaque",
    data: { key: "[redacted]" },
    stringData: { password: "[redacted]" },
  });
});

test("a file of Kong's is nothing but secret; its name stays", () => {
  const shown = redact(read({ _format_version: "3.0", consumers: [{ username: "hush" }] }));
  expect(shown).toMatchObject({ kind: "KongDeclarativeConfig", metadata: { name: "a.yaml" } });
  expect(JSON.stringify(shown)).not.toContain("hush");
});

test("other objects stay as they are", () => {
  const object = read({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" }, data: { a: "b" } });
  expect(redact(object)).toBe(object);
});
