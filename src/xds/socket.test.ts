import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { listenOnUnixSocket } from "./socket.ts";

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "dx-"));
  path = join(directory, "s");
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function greet(name: string) {
  return listenOnUnixSocket(path, (socket) => socket.end(name));
}

function whoAnswers(): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = connect(path);
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.on("end", () => resolve(text));
    socket.on("error", reject);
  });
}

describe("a unix socket", () => {
  test("is for its owner only, and is gone after closing", async () => {
    const socket = await greet("first");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(await whoAnswers()).toBe("first");
    await socket.close();
    expect(readdirSync(directory)).toEqual([]);
  });

  test("can be taken over, and stays with the one who took it", async () => {
    const first = await greet("first");
    const second = await greet("second");
    expect(await whoAnswers()).toBe("second");
    await first.close();
    expect(await whoAnswers()).toBe("second");
    await second.close();
    expect(existsSync(path)).toBe(false);
  });

  test("replaces what a killed process left", async () => {
    writeFileSync(path, "");
    const socket = await greet("new");
    expect(await whoAnswers()).toBe("new");
    await socket.close();
  });

  test("with a path that is too long says so", async () => {
    await expect(listenOnUnixSocket(join(directory, "x".repeat(100)), () => {})).rejects.toThrow(
      "more than 95 characters",
    );
  });
});
