// Opens real sandboxes for tests and reads their results as text.
import { readdir, readFile } from "node:fs/promises";
import { afterEach, describe, inject } from "vitest";
import { nameLabel } from "../../rollout-agent/src/sandbox/container/container-settings.ts";
import { DockerEngine } from "../../rollout-agent/src/sandbox/container/docker-engine.ts";
import type {
  Command,
  ExecResult,
  Sandbox,
  SandboxLimits,
  SandboxMount,
  SandboxOptions,
  SandboxProvider,
  SandboxState,
} from "../../rollout-agent/src/sandbox/sandbox.ts";
import { createSandboxProvider, type GivenSandboxes } from "../support/given-sandboxes.ts";

const MiB = 1024 * 1024;

export const never: AbortSignal = new AbortController().signal;

/** Of the drivers beside bubblewrap, the one whose project this is. */
const given: GivenSandboxes | undefined = inject("sandboxes");

export const provider: SandboxProvider = createSandboxProvider(given);

/** Skipped, with the reason in its name, where the driver cannot be started. */
export function describeSandbox(name: string, body: () => void): void {
  const reason = given?.reason ?? null;
  describe.skipIf(reason !== null)(reason === null ? `${provider.name}: ${name}` : `${name} (${reason})`, body);
}

/** gVisor's, which says some things in other words than Linux. */
export const isUserSpaceKernel: boolean = given?.driver === "gvisor";

/** An emulated processor takes many times as long; a limit of time that a test sets is multiplied by this. */
export const slowness = given?.driver === "vm" ? 6 : 1;
const timeoutMs = 20_000 * slowness;

/** Images have Node, and this machine's npm. */
const tools: SandboxMount[] = given === undefined ? [] : [{ source: given.npmFolder, target: "/opt/npm" }];

/** Whether sandboxes have the programs of an image instead of this machine's. */
export const isInImage: boolean = given !== undefined;

/** Whose sandboxes have npm, whoever opens them. */
export const providerWithTools: SandboxProvider = {
  name: provider.name,
  problems: () => provider.problems(),
  open: (options, signal) => provider.open({ ...options, mounts: [...tools, ...(options.mounts ?? [])] }, signal),
};

export interface Ran extends ExecResult {
  text: string;
}

export interface TestSandbox {
  sandbox: Sandbox;
  run: (script: string, options?: Partial<Omit<Command, "script">>) => Promise<Ran>;
  state: () => Promise<SandboxState>;
}

const opened: Sandbox[] = [];
let count = 0;

/** A sandbox that is closed when the test ends. */
export async function openSandbox(
  limits: Partial<SandboxLimits> = {},
  more: Partial<Pick<SandboxOptions, "mounts" | "image" | "network" | "onEgress">> = {},
): Promise<TestSandbox> {
  const sandbox = await provider.open(
    {
      id: `ep-test-${process.pid}-${count++}`,
      limits: { memoryBytesMax: 512 * MiB, diskBytesMax: 64 * MiB, processesMax: 128, ...limits },
      ...more,
      mounts: [...tools, ...(more.mounts ?? [])],
    },
    never,
  );
  return testSandbox(sandbox);
}

/** Closed when the test ends. */
export function testSandbox(sandbox: Sandbox): TestSandbox {
  opened.push(sandbox);
  return {
    sandbox,
    state: () => sandbox.state(never),
    run: async (script, options = {}) => {
      const command = { timeoutMs, outputBytesMax: 64 * 1024, outputBytesKill: 16 * MiB, ...options, script };
      const result = await sandbox.exec(command, never);
      return { ...result, text: Buffer.from(result.output).toString("utf8") };
    },
  };
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((sandbox) => sandbox.close()));
});

/** Host processes of the sandbox: its guest or its machine, and what waits for it. gVisor's know the container only. */
export async function processesOf(id: string): Promise<number[]> {
  const containers = given?.driver === "gvisor" ? await containersOf(id, given.socketPath) : [];
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const owned = await Promise.all(
    pids.map(async (pid) => {
      const words = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0");
      if (words.some((word) => containers.includes(word))) return true;
      return words.some((word) => word.endsWith("hindcast-guest") || word === "-name") && words.includes(id);
    }),
  );
  return pids.filter((_, index) => owned[index]).map(Number);
}

async function containersOf(id: string, socketPath: string): Promise<string[]> {
  const filters = encodeURIComponent(JSON.stringify({ label: [`${nameLabel}=${id}`] }));
  const found = await new DockerEngine(socketPath).get<{ Id: string }[]>(`/containers/json?filters=${filters}`);
  return found.map(({ Id }) => Id);
}
