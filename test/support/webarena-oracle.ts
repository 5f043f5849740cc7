// The published evaluators of WebArena and WebArena-Verified, run in a Python of their own over all cases at once.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { pythonWith, type PythonFound } from "./python.ts";

const program = new URL("webarena-oracle.py", import.meta.url).pathname;

export function pythonWithVerified(): Promise<PythonFound> {
  return pythonWith("python-webarena-verified-1.2.3", ["webarena-verified==1.2.3"], "webarena_verified");
}

/** Only what the evaluators themselves import: the package asks for browsers and models besides. */
export function pythonWithWebArena(): Promise<PythonFound> {
  const packages = ["libwebarena==0.0.5", "nltk==3.9.1", "beartype==0.22.9", "regex==2025.11.3"];
  return pythonWith("python-libwebarena-0.0.5", packages, "webarena, nltk, beartype", ["--no-deps"]);
}

/** An answer for each case, in order. */
export async function ask<Answer>(
  python: string,
  which: "verified" | "webarena",
  cases: readonly object[],
): Promise<Answer[]> {
  const child = spawn(python, [program, which], { stdio: ["pipe", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (bytes: Buffer) => void (stdout += bytes.toString()));
  child.stderr.on("data", (bytes: Buffer) => void (stderr += bytes.toString()));
  const ended = once(child, "close");
  child.stdin.end(cases.map((one) => `${JSON.stringify(one)}\n`).join(""));
  await ended;
  const lines = stdout.split("\n").filter((line) => line !== "");
  if (lines.length !== cases.length) {
    throw new Error(`the oracle answered ${lines.length} of ${cases.length} cases: ${stderr.slice(-2_000)}`);
  }
  return lines.map((line) => JSON.parse(line) as Answer);
}
