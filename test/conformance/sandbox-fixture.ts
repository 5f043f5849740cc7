// Opens real sandboxes for tests and reads their results as text.
import { readdir, readFile } from "node:fs/promises";
import { afterEach } from "vitest";
import { createBubblewrap, defaultGuestPath } from "../../rollout-agent/src/sandbox/bubblewrap.ts";
import type {
  Command,
  ExecResult,
  Sandbox,
  SandboxLimits,
  SandboxProvider,
  SandboxState,
} from "../../rollout-agent/src/sandbox/sandbox.ts";

const MiB = 1024 * 1024;

export const never: AbortSignal = new AbortController().signal;

export const provider: SandboxProvider = createBubblewrap({ guestPath: defaultGuestPath, log: { debug: () => {} } });

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
export async function openSandbox(limits: Partial<SandboxLimits> = {}): Promise<TestSandbox> {
  const sandbox = await provider.open(
    {
      id: `ep-test-${process.pid}-${count++}`,
      limits: { memoryBytesMax: 512 * MiB, diskBytesMax: 64 * MiB, processesMax: 128, ...limits },
    },
    never,
  );
  opened.push(sandbox);
  return {
    sandbox,
    state: () => sandbox.state(never),
    run: async (script, options = {}) => {
      const command = { timeoutMs: 20_000, outputBytesMax: 64 * 1024, outputBytesKill: 16 * MiB, ...options, script };
      const result = await sandbox.exec(command, never);
      return { ...result, text: Buffer.from(result.output).toString("utf8") };
    },
  };
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((sandbox) => sandbox.close()));
});

/** Host processes of the sandbox: its guest, and bubblewrap waiting for it. */
export async function processesOf(id: string): Promise<number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const owned = await Promise.all(
    pids.map(async (pid) => {
      const words = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0");
      return words.some((word) => word.endsWith("hindcast-guest")) && words.includes(id);
    }),
  );
  return pids.filter((_, index) => owned[index]).map(Number);
}
