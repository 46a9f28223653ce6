import { expect, test } from "vitest";
import type { Consumer } from "#model/consumer.ts";
import type { Program, RateLimitStep } from "#model/program.ts";
import { parseAddressRange } from "./address-range.ts";
import {
  consumerShards,
  credentialShard,
  credentialShardCount,
  credentialShards,
  encodeCredentialShard,
} from "./encode-credentials.ts";
import { encodeProgram, programMetadata } from "./encode-program.ts";

const person = (name: string, keys: readonly string[]): Consumer => ({
  id: `id-${name}`,
  username: name,
  customId: "",
  groups: [],
  credentials: keys.map((key) => ({ type: "key-auth", id: `credential-${key}`, key })),
  origin: { object: { kind: "KongConsumer", namespace: "test", name }, field: [] },
});

const limit: RateLimitStep = {
  step: "rate-limit",
  counter: "c",
  windows: [
    { unit: "minute", limit: 3 },
    { unit: "hour", limit: 30 },
  ],
  by: { kind: "consumer" },
  hideHeaders: false,
  status: 429,
  message: "too many",
  faultTolerant: true,
};

test("equal programs have equal ids and texts, others do not", () => {
  const program: Program = { steps: [limit] };
  expect(encodeProgram({ steps: [{ ...limit }] })).toEqual(encodeProgram(program));
  const others: Program[] = [
    { steps: [] },
    { steps: [{ ...limit, counter: "d" }] },
    { steps: [{ ...limit, windows: [{ unit: "minute", limit: 4 }] }] },
    { steps: [limit], mark: "m" },
    { steps: [limit, limit] },
  ];
  const ids = [program, ...others].map((one) => encodeProgram(one).id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(id).toMatch(/^[\w-]{22}$/);
});

test("the order of windows makes no difference", () => {
  const reversed = { ...limit, windows: [...limit.windows].reverse() };
  expect(encodeProgram({ steps: [reversed] })).toEqual(encodeProgram({ steps: [limit] }));
});

test("a route's metadata confirm the id", () => {
  const { id, text } = encodeProgram({ steps: [limit] });
  expect(programMetadata({ steps: [limit] })).toEqual({ id, program: text, [id]: "" });
});

test("a limit too large for the module is its largest", () => {
  const largest = encodeProgram({ steps: [{ ...limit, windows: [{ unit: "year", limit: 2 ** 32 - 1 }] }] });
  const larger = encodeProgram({ steps: [{ ...limit, windows: [{ unit: "year", limit: 1e15 }] }] });
  expect(larger).toEqual(largest);
});

test("one more key changes one shard", () => {
  const people = Array.from({ length: 500 }, (_, i) => person(`p${i}`, [`key-${i}`, `second-${i}`]));
  const extra = person("extra", ["new-key"]);
  const before = credentialShards(people);
  const after = credentialShards([...people, extra]);
  const changed = [...before].filter(
    ([shard, bytes]) => Buffer.compare(bytes, after.get(shard) ?? bytes) !== 0,
  );
  expect(before.size).toBe(credentialShardCount);
  expect(changed.map(([shard]) => shard)).toEqual(consumerShards(extra));
  expect(consumerShards(extra)).toEqual(extra.credentials.map(credentialShard));
});

test("a shard does not depend on the order of consumers, nor on those of other shards", () => {
  const people = Array.from({ length: 200 }, (_, i) => person(`p${i}`, [`key-${i}`]));
  for (const [shard, bytes] of credentialShards(people)) {
    expect(encodeCredentialShard(shard, [...people].reverse())).toEqual(bytes);
    const own = people.filter((one) => consumerShards(one).includes(shard));
    expect(encodeCredentialShard(shard, own)).toEqual(bytes);
  }
});

test("neither keys nor passwords are in a shard", () => {
  const eve: Consumer = {
    ...person("eve", ["the-secret-key"]),
    credentials: [
      { type: "key-auth", id: "1", key: "the-secret-key" },
      { type: "basic-auth", id: "2", username: "eve", password: "the-password" },
    ],
  };
  for (const bytes of credentialShards([eve]).values()) {
    expect(Buffer.from(bytes).toString("latin1")).not.toMatch(/the-secret-key|the-password/);
  }
});

test.each([
  ["10.0.0.0/8", 104, "00000000000000000000ffff0a000000"],
  ["192.0.2.7", 128, "00000000000000000000ffffc0000207"],
  ["0.0.0.0/0", 96, "00000000000000000000ffff00000000"],
  ["2001:db8::/32", 32, "20010db8000000000000000000000000"],
  ["::1", 128, "00000000000000000000000000000001"],
  ["::", 128, "00000000000000000000000000000000"],
  ["1:2:3:4:5:6:7:8", 128, "00010002000300040005000600070008"],
  ["::ffff:192.0.2.0/120", 120, "00000000000000000000ffffc0000200"],
  ["fe80::a:0:0:b", 128, "fe80000000000000000a00000000000b"],
])("%s is a range", (text, bits, address) => {
  const range = parseAddressRange(text);
  expect(range?.bits).toBe(bits);
  expect(Buffer.from(range?.address ?? []).toString("hex")).toBe(address);
});

test.each([
  "",
  "10.0.0.0/33",
  "::/129",
  "10.0.0",
  "10.0.0.256",
  "host",
  "10.0.0.0/",
  "10.0.0.0/8/8",
  "fe80::1%eth0",
])("%j is no range", (text) => {
  expect(parseAddressRange(text)).toBeUndefined();
});
