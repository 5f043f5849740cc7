// What a sandbox costs: opening one and running a command in it, against bare bubblewrap and bare bash in the same run.
//
//   node --conditions=source rollout-agent/bench/sandbox.bench.ts [--rounds 200] [--json]
import { spawn } from "node:child_process";
import { once } from "node:events";
import { parseArgs } from "node:util";
import { createBubblewrap, defaultGuestPath } from "../src/sandbox/bubblewrap.ts";
import type { Sandbox } from "../src/sandbox/sandbox.ts";

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "200" }, json: { type: "boolean", default: false } },
});
const rounds = Number(values.rounds);
const warmUpRounds = 10;
const never = new AbortController().signal;
const sandboxes = createBubblewrap({ guestPath: defaultGuestPath, log: { debug: () => {} } });
const limits = { memoryBytesMax: 2 ** 29, diskBytesMax: 2 ** 26, processesMax: 128 };
const command = { timeoutMs: 10_000, outputBytesMax: 8_000, outputBytesKill: 1_000_000 };

interface Row {
  what: string;
  p50Ms: number;
  p99Ms: number;
}

/** `work` is timed; `after` undoes it in its own time. */
async function measure<T>(
  what: string,
  work: (round: number) => Promise<T>,
  after?: (made: T) => unknown,
): Promise<Row> {
  const times: number[] = [];
  for (let round = -warmUpRounds; round < rounds; round += 1) {
    const startedAt = performance.now();
    const made = await work(round);
    if (round >= 0) times.push(performance.now() - startedAt);
    await after?.(made);
  }
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? NaN;
  return { what, p50Ms: at(0.5), p99Ms: at(0.99) };
}

async function bare(program: string, args: string[]): Promise<void> {
  const child = spawn(program, args, { stdio: "ignore" });
  await once(child, "exit");
}

const usr = ["--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib"];
const bareArguments = ["--unshare-all", ...usr, "--symlink", "usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev"];
const open = async (round: number): Promise<Sandbox> => sandboxes.open({ id: `ep-bench-${round}`, limits }, never);

async function whole(round: number): Promise<void> {
  const sandbox = await open(round);
  await sandbox.exec({ ...command, script: "true" }, never);
  await sandbox.close();
}

const rows: Row[] = [];
rows.push(await measure("bare: bwrap … true", () => bare("bwrap", [...bareArguments, "true"])));
rows.push(await measure("open", open, (sandbox) => sandbox.close()));
rows.push(await measure("open, exec true, close", whole));
rows.push(await measure("bare: bash -c true", () => bare("bash", ["-c", "true"])));
const sandbox = await open(rounds);
rows.push(await measure("exec true", () => sandbox.exec({ ...command, script: "true" }, never)));
rows.push(await measure("exec ls", () => sandbox.exec({ ...command, script: "ls -la /" }, never)));
await sandbox.exec(
  { ...command, script: "git init -q . && seq 100 | split -l1 && git add . && git commit -qm x" },
  never,
);
rows.push(await measure("state, 150 files", () => sandbox.state(never)));
rows.push(await measure("snapshot, 150 files", () => sandbox.snapshot(2 ** 25, never)));
const snapshot = (await sandbox.snapshot(2 ** 25, never)) ?? new Uint8Array();
rows.push(await measure("restore, 150 files", () => sandbox.restore(snapshot, never)));
await sandbox.close();

if (values.json) {
  console.log(JSON.stringify({ benchmark: "sandbox", rounds, rows }, null, 2));
} else {
  console.log(`Sandbox, ${rounds} rounds each, milliseconds`);
  console.log(`${"".padEnd(24)}${"p50".padStart(9)}${"p99".padStart(9)}`);
  for (const { what, p50Ms, p99Ms } of rows) {
    console.log(`${what.padEnd(24)}${p50Ms.toFixed(2).padStart(9)}${p99Ms.toFixed(2).padStart(9)}`);
  }
}
