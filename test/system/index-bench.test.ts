// The benchmark of the retrieval index runs from end to end, tiny and without peers. What it measures here means nothing;
// that it finds what it looks for does.
// Requirements: 4.bench
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const root = new URL("../..", import.meta.url).pathname;
const suites = ["filter", "graph", "exact", "open", "churn", "border", "recall-live", "demonstrations", "kill"];

test("every suite of the index's benchmark runs and reports", { timeout: 280_000 }, async () => {
  const program = ["--conditions=source", "--expose-gc", "bench/main.ts", "--quick", "--suite", suites.join(",")];
  await promisify(execFile)(process.execPath, program, { cwd: join(root, "index-core"), maxBuffer: 64 * 1024 * 1024 });
  for (const suite of suites) {
    const path = join(root, ".hindcast/bench/quick", `${suite}.json`);
    const report = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
    expect(report, suite).toHaveProperty("machine");
    expect(report, suite).toHaveProperty("result");
  }
});
