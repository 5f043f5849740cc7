// A process of the simulation: code that runs in its asynchronous context, with a clock of its own, that can be stopped
// and continued (SIGSTOP, SIGCONT) or killed (SIGKILL) between any two events.
import { AsyncLocalStorage } from "node:async_hooks";
import type { Random } from "../random.ts";
import type { Event, Scheduler } from "./scheduler.ts";

const context = new AsyncLocalStorage<SimulatedProcess>();

/** The process whose code is running, or undefined outside any simulation. */
export const currentProcess = (): SimulatedProcess | undefined => context.getStore();

/** How a process's clocks are wrong. */
export interface Skew {
  /** Added to its wall clock. */
  offsetMs: number;
  /** Its seconds per true second. */
  rate: number;
}

export class SimulatedProcess {
  readonly name: string;
  readonly scheduler: Scheduler;
  readonly random: Random;
  state: "running" | "paused" | "killed" = "running";
  skew: Skew = { offsetMs: 0, rate: 1 };
  /** Told when it is killed: its connections break. */
  readonly onKill: (() => void)[] = [];
  readonly #startedAt: number;
  /** What came due while it was paused. */
  #held: Event[] = [];

  constructor(name: string, scheduler: Scheduler, random: Random) {
    this.name = name;
    this.scheduler = scheduler;
    this.random = random;
    this.#startedAt = scheduler.now;
  }

  /** Its wall clock, epoch milliseconds. */
  wallMs(): number {
    return Math.floor(this.scheduler.now + this.skew.offsetMs);
  }

  /** Its monotonic clock. */
  monotonicMs(): number {
    return (this.scheduler.now - this.#startedAt) * this.skew.rate;
  }

  after(delayMs: number, run: () => void): Event {
    return this.scheduler.after(Math.max(1, delayMs) / this.skew.rate, this, run);
  }

  /** Runs `work` as this process. */
  enter<T>(work: () => T): T {
    return context.run(this, work);
  }

  /** Runs an event that is due. @returns false when it was dropped or put off. */
  take(event: Event): boolean {
    if (this.state === "killed") return false;
    if (this.state === "paused") {
      this.#held.push(event);
      return false;
    }
    context.run(this, event.run);
    return true;
  }

  pause(): void {
    if (this.state === "running") this.state = "paused";
  }

  /** Everything that came due meanwhile happens now, in the order in which it came. */
  resume(): void {
    if (this.state !== "paused") return;
    this.state = "running";
    const held = this.#held;
    this.#held = [];
    for (const event of held)
      if (!event.isCancelled) this.scheduler.after(0, this, () => void (event.isCancelled || event.run()));
  }

  kill(): void {
    if (this.state === "killed") return;
    this.state = "killed";
    this.#held = [];
    for (const listener of this.onKill) listener();
  }
}
