// Keeps an index equal to the demonstrations stream: replays it from the start, then follows. There is no state of its
// own on disk; a restarted replica is a new one that catches up.
import { setTimeout as delay } from "node:timers/promises";
import { type DemonstrationId, HindcastError, limits, messageOf } from "@hindcast/shared";
import type { DemonstrationEntry, DemonstrationLog, Logger } from "@hindcast/shared/node";
import type { DemonstrationIndex } from "./demonstration-index.ts";

/** How often the stream is checked for having been replaced by a shorter one. */
const checkEveryMs = 10_000;
const streamPollMs = 500;

export interface ProjectionOptions {
  log: Pick<DemonstrationLog, "follow" | "lastSequence">;
  index: Pick<DemonstrationIndex, "upsert" | "remove">;
  logger: Logger;
  /** Told of each entry that could not be indexed. */
  onRejected?: () => void;
}

interface Waiter {
  sequence: number;
  reached: () => void;
}

export class DemonstrationProjection {
  readonly #options: ProjectionOptions;
  readonly #waiters = new Set<Waiter>();
  readonly #stop = new AbortController();
  #pending: DemonstrationEntry[] = [];
  #applying: Promise<void> | null = null;
  #appliedSequence = 0;

  constructor(options: ProjectionOptions) {
    this.#options = options;
  }

  /** Sequence of the stream up to which the index is complete. */
  get appliedSequence(): number {
    return this.#appliedSequence;
  }

  /**
   * Follows until `signal` aborts.
   * @throws INDEX_CORRUPT when the stream is no longer the one that was indexed: only a restart helps
   */
  async run(signal: AbortSignal): Promise<void> {
    const stop = AbortSignal.any([signal, this.#stop.signal]);
    const check = setInterval(() => this.#check(), checkEveryMs);
    try {
      for await (const entry of this.#options.log.follow(1, stop)) {
        this.#pending.push(entry);
        this.#applying ??= this.#applyPending();
        if (this.#pending.length >= limits.projectionBatchMax) await this.#applying;
      }
      await this.#applying;
    } finally {
      clearInterval(check);
    }
    if (this.#stop.signal.aborted) throw this.#stop.signal.reason;
  }

  /** Resolves when everything that the stream held at the time of the call is in the index. */
  async catchUp(signal: AbortSignal): Promise<void> {
    await this.reached(await this.#streamEnd(signal), AbortSignal.any([signal, this.#stop.signal]));
  }

  /** Resolves once `sequence` is applied. @throws the signal's reason when that comes first. */
  async reached(sequence: number, signal: AbortSignal): Promise<void> {
    if (sequence <= this.#appliedSequence) return;
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter = { sequence, reached: resolve };
    const onAbort = (): void => reject(signal.reason);
    this.#waiters.add(waiter);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      await promise;
    } finally {
      this.#waiters.delete(waiter);
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Messages of the stream that are not yet in the index. */
  async lag(): Promise<number> {
    return Math.max(0, (await this.#options.log.lastSequence()) - this.#appliedSequence);
  }

  /** A coordinator creates the stream; a replica may be up before it. */
  async #streamEnd(signal: AbortSignal): Promise<number> {
    const deadline = performance.now() + limits.streamWaitMsMax;
    for (;;) {
      try {
        return await this.#options.log.lastSequence();
      } catch (error) {
        const isMissing = error instanceof HindcastError && error.code === "BUS_NOT_FOUND";
        if (!isMissing || performance.now() > deadline) throw error;
        await delay(streamPollMs, undefined, { signal });
      }
    }
  }

  async #applyPending(): Promise<void> {
    try {
      while (this.#pending.length > 0) {
        const entries = this.#pending.splice(0, limits.projectionBatchMax);
        await this.#apply(entries);
        this.#advance(entries.at(-1)?.sequence ?? 0);
      }
    } catch (error) {
      this.#stop.abort(error);
    } finally {
      this.#applying = null;
    }
  }

  async #apply(entries: DemonstrationEntry[]): Promise<void> {
    const newest = [...new Map(entries.map((entry) => [entry.id, entry])).values()];
    for (const { id, sequence, problem } of entries) if (problem !== null) this.#reject(id, sequence, problem);
    const demonstrations = newest.flatMap((entry) => entry.demonstration ?? []);
    // An unreadable message has replaced a readable one, which a rebuilt index would not find any more either.
    const gone = newest.filter((entry) => entry.demonstration === null).map((entry) => entry.id);
    if (gone.length > 0) await this.#options.index.remove(gone);
    if (demonstrations.length === 0) return;
    try {
      await this.#options.index.upsert(demonstrations);
    } catch (error) {
      if (!(error instanceof HindcastError && error.code === "INDEX_INVALID")) throw error;
      await this.#applyOneByOne(newest);
    }
  }

  /** A demonstration that the index refuses must not keep its neighbours out. */
  async #applyOneByOne(entries: DemonstrationEntry[]): Promise<void> {
    for (const { id, sequence, demonstration } of entries) {
      if (demonstration === null) continue;
      try {
        await this.#options.index.upsert([demonstration]);
      } catch (error) {
        if (!(error instanceof HindcastError && error.code === "INDEX_INVALID")) throw error;
        this.#reject(id, sequence, error.message);
        await this.#options.index.remove([id]);
      }
    }
  }

  #reject(id: DemonstrationId, sequence: number, problem: string): void {
    this.#options.logger.warn({ event: "demonstration.rejected", demonstrationId: id, sequence, problem });
    this.#options.onRejected?.();
  }

  #advance(sequence: number): void {
    this.#appliedSequence = sequence;
    for (const waiter of this.#waiters) if (waiter.sequence <= sequence) waiter.reached();
  }

  #check(): void {
    void this.#options.log.lastSequence().then(
      (last) => {
        if (last >= this.#appliedSequence) return;
        const message = `the demonstrations stream ends at ${last} but ${this.#appliedSequence} is indexed: it was replaced; restart to index the new one`;
        this.#stop.abort(new HindcastError({ code: "INDEX_CORRUPT", boundary: "index", message }));
      },
      (error: unknown) => this.#options.logger.warn({ event: "stream.unchecked", problem: messageOf(error) }),
    );
  }
}
