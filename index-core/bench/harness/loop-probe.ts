// What an event loop's long turns consist of: computing, waiting for a core, collecting garbage. Wall time alone cannot
// tell them apart where several processes share few cores.
//
// Used in the benchmark's own process, and loaded into the service's by `--import`, where the parent begins and ends
// measurements and changes settings by messages.
import { openSync, readSync } from "node:fs";
import { PerformanceObserver } from "node:perf_hooks";
import { setFlagsFromString } from "node:v8";
import { limits } from "@hindcast/shared";

/** Turns that take longer hold up everything that arrives meanwhile. */
const longMs = 5;
const sampleEveryMs = 1;

/** Milliseconds, but `turns`, of the turns longer than `longMs`. */
export interface LongTurns {
  turns: number;
  all: number;
  computing: number;
  /** Ready to run while others had the cores. */
  waiting: number;
  /** Pauses of the garbage collector in the whole measurement, which are computing and waiting, too. */
  collecting: number;
  longest: number;
  longestCollection: number;
}

/** What differs between two measurements of one process. */
export interface Setting {
  gatherMs: number;
  isScavengingAlone: boolean;
}

export type ProbeRequest = { ask: "begin"; setting: Setting } | { ask: "end" };

export class LoopProbe {
  readonly #descriptor = openSync(`/proc/self/task/${process.pid}/schedstat`, "r");
  readonly #bytes = Buffer.alloc(128);
  readonly #pauses: number[] = [];
  #timer: NodeJS.Timeout | null = null;
  #at = this.#now();
  #long: LongTurns = nothing();

  constructor() {
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) this.#pauses.push(duration);
    }).observe({ entryTypes: ["gc"] });
  }

  begin(): void {
    this.#long = nothing();
    this.#pauses.length = 0;
    this.#at = this.#now();
    this.#timer = setInterval(() => this.#sample(), sampleEveryMs);
  }

  end(): LongTurns {
    if (this.#timer !== null) clearInterval(this.#timer);
    const collecting = this.#pauses.reduce((sum, pause) => sum + pause, 0);
    return { ...this.#long, collecting, longestCollection: Math.max(0, ...this.#pauses) };
  }

  #sample(): void {
    const before = this.#at;
    this.#at = this.#now();
    const wall = this.#at.wall - before.wall;
    if (wall < longMs) return;
    this.#long.turns += 1;
    this.#long.all += wall;
    this.#long.computing += this.#at.cpu - before.cpu;
    this.#long.waiting += this.#at.waited - before.waited;
    this.#long.longest = Math.max(this.#long.longest, wall);
  }

  #now(): { wall: number; cpu: number; waited: number } {
    const length = readSync(this.#descriptor, this.#bytes, 0, this.#bytes.length, 0);
    const waited = Number(this.#bytes.toString("latin1", 0, length).split(" ")[1]) / 1e6;
    const { user, system } = process.threadCpuUsage();
    return { wall: performance.now(), cpu: (user + system) / 1_000, waited };
  }
}

const nothing = (): LongTurns => ({
  turns: 0,
  all: 0,
  computing: 0,
  waiting: 0,
  collecting: 0,
  longest: 0,
  longestCollection: 0,
});

function apply({ gatherMs, isScavengingAlone }: Setting): void {
  Object.assign(limits, { projectionGatherMs: gatherMs });
  setFlagsFromString(isScavengingAlone ? "--no-parallel-scavenge" : "--parallel-scavenge");
}

/** In the service's process. */
function listen(): void {
  const probe = new LoopProbe();
  process.on("message", (request: ProbeRequest) => {
    if (request.ask === "end") return process.send?.(probe.end());
    apply(request.setting);
    probe.begin();
  });
  // It does not keep the service from ending.
  process.channel?.unref();
}

if (process.channel !== undefined) listen();
