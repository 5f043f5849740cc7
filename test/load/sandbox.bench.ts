// What a sandbox costs with each driver that this machine can start: opening one, a command, state, snapshot, restore,
// fork, a connection; against bare bubblewrap and bare bash in the same run.
//
//   node --conditions=source rollout-agent/bench/sandbox.bench.ts [--rounds 200] [--drivers bubblewrap,container,vm] [--json]
//
// Containers and virtual machines need an image: `hindcast image build`, `hindcast image kernel`, and a daemon at
// HINDCAST_SANDBOX_DOCKER_SOCKET.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { parseArgs } from "node:util";
import { readConfig } from "@hindcast/shared/node";
import { createSandboxes, sandboxSettings } from "../src/sandbox/create-sandboxes.ts";
import type { Sandbox, SandboxProvider } from "../src/sandbox/sandbox.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "200" },
    drivers: { type: "string", default: "bubblewrap" },
    json: { type: "boolean", default: false },
  },
});
const rounds = Number(values.rounds);
const warmUpRounds = Math.min(10, Math.ceil(rounds / 5));
const never = new AbortController().signal;
const log = { debug: (): void => {}, info: (): void => {}, warn: (): void => {} };
const limits = { memoryBytesMax: 2 ** 29, diskBytesMax: 2 ** 26, processesMax: 128 };
const command = { timeoutMs: 10_000, outputBytesMax: 8_000, outputBytesKill: 1_000_000 };

interface Row {
  driver: string;
  what: string;
  p50Ms: number;
  p99Ms: number;
}

const rows: Row[] = [];

/** `work` is timed; `after` undoes it in its own time. */
async function measure<T>(
  driver: string,
  what: string,
  work: (round: number) => Promise<T>,
  after?: (made: T) => unknown,
): Promise<void> {
  const times: number[] = [];
  for (let round = -warmUpRounds; round < rounds; round += 1) {
    const startedAt = performance.now();
    const made = await work(round);
    if (round >= 0) times.push(performance.now() - startedAt);
    await after?.(made);
  }
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? NaN;
  rows.push({ driver, what, p50Ms: at(0.5), p99Ms: at(0.99) });
}

async function bare(program: string, args: string[]): Promise<void> {
  const child = spawn(program, args, { stdio: "ignore" });
  await once(child, "exit");
}

async function measureDriver(sandboxes: SandboxProvider): Promise<void> {
  const { name } = sandboxes;
  const open = async (round: number): Promise<Sandbox> => sandboxes.open({ id: `ep-bench-${round}`, limits }, never);
  const close = (sandbox: Sandbox): Promise<void> => sandbox.close();
  // What is made once per machine (an imported image, a saved machine) is no part of any opening.
  await (await open(0)).close();
  await measure(name, "open", open, close);
  await measure(name, "open, exec true, close", async (round) => {
    const sandbox = await open(round);
    await sandbox.exec({ ...command, script: "true" }, never);
    await sandbox.close();
  });
  await using sandbox = await open(rounds);
  await measure(name, "exec true", () => sandbox.exec({ ...command, script: "true" }, never));
  await measure(name, "exec ls", () => sandbox.exec({ ...command, script: "ls -la /" }, never));
  const files = "git init -q . && seq 100 | split -l1 && git add . && git commit -qm x";
  await sandbox.exec({ ...command, script: files }, never);
  await measure(name, "state, 150 files", () => sandbox.state(never));
  await measure(name, "snapshot, 150 files", () => sandbox.snapshot(2 ** 25, never));
  const snapshot = (await sandbox.snapshot(2 ** 25, never)) ?? new Uint8Array();
  await measure(name, "restore, 150 files", () => sandbox.restore(snapshot, never));
  await measure(name, "fork, 150 files", (round) => sandbox.fork(`ep-fork-${round}`, never), close);
  const listener = "python3 -m http.server 7000 > /tmp/log 2>&1 & until grep -q Serving /tmp/log; do sleep 0.05; done";
  await sandbox.exec({ ...command, script: `export PYTHONUNBUFFERED=1; ${listener}` }, never);
  await measure(
    name,
    "connect",
    () => sandbox.connect(7000),
    (stream) => stream.destroy(),
  );
}

const usr = ["--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib"];
const bareArguments = ["--unshare-all", ...usr, "--symlink", "usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev"];
await measure("none", "bwrap … true", () => bare("bwrap", [...bareArguments, "true"]));
await measure("none", "bash -c true", () => bare("bash", ["-c", "true"]));
for (const driver of values.drivers.split(",")) {
  const sandboxDriver = sandboxSettings.sandboxDriver.schema.parse(driver);
  // Nothing is kept warm: what opening costs is the question.
  const settings = { ...readConfig(sandboxSettings), sandboxDriver, sandboxWarm: 0 };
  await using opened = await createSandboxes(settings, { owner: "bench", log }, never);
  const problems = await opened.sandboxes.problems();
  if (problems.length > 0) console.error(`${driver} is left out: ${problems.join(" ")}`);
  else await measureDriver(opened.sandboxes);
}

if (values.json) {
  console.log(JSON.stringify({ benchmark: "sandbox", rounds, rows }, null, 2));
} else {
  console.log(`Sandboxes, ${rounds} rounds each, milliseconds`);
  console.log(`${"".padEnd(12)}${"".padEnd(24)}${"p50".padStart(9)}${"p99".padStart(9)}`);
  for (const { driver, what, p50Ms, p99Ms } of rows) {
    const numbers = [p50Ms, p99Ms].map((ms) => ms.toFixed(2).padStart(9)).join("");
    console.log(`${driver.padEnd(12)}${what.padEnd(24)}${numbers}`);
  }
}
