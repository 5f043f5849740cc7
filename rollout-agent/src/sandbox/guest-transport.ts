// How a guest is started and reached. A driver isolates and starts `hindcast-guest` inside; all else (sessions, files,
// snapshots, connections) is the guest's, the same for every driver.
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { messageOf } from "@hindcast/shared";
import type { SandboxOptions } from "./sandbox.ts";

/** Of what a driver or a guest say on their error stream; the last bytes tell why it failed. */
const complaintBytesMax = 4_096;

/** A guest that has been started, until it and everything inside is gone. */
export interface GuestTransport {
  /** To the guest; ending it asks the guest to end. */
  readonly input: Writable;
  /** From the guest. */
  readonly output: Readable;
  /** Resolves, with how it ended, once every process inside and every mount is gone. Never rejects. */
  readonly ended: Promise<string>;
  /** What the isolation and the guest have said on their error streams. */
  complaint(): string;
  /** Ends everything inside at once; `ended` tells when that is done. */
  kill(): void;
}

/** Starts guests inside one kind of isolation. */
export interface GuestDriver {
  readonly name: string;
  /** Whether it can do as `isNetworkSilent` asks. @default false */
  readonly losesPackets?: boolean;
  /** What this machine lacks, with the remedy; cheap, and asked before each start. */
  missing(): Promise<string[]>;
  /**
   * @param options.id already names the cluster
   * @throws Error with whatever the isolation said
   */
  start(options: SandboxOptions, signal: AbortSignal): Promise<GuestTransport>;
  /** What `init` tells the guest. */
  world(options: SandboxOptions): GuestWorld;
  /** A sentence with the remedy for a complaint. */
  explain(complaint: string): string;
}

export interface GuestWorld {
  environment: readonly (readonly [name: string, value: string])[];
  /** Made where they do not exist yet. */
  files: readonly (readonly [path: string, content: string])[];
  /** For a machine that may have slept since it was booted, with bytes that no other copy of it gets. */
  refresh?: { nowMs: number; entropy: readonly number[] };
}

/** The last words of a stream of errors. */
export class Complaint {
  #text = "";

  add(chunk: Uint8Array): void {
    this.#text = (this.#text + Buffer.from(chunk).toString("utf8")).slice(-complaintBytesMax);
  }

  get text(): string {
    return this.#text.trim();
  }
}

/**
 * A guest behind the standard input and output of a process of ours, which ends with it.
 * @param console what else tells why it failed, beside the error stream
 */
export function processTransport(child: ChildProcess, console: Readable | null = null): GuestTransport {
  const { stdin, stdout, stderr } = child;
  if (stdin === null || stdout === null) throw new Error("a guest's process needs pipes");
  const complaint = new Complaint();
  for (const stream of [stderr, console]) stream?.on("data", (chunk: Buffer) => complaint.add(chunk));
  child.on("error", (error) => complaint.add(Buffer.from(`${error.message}\n`)));
  const ended = once(child, "close").then(
    ([code, signal]) => `it ended with ${signal === null ? `exit code ${String(code)}` : String(signal)}`,
    (error: unknown) => messageOf(error),
  );
  const kill = (): void => void child.kill("SIGKILL");
  return { input: stdin, output: stdout, ended, complaint: () => complaint.text, kill };
}
