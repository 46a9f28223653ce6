import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import type { Program, RateLimitStep, RateLimitUnit } from "#model/program.ts";
import { calendarWindow } from "#services/calendar-window.ts";
import { type FakeOutcome, FakeWorker, SharedData } from "./fake-envoy.ts";
import { buildModule } from "./gateway.ts";

beforeAll(() => buildModule(), 60_000);

function program(counter: string, windows: RateLimitStep["windows"], by: RateLimitStep["by"]): Program {
  return {
    steps: [
      {
        step: "rate-limit",
        counter,
        windows,
        by,
        hideHeaders: false,
        status: 429,
        message: "API rate limit exceeded",
        faultTolerant: false,
      },
    ],
  };
}

const byHeader = { kind: "header", name: "x-client" } as const;
const client = (name: string | number) => [["x-client", String(name)]] as const;

function header(outcome: FakeOutcome, name: string): number | undefined {
  const list = outcome.reply?.headers ?? outcome.responseHeaders;
  const value = list.find(([one]) => one === name)?.[1];
  return value === undefined ? undefined : Number(value);
}

describe("windows of the calendar", () => {
  const units = ["second", "minute", "hour", "day", "month", "year"] as const;
  const once = Object.fromEntries(
    units.map((unit) => [unit, program(`once a ${unit}`, [{ unit, limit: 1 }], byHeader)]),
  ) as Record<RateLimitUnit, Program>;

  test.each([
    ["month", "2024-02-28T23:59:59Z", "2024-02-29T00:00:00Z", false],
    ["month", "2024-02-29T23:59:59Z", "2024-03-01T00:00:00Z", true],
    ["month", "2023-02-28T23:59:59Z", "2023-03-01T00:00:00Z", true],
    ["month", "2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z", true],
    ["month", "2100-02-28T23:59:59Z", "2100-03-01T00:00:00Z", true],
    ["year", "2024-12-30T23:59:59Z", "2024-12-31T23:59:59Z", false],
    ["year", "2024-12-31T23:59:59Z", "2025-01-01T00:00:00Z", true],
    ["year", "2000-01-01T00:00:00Z", "2000-12-31T23:59:59Z", false],
    ["day", "2026-06-01T00:00:00Z", "2026-06-01T23:59:59.999Z", false],
    ["day", "2026-06-01T23:59:59.999Z", "2026-06-02T00:00:00Z", true],
    ["hour", "2026-06-01T10:59:59Z", "2026-06-01T11:00:00Z", true],
    ["minute", "2026-06-01T10:59:00Z", "2026-06-01T10:59:59Z", false],
    ["second", "2026-06-01T10:59:00.000Z", "2026-06-01T10:59:00.999Z", false],
    ["second", "2026-06-01T10:59:00.999Z", "2026-06-01T10:59:01.000Z", true],
  ] as const)("%s: %s, then %s: another window is %s", (unit, first, then, another) => {
    const worker = new FakeWorker();
    worker.now = Date.parse(first);
    expect(worker.send({ program: once[unit] }).reply).toBeUndefined();
    worker.now = Date.parse(then);
    expect(worker.send({ program: once[unit] }).reply === undefined).toBe(another);
  });

  test("are those of the services process, for any two instants", () => {
    const worker = new FakeWorker();
    let name = 0;
    const instant = fc.integer({ min: 0, max: Date.UTC(2105, 0) });
    const near = fc.integer({ min: 0, max: 3 * 86_400_000 });
    fc.assert(
      fc.property(fc.constantFrom(...units), instant, fc.oneof(near, instant), (unit, first, more) => {
        const headers = client(++name);
        worker.now = first;
        worker.send({ program: once[unit], headers });
        worker.now = first + more;
        const allowed = worker.send({ program: once[unit], headers }).reply === undefined;
        return allowed === (calendarWindow(unit, first).start !== calendarWindow(unit, first + more).start);
      }),
      { numRuns: 3000 },
    );
  });

  test("resets are Kong's: a month has 30 days, a year 365, and it is never less than a second", () => {
    const worker = new FakeWorker();
    const reset = (unit: RateLimitUnit, at: string) => {
      worker.now = Date.parse(at);
      return header(worker.send({ program: once[unit], headers: client(`${unit} ${at}`) }), "ratelimit-reset");
    };
    expect(reset("minute", "2026-06-01T10:59:00Z")).toBe(60);
    expect(reset("minute", "2026-06-01T10:59:59.999Z")).toBe(1);
    expect(reset("hour", "2026-06-01T10:59:30Z")).toBe(30);
    expect(reset("month", "2026-02-01T00:00:10Z")).toBe(30 * 86_400 - 10);
    expect(reset("month", "2026-01-31T12:00:00Z")).toBe(1);
    expect(reset("year", "2024-12-31T12:00:00Z")).toBe(1);
    expect(reset("year", "2024-01-02T00:00:00Z")).toBe(364 * 86_400);
  });

  test("of several, a refusal counts in none, and one that ended begins anew", () => {
    const worker = new FakeWorker();
    const two = program(
      "two",
      [
        { unit: "minute", limit: 2 },
        { unit: "hour", limit: 3 },
      ],
      byHeader,
    );
    const at = (time: string) => {
      worker.now = Date.parse(`2026-06-01T${time}Z`);
      const outcome = worker.send({ program: two });
      const left = ["minute", "hour"].map((unit) => header(outcome, `x-ratelimit-remaining-${unit}`));
      return [outcome.reply === undefined, ...left];
    };
    expect(at("10:00:00")).toEqual([true, 1, 2]);
    expect(at("10:00:30")).toEqual([true, 0, 1]);
    expect(at("10:00:59")).toEqual([false, 0, 1]);
    expect(at("10:01:00")).toEqual([true, 1, 0]);
    expect(at("10:01:00")).toEqual([false, 1, 0]);
    expect(at("10:59:59")).toEqual([false, 2, 0]);
    expect(at("11:00:00")).toEqual([true, 1, 2]);
  });
});

