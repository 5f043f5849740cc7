// All tests, of both languages, and one line that sums them up.
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { childEnvironment, root, runInForeground } from "./processes.mjs";

export const crates = ["index-core", "rollout-agent/guest"];
const vitestReport = join(root, ".hindcast", "logs", "vitest.json");

export function countsLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** Arguments narrow vitest's files; Rust's tests run only without any. */
export async function runTests(args) {
  const counts = await runVitest(args);
  if (args.length > 0) return counts;
  for (const crate of crates) add(counts, await runCargoTest(crate));
  return counts;
}

function add(sum, counts) {
  for (const key of ["passed", "failed", "skipped"]) sum[key] += counts[key];
}

async function runVitest(args) {
  mkdirSync(join(root, ".hindcast", "logs"), { recursive: true });
  rmSync(vitestReport, { force: true });
  const code = await runInForeground([
    "node_modules/vitest/vitest.mjs",
    "run",
    "--config",
    "test/vitest.config.ts",
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${vitestReport}`,
    ...args,
  ]);
  const counts = countVitest(readReport());
  // A crash outside any test has no failed test to its name, but it is one failure at least.
  if (code !== 0 && counts.failed === 0) counts.failed = 1;
  return counts;
}

function readReport() {
  try {
    return JSON.parse(readFileSync(vitestReport, "utf8"));
  } catch {
    return { testResults: [] };
  }
}

/** A file that fails before its first test (a bad import) counts as one failure. */
export function countVitest(report) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const file of report.testResults) {
    const states = file.assertionResults.map((test) => test.status);
    counts.passed += states.filter((state) => state === "passed").length;
    counts.failed += states.filter((state) => state === "failed").length;
    counts.skipped += states.filter((state) => state !== "passed" && state !== "failed").length;
    if (file.status === "failed" && !states.includes("failed")) counts.failed += 1;
  }
  return counts;
}

async function runCargoTest(crate) {
  console.log(`\ncargo test (${crate})`);
  // With the Node binding, whose threads have tests of their own; what it exports is tested through the facade.
  const features = crate === "index-core" ? ["--features", "node"] : [];
  const child = spawn("cargo", ["test", "--quiet", "--color", "never", ...features], {
    cwd: join(root, crate),
    env: childEnvironment(),
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (bytes) => {
    output += bytes;
    process.stdout.write(bytes);
  });
  const code = await new Promise((resolve) => {
    child.once("error", () => resolve(1));
    child.once("close", resolve);
  });
  const counts = countCargo(output);
  if (code !== 0 && counts.failed === 0) counts.failed = 1;
  return counts;
}

export function countCargo(output) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const match of output.matchAll(/^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored/gm)) {
    add(counts, { passed: Number(match[1]), failed: Number(match[2]), skipped: Number(match[3]) });
  }
  return counts;
}
