import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src", "cases", "dataplane", "docs", "bench"].map((folder) => `${folder}/**/*.test.ts`),
    // Cases start real Envoys; anything slower than this hangs.
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // Processes, not threads: tests may set signals, environment and exit codes.
    pool: "forks",
    maxWorkers: 2,
  },
});