describe("several workers", () => {
  const year = (limit: number) => [{ unit: "year", limit }] as const;

  test("count exactly, whoever comes in between", () => {
    const callers = ["a", "b", "c"];
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            worker: fc.nat(2),
            caller: fc.constantFrom(...callers),
            // What others do while this request reads.
            between: fc.array(fc.record({ worker: fc.nat(2), caller: fc.constantFrom(...callers) }), {
              maxLength: 2,
            }),
          }),
          { minLength: 10, maxLength: 60 },
        ),
        (requests) => {
          const shared = new SharedData();
          const workers = [0, 1, 2].map(() => new FakeWorker(shared));
          const limited = program("many", year(12), byHeader);
          const counts = new Map<string, number>();
          const send = (number: number, caller: string): void => {
            const outcome = workers[number]?.send({ program: limited, headers: client(caller) });
            if (outcome === undefined) return;
            const remaining = header(outcome, "x-ratelimit-remaining-year");
            const count = counts.get(caller) ?? 0;
            if (outcome.reply === undefined) {
              counts.set(caller, count + 1);
              expect(remaining).toBe(12 - count - 1);
            } else {
              expect(count).toBe(12);
              expect(remaining).toBe(0);
            }
          };
          for (const { worker: number, caller, between } of requests) {
            const worker = workers[number];
            if (worker === undefined) continue;
            worker.beforeRead = () => {
              worker.beforeRead = () => {};
              for (const one of between) if (one.worker !== number) send(one.worker, one.caller);
            };
            send(number, caller);
            worker.beforeRead = () => {};
          }
          for (const caller of callers) {
            for (let i = 0; i < 15; i++) send(i % 3, caller);
            expect(counts.get(caller)).toBe(12);
          }
        },
      ),
      { numRuns: 60 },
    );
  }, 60_000);

  test("agree on the place of a counter", () => {
    const shared = new SharedData();
    const limited = program("agree", year(1000), byHeader);
    for (let i = 0; i < 20; i++) {
      const outcome = new FakeWorker(shared).send({ program: limited, headers: client("x") });
      expect(header(outcome, "x-ratelimit-remaining-year")).toBe(999 - i);
    }
  });
});

