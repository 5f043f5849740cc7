// Looks at what a browser uses, and ends it above its limits: control groups do so only where the agent may make some.
// What is counted is what no size of a file system bounds: memory of processes, and threads.
import { readdirSync, readFileSync } from "node:fs";

/** A machine writes about so much; the nearer the limit, the sooner the next look. */
const bytesPerMs = 4 * 1024 * 1024;
const lookMsMin = 25;
const lookMsMax = 250;

export interface BrowserUse {
  /** Anonymous memory of all processes, in swap too, and the largest share of shared memory that one has. */
  memoryBytes: number;
  threads: number;
}

export interface BrowserCaps {
  memoryBytesMax: number;
  threadsMax: number;
}

/** @param pid of the outermost process; all below it count */
export class BrowserWatch implements Disposable {
  readonly #pid: number;
  readonly #caps: BrowserCaps;
  #timer: NodeJS.Timeout | undefined;
  #excess: string | null = null;

  constructor(pid: number, caps: BrowserCaps) {
    this.#pid = pid;
    this.#caps = caps;
    this.#look();
  }

  /** Why the browser was ended; null: it was not, not by this. */
  get excess(): string | null {
    return this.#excess;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #look(): void {
    const use = useOf(this.#pid);
    if (use === null) return;
    this.#excess = excessOf(use, this.#caps);
    if (this.#excess !== null) {
      end(this.#pid);
      return;
    }
    const left = this.#caps.memoryBytesMax - use.memoryBytes;
    const afterMs = Math.min(lookMsMax, Math.max(lookMsMin, left / bytesPerMs));
    this.#timer = setTimeout(() => this.#look(), afterMs);
    this.#timer.unref();
  }
}

export function excessOf({ memoryBytes, threads }: BrowserUse, caps: BrowserCaps): string | null {
  if (memoryBytes > caps.memoryBytesMax) {
    return `it took ${formatMebibytes(memoryBytes)} of memory and may take ${formatMebibytes(caps.memoryBytesMax)}`;
  }
  return threads > caps.threadsMax ? `it ran ${threads} threads and may run ${caps.threadsMax}` : null;
}

function formatMebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}

/** Null where the process is gone. */
export function useOf(pid: number): BrowserUse | null {
  const use: BrowserUse = { memoryBytes: 0, threads: 0 };
  let shared = 0;
  let isThere = false;
  const open = [pid];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    try {
      const status = readFileSync(`/proc/${at}/status`, "utf8");
      const kibibytes = (name: string): number =>
        1_024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1] ?? 0);
      use.memoryBytes += kibibytes("RssAnon") + kibibytes("VmSwap");
      shared = Math.max(shared, kibibytes("RssShmem"));
      const threads = readdirSync(`/proc/${at}/task`);
      use.threads += threads.length;
      for (const thread of threads) open.push(...childrenOf(at, thread));
      isThere = true;
    } catch {
      // Ended while it was looked at.
    }
  }
  use.memoryBytes += shared;
  return isThere ? use : null;
}

/** A process belongs to the thread that started it; a thread that has just ended has passed its own on to another. */
function childrenOf(pid: number, thread: string): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").trim();
    return children === "" ? [] : children.split(" ").map(Number);
  } catch {
    return [];
  }
}

/** All namespaces of the browser go with their first process, and that goes with the outermost. */
function end(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It was gone already.
  }
}
