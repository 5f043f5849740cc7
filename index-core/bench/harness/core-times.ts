// How much of the cores processes have, and how long their threads wait for one.
import { readdirSync, readFileSync } from "node:fs";

/** Percent of one core, over all threads. */
export interface CoreTimes {
  running: number;
  waiting: number;
}

type Counted = Record<"run" | "wait", number>;

export class CoreTimer {
  readonly #pids: Readonly<Record<string, number>>;
  readonly #before: Map<string, Counted>;
  readonly #startedAt = performance.now();

  /** Counts from now on. */
  constructor(pids: Readonly<Record<string, number>>) {
    this.#pids = pids;
    this.#before = new Map(Object.values(pids).flatMap((pid) => [...threadsOf(pid)]));
  }

  read(): Record<string, CoreTimes> {
    const percent = 100 / ((performance.now() - this.#startedAt) * 1e6);
    const times = Object.entries(this.#pids).map(([name, pid]): [string, CoreTimes] => {
      const sum = { running: 0, waiting: 0 };
      for (const [thread, { run, wait }] of threadsOf(pid)) {
        const before = this.#before.get(thread) ?? { run: 0, wait: 0 };
        sum.running += (run - before.run) * percent;
        sum.waiting += (wait - before.wait) * percent;
      }
      return [name, sum];
    });
    return Object.fromEntries(times);
  }
}

/** Nanoseconds so far, by thread. */
function threadsOf(pid: number): Map<string, Counted> {
  const counted = new Map<string, Counted>();
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const [run = 0, wait = 0] = readIfThere(`/proc/${pid}/task/${thread}/schedstat`).split(" ").map(Number);
    counted.set(thread, { run, wait });
  }
  return counted;
}

/** A thread may end between being listed and being read. */
function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ESRCH")) return "0 0";
    throw error;
  }
}