test("a changed limit goes on with what was counted, window by window", () => {
  const worker = new FakeWorker();
  const send = (windows: RateLimitStep["windows"]) => {
    const { responseHeaders } = worker.send({ program: program("changing", windows, byHeader) });
    return Object.fromEntries(
      responseHeaders
        .filter(([name]) => name.startsWith("x-ratelimit-remaining"))
        .map(([name, value]) => [name.slice(22), Number(value)]),
    );
  };
  expect(send([{ unit: "day", limit: 10 }])).toEqual({ day: 9 });
  expect(send([{ unit: "day", limit: 20 }, { unit: "year", limit: 30 }])).toEqual({ day: 18, year: 29 });
  expect(send([{ unit: "hour", limit: 5 }])).toEqual({ hour: 4 });
  expect(send([{ unit: "hour", limit: 5 }, { unit: "day", limit: 20 }])).toEqual({ hour: 3, day: 17 });
  expect(send([{ unit: "year", limit: 30 }])).toEqual({ year: 28 });
});

describe("memory", () => {
  test("stays bounded with ever new callers", () => {
    const shared = new SharedData();
    const worker = new FakeWorker(shared);
    const limited = program("soak", [{ unit: "minute", limit: 10 }], byHeader);
    const bytes = () => [...shared.values.values()].reduce((sum, { value }) => sum + value.length, 0);
    const flood = (name: string, count: number) => {
      for (let i = 0; i < count; i++) {
        // Two minutes for 60,000 callers.
        if (i % 500 === 0) worker.now += 1000;
        worker.send({ program: limited, headers: client(`${name} ${i}`) });
      }
    };
    flood("first", 60_000);
    const during = bytes();
    const memory = worker.memoryBytes;
    flood("again", 200_000);
    expect(shared.values.size).toBeLessThanOrEqual(16_384 + 1);
    // An entry has 32 bytes. Those of the last two minutes are there, and what nobody touched since.
    expect(bytes()).toBeLessThan(Math.max(during, 90_000 * 32));
    expect(worker.memoryBytes).toBe(memory);
    // Who called in this minute is not forgotten.
    const outcome = worker.send({ program: limited, headers: client("again 199999") });
    expect(header(outcome, "x-ratelimit-remaining-minute")).toBe(8);
  }, 60_000);

  test("too many callers in long windows: the oldest ones are dropped", () => {
    const shared = new SharedData();
    const limited = program("flood", [{ unit: "year", limit: 10 }], byHeader);
    new FakeWorker(shared).send({ program: limited });
    const [key, entry] = [...shared.values].find(([name]) => name.startsWith("DKRL")) ?? [];
    if (key === undefined || entry === undefined) throw new Error("nothing was counted");
    // 300 others that happened to share its place, the caller's own entry among them.
    const others = Array.from({ length: 300 }, (_, i) => {
      const other = Buffer.from(entry.value);
      other.writeUInt32LE(i, 0);
      return i === 150 ? Buffer.from(entry.value) : other;
    });
    shared.values.set(key, { value: Buffer.concat(others), version: shared.next++ });
    const both = program("flood", [{ unit: "month", limit: 10 }, { unit: "year", limit: 10 }], byHeader);
    const outcome = new FakeWorker(shared).send({ program: both });
    expect(header(outcome, "x-ratelimit-remaining-year")).toBe(8);
    const after = Buffer.from(shared.values.get(key)?.value ?? []);
    expect(after.length).toBe(127 * 32 + 44);
    expect(after.readUInt32LE(126 * 32)).toBe(299);
  });

  test("is given back when clients go away before the response", () => {
    const worker = new FakeWorker();
    const limited = program("abandoned", [{ unit: "year", limit: 1_000_000 }], byHeader);
    for (let i = 0; i < 5_000; i++) worker.send({ program: limited, headers: client(i % 10) }, true);
    const memory = worker.memoryBytes;
    for (let i = 0; i < 200_000; i++) worker.send({ program: limited, headers: client(i % 10) }, true);
    expect(worker.memoryBytes).toBe(memory);
  });

  test("holds many programs, but not all there ever were", () => {
    const worker = new FakeWorker();
    const send = (i: number) => worker.send({ program: program(`counter ${i}`, [{ unit: "year", limit: 5 }], byHeader) });
    for (let i = 0; i < 20_000; i++) send(i);
    const memory = worker.memoryBytes;
    for (let i = 20_000; i < 60_000; i++) send(i);
    expect(worker.memoryBytes).toBe(memory);
    expect(send(59_999).reply).toBeUndefined();
  }, 60_000);
});
