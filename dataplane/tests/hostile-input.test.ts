import { BlockList } from "node:net";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { encodeCredentialShard } from "#envoy/module/encode-credentials.ts";
import type { Program, Step } from "#model/program.ts";
import { consumer, key, password } from "./consumers.ts";
import { FakeWorker, programBytes } from "./fake-envoy.ts";
import { buildModule } from "./gateway.ts";

beforeAll(() => buildModule(), 60_000);

const lists = (name: string) => ({
  remove: [name],
  rename: [{ from: `${name}-from`, to: `${name}-to` }],
  replace: [{ name: `${name}-replace`, value: "1" }],
  add: [{ name: `${name}-add`, value: "2" }],
  append: [{ name: `${name}-append`, value: "3" }],
});

const steps: Step[] = [
  { step: "correlation-id", header: "x-id", generator: "uuid#counter", echo: true },
  {
    step: "cors",
    origins: ["http://a.example"],
    originPatterns: ["https://[a-z]+\\.example"],
    methods: ["GET"],
    headers: ["x-a"],
    exposedHeaders: ["x-b"],
    credentials: true,
    maxAge: 5,
    privateNetwork: true,
    preflightContinue: false,
    allowOriginAbsent: true,
  },
  {
    step: "key-auth",
    names: ["apikey", "key"],
    inHeader: true,
    inQuery: true,
    hideCredentials: true,
    runOnPreflight: true,
    realm: "x",
  },
  { step: "basic-auth", realm: "service", hideCredentials: true },
  { step: "ip", allow: ["192.0.2.0/24"], deny: ["10.0.0.0/8"], status: 403 },
  { step: "acl", allow: ["staff"], deny: [], hideGroupsHeader: false },
  {
    step: "rate-limit",
    counter: "c",
    windows: [
      { unit: "second", limit: 1_000_000 },
      { unit: "year", limit: 1_000_000 },
    ],
    by: { kind: "header", name: "x-client" },
    hideHeaders: false,
    status: 429,
    message: "too many",
    faultTolerant: true,
  },
  { step: "transform-request", method: "POST", uri: "/x", headers: lists("x-h"), query: lists("q") },
  { step: "transform-response", headers: lists("x-r") },
  { step: "reply", status: 418, message: "teapot", trigger: "x-trigger" },
];

const whole: Program = { steps, mark: "mark" };
const people = [
  consumer("eve", [key("eve-key"), password("eve", "secret")], { groups: ["staff", "dev"], customId: "1" }),
];
const headers = [
  ["apikey", "eve-key"],
  ["authorization", `Basic ${Buffer.from("eve:secret").toString("base64")}`],
  ["origin", "https://b.example"],
  ["x-client", "c"],
  ["x-h-from", "v"],
] as const;

function shardsOf(worker: FakeWorker): void {
  for (let shard = 0; shard < 64; shard++) worker.configure(encodeCredentialShard(shard, people));
}

test("a program of all steps runs through", () => {
  const worker = new FakeWorker();
  shardsOf(worker);
  const outcome = worker.send({ program: whole, headers, path: "/a?q-from=1&q=2&apikey=x" });
  expect(outcome.reply).toBeUndefined();
  expect(Object.fromEntries(outcome.headers)).toMatchObject({
    ":method": "POST",
    ":path": "/x?q-to=1&q-add=2&q-append=3",
    "x-consumer-username": "eve",
    "x-consumer-groups": "staff, dev",
    "x-envoy-ip-tags": "mark",
    "x-h-to": "v",
    "x-h-add": "2",
  });
});

describe("broken programs", () => {
  const program = programBytes(whole);
  let number = 0;
  const run = (worker: FakeWorker, bytes: Uint8Array) =>
    worker.send({
      metadata: { id: `broken ${++number}`, program: Buffer.from(bytes).toString("base64") },
      headers,
      path: "/a?q-from=1",
    });

  test("of any length are answered with 500", () => {
    const worker = new FakeWorker();
    shardsOf(worker);
    for (let size = 0; size < program.length; size++) {
      expect(run(worker, program.subarray(0, size)).reply?.status).toBe(500);
    }
    expect(run(worker, Buffer.concat([program, Buffer.alloc(4)])).reply?.status).toBe(500);
    expect(run(worker, program).reply).toBeUndefined();
  });

  test("with any changed word never trap", () => {
    const worker = new FakeWorker();
    shardsOf(worker);
    const word = fc.oneof(fc.integer({ min: 0, max: 64 }), fc.integer({ min: 0, max: 0xffffffff }));
    const place = fc.integer({ min: 0, max: program.length / 4 - 1 });
    fc.assert(
      fc.property(fc.array(fc.tuple(place, word), { minLength: 1, maxLength: 3 }), (changes) => {
        const bytes = Buffer.from(program);
        for (const [at, value] of changes) bytes.writeUInt32LE(value >>> 0, at * 4);
        run(worker, bytes);
      }),
      { numRuns: 5000 },
    );
  });

  test("of any bytes never trap", () => {
    const worker = new FakeWorker();
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void run(worker, bytes)), { numRuns: 1000 });
  });
});

