// What a sandbox costs with each driver that this machine can start: opening one, a command, state, snapshot, restore,
// fork, a connection; against the bare tool under it, in the same run.
//
//   npm run bench -- sandbox [--drivers bubblewrap,container,gvisor,vm] [--rounds 200] [--seconds 10] [--json] [--publish]
//
// A row ends after so many rounds or seconds, whichever comes first. `--publish` writes the table into
// rollout-agent/README.md.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { cpus } from "node:os";
import { findKernel } from "../../rollout-agent/src/sandbox/machine/machine-kernel.ts";
import { qemuPath } from "../../rollout-agent/src/sandbox/machine/qemu.ts";
import type { Sandbox, SandboxProvider } from "../../rollout-agent/src/sandbox/sandbox.ts";
import { type Driver, drivers } from "../security/drivers.ts";
import { textTable, writeIntoPage } from "./page-table.ts";
import { machine, option, quantile } from "./statistics.ts";

const rounds = option("rounds", 200);
const secondsMax = option("seconds", 10);
const warmUpRounds = 3;
const never = new AbortController().signal;
const limits = { memoryBytesMax: 2 ** 29, diskBytesMax: 2 ** 26, processesMax: 128 };
const command = { timeoutMs: 60_000, outputBytesMax: 8_000, outputBytesKill: 1_000_000 };
const docker = ["/usr/local/bin/docker", "/usr/bin/docker"].find((path) => existsSync(path)) ?? null;

interface Row {
  driver: string;
  what: string;
  samples: number;
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
  const until = performance.now() + secondsMax * 1_000;
  for (let round = -warmUpRounds; round < rounds && (performance.now() < until || times.length === 0); round += 1) {
    const startedAt = performance.now();
    const made = await work(round);
    if (round >= 0) times.push(performance.now() - startedAt);
    await after?.(made);
  }
  rows.push({ driver, what, samples: times.length, p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99) });
}

async function bare(program: string, args: readonly string[]): Promise<void> {
  const child = spawn(program, args, { stdio: "ignore" });
  await once(child, "exit");
}

const usr = ["--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib"];
const namespaces = ["--unshare-all", ...usr, "--symlink", "usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev"];

/** The least that the tool under a driver can do: start what it starts, run nothing, and be gone. */
async function measureBare(name: string, { given }: Driver): Promise<void> {
  if (name === "bubblewrap") {
    await measure(name, "bare: bwrap … true", () => bare("/usr/bin/bwrap", [...namespaces, "true"]));
    await measure(name, "bare: bash -c true", () => bare("bash", ["-c", "true"]));
  }
  if ((name === "container" || name === "gvisor") && docker !== null && given !== null) {
    const runtime = name === "gvisor" ? ["--runtime", "runsc"] : [];
    const image = `hindcast-image:${given.image.hash.slice(0, 32)}`;
    const args = ["-H", `unix://${given.socketPath}`, "run", "--rm", "--network", "none", "--read-only", ...runtime];
    await measure(name, "bare: docker run … true", () => bare(docker, [...args, image, "true"]));
  }
  const kernel = name === "vm" && given !== null ? await findKernel(given.folder) : null;
  if (kernel === null) return;
  // Without a root it panics, and QEMU ends: what is measured is the boot of the same kernel, and nothing of ours.
  const machineArguments = ["-machine", "q35,accel=tcg", "-cpu", "max", "-m", "768M", "-nodefaults", "-no-user-config"];
  const boot = [
    "-display",
    "none",
    "-no-reboot",
    "-kernel",
    kernel,
    "-append",
    "quiet panic=-1 reboot=t no_timer_check",
  ];
  await measure(name, "bare: qemu boots a kernel", () => bare(qemuPath, [...machineArguments, ...boot]));
}

async function measureDriver(name: string, sandboxes: SandboxProvider): Promise<void> {
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
  const tty = { columns: 80, rows: 24 };
  await measure(name, "exec true at a terminal", () => sandbox.exec({ ...command, script: "true", tty }, never));
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
    () => sandbox.connect(7_000),
    (stream) => stream.destroy(),
  );
}

const at = process.argv.indexOf("--drivers");
const asked = at === -1 ? Object.keys(drivers) : (process.argv[at + 1] ?? "").split(",");
for (const name of asked) {
  const start = drivers[name];
  if (start === undefined) throw new Error(`${name} is none of the drivers ${Object.keys(drivers).join(", ")}`);
  await using driver = await start();
  if (driver.problems.length > 0) {
    console.error(`${name} is left out: ${driver.problems.join(" ")}`);
    continue;
  }
  await measureDriver(name, driver.provider);
  await measureBare(name, driver);
}

const ms = (value: number): string => value.toFixed(value < 100 ? 1 : 0);
const table = [
  ["driver", "what", "p50 ms", "p99 ms", "samples"],
  ...rows.map((row) => [row.driver, row.what, ms(row.p50Ms), ms(row.p99Ms), String(row.samples)]),
];
const heading = `\`npm run bench -- sandbox\` on ${new Date().toISOString().slice(0, 10)}, ${machine(cpus())}; virtual machines are emulated.`;
if (process.argv.includes("--json")) console.log(JSON.stringify({ benchmark: "sandbox", rounds, rows }, null, 2));
else console.log(textTable(table));
if (process.argv.includes("--publish")) {
  writeIntoPage(new URL("../../rollout-agent/README.md", import.meta.url), "sandboxes", { heading, rows: table });
}
