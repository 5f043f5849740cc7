// Where commands run. A sandbox isolates; it knows nothing of tasks, models or the bus. One contract, several drivers
// (namespaces, containers, virtual machines): test/conformance/sandbox-*.test.ts holds for each of them.
import type { Duplex } from "node:stream";
import type { Effect, EgressRecord, NetworkPolicy } from "@hindcast/shared";
import type { EgressOptions } from "../egress/exchange.ts";

export interface SandboxLimits {
  memoryBytesMax: number;
  /** Of everything writable. */
  diskBytesMax: number;
  processesMax: number;
  /** Names of everything writable. @default 100,000 */
  filesMax?: number;
}

/** The system that is seen inside. It is never written to. */
export type ImageRef =
  /** The host's own /usr; only bubblewrap has it. */
  | { kind: "host" }
  /** A root file system made by the image cache (`image/`), which also keeps it in the forms that other drivers need. */
  | { kind: "root"; path: string; hash: string };

/** A folder of the host, read-only inside: a prepared Python environment, a cache of repositories. */
export interface SandboxMount {
  source: string;
  /** Absolute, and not inside a folder that commands may write. */
  target: string;
}

export interface SandboxOptions {
  /** Derived from episode and attempt; opening the same id again first removes what a dead process left. */
  id: string;
  limits: SandboxLimits;
  /** @default the driver's own */
  image?: ImageRef;
  /** @default none */
  mounts?: readonly SandboxMount[];
  /** Absolute paths that the root has no use for, as symbolic links to places that can be written. @default none */
  links?: Readonly<Record<string, string>>;
  /** @default none */
  network?: NetworkPolicy;
  /**
   * Connections to addresses outside wait until they time out, and are not refused at once: some tests look for that.
   * Only bubblewrap's sandboxes can; in the others it changes nothing. @default false
   */
  isNetworkSilent?: boolean;
  /** Of the agent's own making, never a campaign's: what its proxy does beyond the rules. @default nothing */
  egress?: Pick<EgressOptions, "opened" | "credentials" | "extraCertificates">;
  /** Told of each request that went to the egress proxy, allowed or not, once it has ended. */
  onEgress?: (record: EgressRecord) => void;
}

/** A pseudo-terminal. What comes out of it is data: nobody on this side answers or obeys an escape sequence. */
export interface Terminal {
  /** 1 to `limits.terminalCellsMax`. */
  columns: number;
  rows: number;
  /** What happens at it while the command runs, taken one by one and in order. @default nothing */
  events?: AsyncIterable<TerminalEvent>;
}

export type TerminalEvent =
  /** Typed; control characters mean what the terminal's settings say: 3 (ctrl-C) interrupts, 4 (ctrl-D) ends input. */
  | { kind: "type"; bytes: Uint8Array }
  | { kind: "resize"; columns: number; rows: number }
  /** To the processes in the foreground, whatever the terminal's settings. */
  | { kind: "signal"; name: "interrupt" | "quit" | "suspend" | "continue" | "hangup" | "terminate" | "kill" };

export interface Command {
  /** Bash source, run in the episode's session: directory, variables, functions and options persist. */
  script: string;
  timeoutMs: number;
  /** Output kept; the command is killed once it has printed `outputBytesKill`. */
  outputBytesMax: number;
  outputBytesKill: number;
  /** What the command reads, at most `limits.sandboxInputBytesMax`. @default nothing */
  stdin?: Uint8Array;
  /**
   * Runs the command at a terminal, which ends with it: what is printed goes through the terminal (lines end in CR LF,
   * what is typed is echoed) and `stdin` is typed first, without an end. @default none
   */
  tty?: Terminal;
  /** Called with each piece of output while the command runs, whole up to `outputBytesKill`. */
  onOutput?: (chunk: Uint8Array) => void;
}

export interface ExecResult {
  /** 0–255; null when it was killed. A signal inside the shell reads 128 + n, as bash has it. */
  exitCode: number | null;
  killed: "timeout" | "output" | "memory" | "processes" | "signal" | null;
  /** stdout and stderr in order of arrival; when longer than `outputBytesMax`, its head and its tail without a gap. */
  output: Uint8Array;
  /** Where in `output` bytes are missing; null when it is whole. */
  cutAt: number | null;
  /** Bytes printed in all. */
  outputBytes: number;
  workingDirectory: string;
  durationMs: number;
}

/** The writable world: equal hashes exactly when files (type, mode, content), links and working directory are equal. */
export interface SandboxState {
  stateHash: string;
  /** As `stateHash`, whatever the working directory. */
  filesHash: string;
  workingDirectory: string;
  effects: Effect[];
  effectsOmitted: number;
}

export interface Sandbox extends AsyncDisposable {
  readonly id: string;
  /**
   * @throws SANDBOX_LOST when the sandbox itself died, SANDBOX_TOO_LARGE, SANDBOX_UNAVAILABLE where a terminal was asked
   * for and cannot be had; a failing command is a result.
   */
  exec(command: Command, signal: AbortSignal): Promise<ExecResult>;
  /** The state now, with the effects since the last call of `state`. */
  state(signal: AbortSignal): Promise<SandboxState>;
  /** Each path of the writable world with a fingerprint of its type, mode and content: to say how two states differ. */
  entries(signal: AbortSignal): Promise<ReadonlyMap<string, string>>;
  /** Paths are relative to the workspace. @throws SANDBOX_FULL */
  writeFile(path: string, content: Uint8Array): Promise<void>;
  readFile(path: string, bytesMax: number): Promise<Uint8Array>;
  /** All writable files and the session as a compressed archive; null when above `bytesMax`. */
  snapshot(bytesMax: number, signal: AbortSignal): Promise<Uint8Array | null>;
  /** Replaces all writable files and the session. @throws SANDBOX_TOO_LARGE, SANDBOX_LOST */
  restore(snapshot: Uint8Array, signal: AbortSignal): Promise<void>;
  /**
   * A second sandbox of the same image, limits and network with equal files and an equal session; processes are not
   * carried over. @throws SANDBOX_TOO_LARGE above `limits.snapshotBytesMax`, SANDBOX_UNAVAILABLE, SANDBOX_LOST
   */
  fork(id: string, signal: AbortSignal): Promise<Sandbox>;
  /**
   * A connection to a TCP port that something inside listens on, at its loopback address. It belongs to the caller
   * alone: no port of the host is opened. @throws SANDBOX_PORT_CLOSED, SANDBOX_LOST
   */
  connect(port: number): Promise<Duplex>;
  /** Kills every process inside and removes every trace; memoised. */
  close(): Promise<void>;
}

export interface SandboxProvider {
  readonly name: string;
  /** What is missing on this machine, with the remedy; empty when it can open sandboxes. */
  problems(): Promise<string[]>;
  /** @throws SANDBOX_UNAVAILABLE naming what is missing. */
  open(options: SandboxOptions, signal: AbortSignal): Promise<Sandbox>;
}
