// A patch is applied as SWE-bench's harness applies it: four ways in order, each from a clean tree (benchmarks.md §1.3).
import { limits } from "@hindcast/shared";
import type { Testbed } from "./testbed.ts";

const applyTimeoutMs = 120_000;
const outputBytesMax = 64 * 1024;
const appliedMark = "applied by: ";

const ways = [
  "git apply --verbose",
  "git apply --verbose --3way",
  "git apply --verbose --reject",
  "patch --batch --forward --fuzz=5 -p1 -i",
];

export interface AppliedPatch {
  isApplied: boolean;
  /** Which way it was, or why none was. */
  how: string;
}

const script = `
cd /testbed && cat > /tmp/patch.diff
first=1
for way in ${ways.map((way) => `'${way}'`).join(" ")}; do
  # A way that failed may have left half of its work behind.
  [[ -n $first ]] || { git checkout -- . ; git clean -fd; }
  first=
  $way /tmp/patch.diff && { echo "${appliedMark}$way"; exit 0; }
done
git apply --check --reverse /tmp/patch.diff && { echo "${appliedMark}already there"; exit 0; }
exit 1`;

/** An empty patch is applied by doing nothing. */
export async function applyPatch(testbed: Testbed, patch: string, signal: AbortSignal): Promise<AppliedPatch> {
  if (patch.trim() === "") return { isApplied: true, how: "empty" };
  const stdin = Buffer.from(patch);
  if (stdin.byteLength > limits.sandboxInputBytesMax) {
    return { isApplied: false, how: `it has ${stdin.byteLength} bytes, more than ${limits.sandboxInputBytesMax}` };
  }
  const options = { stdin, timeoutMs: applyTimeoutMs, outputBytesMax, outputBytesKill: 64 * outputBytesMax };
  const { exitCode, killed, output } = await testbed.run(`(${script}\n)`, options, signal);
  const lines = Buffer.from(output).toString("utf8").trimEnd().split("\n");
  const how = lines.findLast((line) => line.startsWith(appliedMark))?.slice(appliedMark.length);
  if (exitCode === 0 && how !== undefined) return { isApplied: true, how };
  const complaint = lines.find((line) => /^(error|fatal):/.test(line)) ?? lines.at(-1) ?? "";
  return { isApplied: false, how: killed === null ? complaint.slice(0, 300) : `git was killed: ${killed}` };
}
