import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { contentVersion, type Resource } from "./resource.ts";
import { readSnapshot, SnapshotLog } from "./snapshot-log.ts";

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "dx-"));
  path = join(directory, "last-good");
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function secret(name: string, text: string, scope = "gw"): Resource {
  const body = Buffer.from(text);
  return { scope, type: "secret", name, version: contentVersion(body), body, origins: [] };
}

function texts(resources: readonly Resource[]): string[] {
  return resources.map(({ scope, name, body }) => `${scope} ${name} ${Buffer.from(body)}`).sort();
}

describe("the snapshot", () => {
  test("holds what was noted last", async () => {
    const log = await SnapshotLog.open(path);
    log.put(secret("a", "one"));
    log.put(secret("a", "two"));
    log.put(secret("b", "gone"));
    log.put(secret("a", "other", "ns/pod"));
    log.remove("gw", "secret", "b");
    log.remove("gw", "secret", "never");
    await log.close();
    expect(texts(readSnapshot(path))).toEqual(["gw a two", "ns/pod a other"]);
    expect(readSnapshot(path)[0]?.version).toBe(secret("a", "two").version);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const again = await SnapshotLog.open(path);
    expect(texts([...again.resources()])).toEqual(["gw a two", "ns/pod a other"]);
    expect(again.get("gw", "secret", "a")?.version).toBe(secret("a", "two").version);
    await again.close();
  });

  test("is written soon without being asked", async () => {
    const log = await SnapshotLog.open(path);
    log.put(secret("a", "one"));
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(texts(readSnapshot(path))).toEqual(["gw a one"]);
    await log.close();
  });

  test("is empty where there is no file, and where there is another one", () => {
    expect(readSnapshot(path)).toEqual([]);
    writeFileSync(path, "something else\n");
    expect(readSnapshot(path)).toEqual([]);
  });

  test("that was cut anywhere holds what came before the cut", async () => {
    const log = await SnapshotLog.open(path);
    const sizes: number[] = [statSync(path).size];
    for (let at = 0; at < 5; at += 1) {
      log.put(secret(`s${at}`, "x".repeat(at * 10)));
      await log.flush();
      sizes.push(statSync(path).size);
    }
    await log.close();
    const whole = readFileSync(path);
    for (let size = whole.length; size >= (sizes[0] ?? 0); size -= 7) {
      truncateSync(path, size);
      const complete = sizes.filter((end) => end <= size).length - 1;
      expect(readSnapshot(path).map(({ name }) => name)).toEqual(
        Array.from({ length: complete }, (_, at) => `s${at}`),
      );
    }
    // What was cut off half is not in the way of what is noted next.
    writeFileSync(path, whole.subarray(0, whole.length - 3));
    const next = await SnapshotLog.open(path);
    next.put(secret("next", "y"));
    await next.close();
    expect(readSnapshot(path).map(({ name }) => name)).toEqual(["s0", "s1", "s2", "s3", "next"]);
  });

  test("ends at a damaged record", async () => {
    const log = await SnapshotLog.open(path);
    log.put(secret("a", "one"));
    await log.close();
    appendFileSync(path, Buffer.from([3, 0, 0, 0, 1, 2, 3, 4, 9, 9, 9]));
    expect(texts(readSnapshot(path))).toEqual(["gw a one"]);
  });

  test("stays small when the same names change often", async () => {
    const log = await SnapshotLog.open(path);
    for (let round = 0; round < 60; round += 1) {
      log.put(secret("a", `${round}`.repeat(30_000)));
      await log.flush();
    }
    expect(statSync(path).size).toBeLessThan(1_200_000);
    log.put(secret("b", "last"));
    await log.close();
    expect(readSnapshot(path).map(({ name }) => name)).toEqual(["a", "b"]);
  });

  test("equals a map, whatever is noted", async () => {
    const note = fc.record({ name: fc.constantFrom("a", "b", "c"), text: fc.option(fc.string()) });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(note)), async (rounds) => {
        rmSync(path, { force: true });
        const expected = new Map<string, string>();
        for (const notes of rounds) {
          const log = await SnapshotLog.open(path);
          for (const { name, text } of notes) {
            if (text === null) {
              log.remove("gw", "secret", name);
              expected.delete(name);
            } else {
              log.put(secret(name, text));
              expected.set(name, text);
            }
          }
          await log.close();
        }
        expect(texts(readSnapshot(path))).toEqual(
          [...expected].map(([name, text]) => `gw ${name} ${text}`).sort(),
        );
      }),
      { numRuns: 40 },
    );
  });
});
