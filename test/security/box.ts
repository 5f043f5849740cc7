// What a probe attacks: a sandbox of a driver, or a weakened one, with the same few operations.
import type { SandboxLimits } from "../../rollout-agent/src/sandbox/sandbox.ts";

export const MiB: number = 1024 * 1024;

/** Small, so that a bomb that goes off does little harm to this machine. */
export const boxLimits: SandboxLimits = { memoryBytesMax: 96 * MiB, diskBytesMax: 16 * MiB, processesMax: 64 };

/** What one command may print before it is ended. */
export const outputBytesKill: number = 2 * MiB;

/** Says nothing of a sandbox: there was none, it was lost to its cluster, or it was too slow to be attacked. */
export class NotTried extends Error {}

export interface Ran {
  text: string;
  exitCode: number | null;
  killed: string | null;
  outputBytes: number;
  durationMs: number;
}

export interface Box {
  readonly id: string;
  /** Bash source; `./helper` is in the working directory. */
  run(script: string, timeoutMs?: number): Promise<Ran>;
  /** The text that a model or an operator would see of a command. */
  observe(script: string): Promise<string>;
  /** As an agent reads and writes files for an episode; paths are relative to the workspace. */
  readFile(path: string): Promise<string>;
  writeFile(path: string, content: Uint8Array): Promise<void>;
  /** Unpacks an archive of files over those that are there. */
  restore(archive: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

export interface Target {
  readonly name: string;
  /** An earlier box of the same id is gone when this resolves. */
  open(id: string): Promise<Box>;
}
