// What processes take of the processor while something is measured: what a rate is bound by.
import { readFileSync } from "node:fs";

/** Clock ticks a second of `/proc/<pid>/stat`; Linux has had this value on every platform for twenty years. */
const ticksPerSecond = 100;

export class ProcessorShares {
  readonly #pids: Readonly<Record<string, number>>;
  readonly #before: Record<string, number>;
  readonly #startedAt = performance.now();

  /** Counts from now on. */
  constructor(pids: Readonly<Record<string, number>>) {
    this.#pids = pids;
    this.#before = this.#seconds();
  }

  /** Percent of one core, by name. */
  read(): Record<string, number> {
    const elapsed = (performance.now() - this.#startedAt) / 1_000;
    const now = this.#seconds();
    return Object.fromEntries(
      Object.keys(this.#pids).map((name) => [name, (100 * ((now[name] ?? 0) - (this.#before[name] ?? 0))) / elapsed]),
    );
  }

  #seconds(): Record<string, number> {
    return Object.fromEntries(Object.entries(this.#pids).map(([name, pid]) => [name, secondsOf(pid)]));
  }
}

/** User and system time of all threads; the program's name, which may hold spaces, stands in brackets before. */
function secondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}