describe("broken shards", () => {
  const shard = encodeCredentialShard(5, []);

  test("of any kind are refused or harmless", () => {
    const worker = new FakeWorker();
    shardsOf(worker);
    const good = Array.from({ length: 64 }, (_, i) => encodeCredentialShard(i, people)).filter(
      (one) => one.length > shard.length,
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...good),
        fc.array(fc.tuple(fc.nat(), fc.oneof(fc.nat(64), fc.nat(0xffffffff))), { maxLength: 3 }),
        fc.nat(8),
        (one, changes, cut) => {
          const bytes = Buffer.from(one);
          for (const [at, value] of changes) bytes.writeUInt32LE(value >>> 0, (at % (bytes.length / 4)) * 4);
          worker.configure(bytes.subarray(0, bytes.length - (changes.length === 0 ? cut : 0)));
          worker.send({ program: whole, headers });
        },
      ),
      { numRuns: 5000 },
    );
  });
});

describe("requests", () => {
  const worker = new FakeWorker();
  const bytes = fc.string({ unit: fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code)) });
  const name = fc.constantFrom(
    ...["apikey", "authorization", "proxy-authorization", "origin", "x-client", "x-h", "x-h-from", "x-trigger"],
    ...["access-control-request-method", "x-consumer-id", "x-id"],
  );

  test("of any kind never trap", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(name, bytes), { maxLength: 8 }),
        bytes,
        bytes,
        fc.constantFrom("GET", "OPTIONS", ""),
        fc.subarray(steps),
        (list, path, address, method, some) => {
          worker.send({ program: { steps: some }, headers: list, path: `/${path}`, method, address });
        },
      ),
      { numRuns: 3000 },
    );
  });

  test("with large headers, too", () => {
    const large = "x".repeat(200_000);
    const outcome = worker.send({
      program: { steps: [{ step: "rate-limit", ...rest(), by: { kind: "header", name: "x-client" } }] },
      headers: [["x-client", large], ...Array.from({ length: 500 }, (_, i) => [`x-${i}`, large.slice(0, 300)] as const)],
      path: `/?${"a=b&".repeat(20_000)}`,
    });
    expect(outcome.reply).toBeUndefined();
  });
});

function rest() {
  return {
    counter: "large",
    windows: [{ unit: "year", limit: 10 }],
    hideHeaders: false,
    status: 429,
    message: "too many",
    faultTolerant: true,
  } as const;
}

test("address ranges are those of Node", () => {
  const worker = new FakeWorker();
  const v4 = fc.ipV4();
  const v6 = fc.ipV6();
  const range = fc.oneof(
    fc.tuple(v4, fc.nat(32), fc.constant("ipv4" as const)),
    fc.tuple(v6, fc.nat(128), fc.constant("ipv6" as const)),
  );
  fc.assert(
    fc.property(fc.array(range, { minLength: 1, maxLength: 3 }), fc.oneof(v4, v6), (ranges, address) => {
      const allow = ranges.map(([one, bits]) => `${one}/${bits}`);
      const known = new BlockList();
      for (const [one, bits, family] of ranges) known.addSubnet(one, bits, family);
      const family = address.includes(":") ? "ipv6" : "ipv4";
      const outcome = worker.send({
        program: { steps: [{ step: "ip", allow, deny: [], status: 403 }] },
        address: family === "ipv6" ? `[${address}]:80` : `${address}:80`,
      });
      // An IPv6 range over all mapped addresses holds IPv4 clients here, which Node sees otherwise.
      const mapped = family === "ipv4" && ranges.some(([, , kind]) => kind === "ipv6");
      return mapped || (outcome.reply === undefined) === known.check(address, family);
    }),
    { numRuns: 2000 },
  );
});
