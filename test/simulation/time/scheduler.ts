// Virtual time: a queue of events, the earliest first. Between two events everything that the first one set in motion
// (promises, `process.nextTick`) comes to rest, so that a run depends on its seed and on nothing else.
import { setImmediate as realSetImmediate } from "node:timers";
import type { SimulatedProcess } from "./process.ts";

export interface Event {
  /** Virtual milliseconds since the epoch. */
  at: number;
  /** Whose event it is: it waits while that process is paused and is dropped with it. Null: the world's. */
  process: SimulatedProcess | null;
  run: () => void;
  isCancelled: boolean;
  order: number;
}

/** What a server needs of time, virtual or real. */
export interface Timeline {
  /** Milliseconds since the epoch. */
  readonly now: number;
  after(delayMs: number, process: null, run: () => void): { isCancelled: boolean };
}

export class Scheduler implements Timeline {
  /** Virtual milliseconds since the epoch. */
  now: number;
  /** Events that were run so far. */
  count = 0;
  readonly #heap: Event[] = [];
  #order = 0;

  constructor(startMs: number) {
    this.now = startMs;
  }

  after(delayMs: number, process: SimulatedProcess | null, run: () => void): Event {
    const event = { at: this.now + Math.max(0, delayMs), process, run, isCancelled: false, order: this.#order++ };
    this.#push(event);
    return event;
  }

  /** Runs events until `isOver`, until there are none, or until virtual time reaches `untilMs`. */
  async run(isOver: () => boolean, untilMs: number): Promise<"over" | "idle" | "late"> {
    for (;;) {
      if (isOver()) return "over";
      const event = this.#heap[0];
      if (event === undefined) return "idle";
      if (event.at > untilMs) return "late";
      this.#pop();
      if (event.isCancelled) continue;
      this.now = Math.max(this.now, event.at);
      this.count += 1;
      if (event.process === null) event.run();
      else if (event.process.take(event)) await atRest();
    }
  }

  /** Lets what was set in motion outside an event come to rest. */
  settle(): Promise<void> {
    return atRest();
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

const isBefore = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

const atRest = (): Promise<void> => new Promise((resolve) => void realSetImmediate(resolve));
