// Keeps an index equal to the demonstrations stream: replays it from where the index's last checkpoint ends, then
// follows. Messages are facts about one demonstration each, so applying some of them again changes nothing.
import { setTimeout as delay } from "node:timers/promises";
import {
  type Demonstration,
  type DemonstrationId,
  HindcastError,
  limits,
  messageOf,
  partitionOf,
} from "@hindcast/shared";
import type { DemonstrationEntry, DemonstrationLog, GraphLogEntry, Logger, LogEntry } from "@hindcast/shared/node";
import { CrashGuard } from "./crash-guard.ts";
import { endOfStream } from "./demonstrations-stream.ts";
import type { GraphLog } from "./graph-log.ts";
import { Pieces } from "./pieces.ts";
import type { TextEmbedder } from "./retrieval-index.ts";
import type { RejectionReason } from "./retrieval-metrics.ts";

/** How often the stream is checked for having been replaced. */
const checkEveryMs = 10_000;
const embedderRetryMsMax = 30_000;

export interface ProjectionOptions {
  log: Pick<DemonstrationLog, "follow" | "lastSequence">;
  /** Whether the log's stream is still the one that was there at the start. @default judged by its end alone */
  isSameStream?: () => Promise<boolean>;
  index: ProjectedIndex;
  logger: Logger;
  /** Told of each entry that could not be indexed. */
  onRejected?: (reason: RejectionReason) => void;
  /** Null: the index embeds by itself. */
  embedder?: TextEmbedder | null;
  /** Part of a divided corpus: other partitions' demonstrations are passed over. */
  partition?: { index: number; of: number };
  /** Where graphs follow the log. */
  graphs?: Pick<GraphLog, "apply" | "settle">;
  /** Remembers what ends the process. @default one that forgets */
  guard?: CrashGuard;
  /** Keeps a copy of a message that is passed over because it ended the process too often. */
  quarantine?: (sequence: number) => Promise<void>;
  /**
   * Writes what is applied up to a sequence. Called between two batches, after `checkpointMessagesMax` messages or
   * `checkpointEveryMs`; a failure is logged and costs a longer replay.
   */
  checkpoint?: (sequence: number) => Promise<void>;
}

export interface ProjectedIndex {
  /** Of the checkpoint that it was opened from; 0 if none. */
  readonly sequence: number;
  /** `sequences`: of each in the stream. */
  upsert(
    demonstrations: readonly Demonstration[],
    vectors?: Float32Array,
    sequences?: readonly number[],
  ): Promise<void>;
  remove(ids: readonly DemonstrationId[]): Promise<number>;
}

interface Waiter {
  sequence: number;
  reached: () => void;
}

export class DemonstrationProjection {
  readonly #options: ProjectionOptions;
  readonly #guard: CrashGuard;
  readonly #waiters = new Set<Waiter>();
  readonly #stop = new AbortController();
  /** Of the run: when it aborts, what is being applied is given up and comes again at the next start. */
  #signal: AbortSignal = this.#stop.signal;
  #pending: LogEntry[] = [];
  #applying: Promise<void> | null = null;
  #batchBeganAt = Number.NEGATIVE_INFINITY;
  /** Ends the wait for more entries. */
  #hurry: (() => void) | null = null;
  #appliedSequence: number;
  #checkpoint: { sequence: number; at: number };
  /** Up to here nobody is answered yet. */
  #catchingUpTo = 0;
  /** A batch was given up half way: the index holds rows beyond `appliedSequence`. */
  #isTorn = false;

  constructor(options: ProjectionOptions) {
    this.#options = options;
    this.#guard = options.guard ?? new CrashGuard(null);
    this.#appliedSequence = options.index.sequence;
    this.#checkpoint = { sequence: options.index.sequence, at: performance.now() };
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
    this.#signal = stop;
    const check = setInterval(() => this.#check(), checkEveryMs);
    try {
      // The log decodes one entry at a time, and has many at once after a burst.
      const pieces = new Pieces();
      for await (const entry of this.#options.log.follow(this.#appliedSequence + 1, stop)) {
        await pieces.rest();
        this.#pending.push(entry);
        this.#applying ??= this.#applyPending();
        if (this.#pending.length >= limits.projectionBatchMax) {
          this.#hurry?.();
          await this.#applying;
        }
      }
      this.#hurry?.();
      await this.#applying;
      if (!this.#stop.signal.aborted) await this.#writeCheckpoint();
    } finally {
      clearInterval(check);
    }
    if (this.#stop.signal.aborted) throw this.#stop.signal.reason;
  }

  /** Resolves when everything that the stream held at the time of the call is in the index. */
  async catchUp(signal: AbortSignal): Promise<void> {
    const applied = this.#appliedSequence;
    const end = await endOfStream(this.#options.log, signal);
    if (end < applied) throw replaced(end, applied);
    this.#catchingUpTo = end;
    await this.reached(end, AbortSignal.any([signal, this.#stop.signal]));
    await this.#options.graphs?.settle();
  }

  /** Resolves once `sequence` is applied. @throws the signal's reason when that comes first. */
  async reached(sequence: number, signal: AbortSignal): Promise<void> {
    if (sequence <= this.#appliedSequence) return;
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter = { sequence, reached: resolve };
    const onAbort = (): void => reject(signal.reason);
    this.#waiters.add(waiter);
    this.#hurry?.();
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

  async #applyPending(): Promise<void> {
    try {
      // Nothing follows what was given up: it would be counted as applied, and take the guard's note of it away.
      while (this.#pending.length > 0 && !this.#isTorn) {
        await this.#gather();
        const from = this.#pending[0]?.sequence ?? 0;
        const entries = this.#pending.splice(0, this.#guard.batchMax(from));
        for (const part of partsOf(entries)) await this.#applyPart(part);
        this.#advance(entries.at(-1)?.sequence ?? 0);
        if (this.#isCheckpointDue()) await this.#writeCheckpoint();
      }
    } catch (error) {
      this.#isTorn = true;
      if (!this.#signal.aborted) this.#stop.abort(error);
    } finally {
      this.#applying = null;
    }
  }

  /** Lets entries come together. One that comes alone after a pause does not wait. */
  async #gather(): Promise<void> {
    const waitMs = this.#batchBeganAt + limits.projectionGatherMs - performance.now();
    const isAwaited =
      this.#waiters.size > 0 || this.#signal.aborted || this.#pending.length >= limits.projectionBatchMax;
    if (waitMs > 0 && !isAwaited) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, waitMs);
      this.#hurry = resolve;
      await promise;
      this.#hurry = null;
      clearTimeout(timer);
    }
    this.#batchBeganAt = performance.now();
  }

  async #applyPart(part: GraphLogEntry | DemonstrationEntry[]): Promise<void> {
    if (Array.isArray(part)) return await this.#applyGuarded(part.filter(({ id }) => this.#isOwn(id)));
    const { sequence, graph, problem } = part;
    if (graph === null) this.#options.logger.warn({ event: "graph.unreadable", sequence, problem: problem ?? "" });
    else await this.#options.graphs?.apply(graph, sequence, sequence > this.#catchingUpTo);
  }

  async #applyGuarded(entries: DemonstrationEntry[]): Promise<void> {
    const kept = entries.filter(({ sequence }) => !this.#guard.isSkipped(sequence));
    for (const entry of entries) if (!kept.includes(entry)) await this.#passOver(entry);
    const [first, last] = [kept[0], kept.at(-1)];
    if (first === undefined || last === undefined) return;
    this.#guard.begin(first.sequence, last.sequence);
    try {
      await this.#apply(kept);
    } catch (error) {
      // A fault of the native index ends this process and comes again at the next start, as a crash does. No other error
      // does: whatever it leads to, the process was there to see it.
      if (!(error instanceof HindcastError && error.code === "INDEX_CORRUPT")) this.#guard.end();
      throw error;
    }
    this.#guard.end();
  }

  /** The index is then as if the message had been retired: an older one under its id must not stand for it. */
  async #passOver({ id, sequence }: DemonstrationEntry): Promise<void> {
    const problem = `its application ended the process ${limits.crashesMax} times`;
    this.#reject(id, sequence, { problem, reason: "crashed" });
    await this.#options.index.remove([id]);
    await this.#options.quarantine?.(sequence);
  }

  /** In the order of the stream, which decides where graphs begin: replicas must not batch it differently. */
  async #apply(entries: DemonstrationEntry[]): Promise<void> {
    for (const run of runsOf(entries)) {
      const demonstrations = run.flatMap((entry) => entry.demonstration ?? []);
      if (demonstrations.length > 0) await this.#applyUpserts(run, demonstrations);
      else await this.#applyRemovals(run);
    }
  }

  async #applyRemovals(entries: DemonstrationEntry[]): Promise<void> {
    for (const { id, sequence, problem } of entries)
      if (problem !== null) this.#reject(id, sequence, { problem, reason: "unreadable" });
    // An unreadable message has replaced a readable one, which a rebuilt index would not find any more either.
    await this.#options.index.remove(entries.map((entry) => entry.id));
  }

  async #applyUpserts(entries: DemonstrationEntry[], demonstrations: Demonstration[]): Promise<void> {
    try {
      await this.#upsert(demonstrations, sequencesOf(entries));
    } catch (error) {
      if (!isRefusal(error)) throw error;
      await this.#applyOneByOne(entries);
    }
  }

  /** A demonstration that the index refuses must not keep its neighbours out. */
  async #applyOneByOne(entries: DemonstrationEntry[]): Promise<void> {
    for (const { id, sequence, demonstration } of entries) {
      if (demonstration === null) continue;
      try {
        await this.#upsert([demonstration], [sequence]);
      } catch (error) {
        if (!isRefusal(error)) throw error;
        this.#reject(id, sequence, { problem: error.message, reason: "refused" });
        await this.#options.index.remove([id]);
      }
    }
  }

  async #upsert(demonstrations: Demonstration[], sequences: number[]): Promise<void> {
    const { index, embedder = null } = this.#options;
    const vectors = embedder === null ? undefined : await this.#embed(embedder, demonstrations);
    await index.upsert(demonstrations, vectors, sequences);
  }

  /** An embedder that is away delays the index; its vectors cannot be left out. */
  async #embed(embedder: TextEmbedder, demonstrations: readonly Demonstration[]): Promise<Float32Array> {
    const vectors = new Float32Array(demonstrations.length * embedder.dimensions);
    // A text without words has no vector: zeros, which no query finds.
    const worded = demonstrations
      .map((one, at) => ({ at, text: denseText(one) }))
      .filter(({ text }) => text.trim() !== "");
    const texts = worded.map(({ text }) => text);
    if (texts.length === 0) return vectors;
    for (let attempt = 0; ; attempt += 1) {
      try {
        const made = await embedder.embed(texts, "document", this.#signal);
        for (const [place, { at }] of worded.entries()) vectors.set(made[place] ?? [], at * embedder.dimensions);
        return vectors;
      } catch (error) {
        const isPassing = error instanceof HindcastError && error.retryable;
        if (!isPassing) throw error;
        this.#options.logger.warn({ event: "embedder.away", problem: error.message });
        const waitMs = Math.min(embedderRetryMsMax, 500 * 2 ** Math.min(attempt, 10));
        await delay(waitMs, undefined, { signal: this.#signal });
      }
    }
  }

  #isOwn(id: DemonstrationId): boolean {
    const { partition } = this.#options;
    return partition === undefined || partitionOf(id, partition.of) === partition.index;
  }

  #isCheckpointDue(): boolean {
    const applied = this.#appliedSequence - this.#checkpoint.sequence;
    if (applied <= 0) return false;
    return (
      applied >= limits.checkpointMessagesMax || performance.now() - this.#checkpoint.at >= limits.checkpointEveryMs
    );
  }

  async #writeCheckpoint(): Promise<void> {
    const { checkpoint, logger } = this.#options;
    const sequence = this.#appliedSequence;
    // Rows that a checkpoint holds beyond its sequence would be refused when they come again, and then removed.
    if (checkpoint === undefined || this.#isTorn || sequence <= this.#checkpoint.sequence) return;
    // Also after a failure: trying again at once would only fail again.
    this.#checkpoint = { sequence, at: performance.now() };
    try {
      await checkpoint(sequence);
      logger.info({ event: "checkpoint.written", sequence });
    } catch (error) {
      logger.error({ event: "checkpoint.failed", sequence, problem: messageOf(error) });
    }
  }

  #reject(
    id: DemonstrationId,
    sequence: number,
    { problem, reason }: { problem: string; reason: RejectionReason },
  ): void {
    this.#options.logger.warn({ event: "demonstration.rejected", demonstrationId: id, sequence, problem });
    this.#options.onRejected?.(reason);
  }

  #advance(sequence: number): void {
    this.#appliedSequence = sequence;
    for (const waiter of this.#waiters) if (waiter.sequence <= sequence) waiter.reached();
  }

  #check(): void {
    // A quiet stream brings no batch after which to look.
    if (this.#applying === null && this.#isCheckpointDue()) {
      this.#applying = this.#writeCheckpoint().finally(() => {
        this.#applying = null;
        if (this.#pending.length > 0) this.#applying = this.#applyPending();
      });
    }
    // Read before: what is applied while the answer is on its way may be newer than the answer.
    const applied = this.#appliedSequence;
    const { log, isSameStream } = this.#options;
    void Promise.all([log.lastSequence(), isSameStream?.() ?? true]).then(
      ([last, isSame]) => {
        if (last < applied || !isSame) this.#stop.abort(replaced(last, applied));
      },
      (error: unknown) => this.#options.logger.warn({ event: "stream.unchecked", problem: messageOf(error) }),
    );
  }
}

/** Stretches of demonstrations, and what stands between them. */
function partsOf(entries: readonly LogEntry[]): (GraphLogEntry | DemonstrationEntry[])[] {
  const parts: (GraphLogEntry | DemonstrationEntry[])[] = [];
  for (const entry of entries) {
    const part = parts.at(-1);
    if ("graph" in entry) parts.push(entry);
    else if (Array.isArray(part)) part.push(entry);
    else parts.push([entry]);
  }
  return parts;
}

const sequencesOf = (entries: readonly DemonstrationEntry[]): number[] =>
  entries.flatMap(({ sequence, demonstration }) => (demonstration === null ? [] : [sequence]));

/** Stretches of entries that are all demonstrations or all none. */
function runsOf(entries: readonly DemonstrationEntry[]): DemonstrationEntry[][] {
  const runs: DemonstrationEntry[][] = [];
  for (const entry of entries) {
    const run = runs.at(-1);
    if (run !== undefined && (run[0]?.demonstration === null) === (entry.demonstration === null)) run.push(entry);
    else runs.push([entry]);
  }
  return runs;
}

/** Of one demonstration, by the index or by what embeds it; anything else is not the demonstration's fault. */
function isRefusal(error: unknown): error is HindcastError {
  const refusals: readonly string[] = ["INDEX_INVALID", "MODEL_REQUEST_INVALID", "MODEL_CONTEXT_OVERFLOW"];
  return error instanceof HindcastError && refusals.includes(error.code);
}

function replaced(end: number, indexed: number): HindcastError {
  const what = end < indexed ? `ends at ${end} but ${indexed} is indexed` : `is not the one that was indexed`;
  const message = `the demonstrations stream ${what}: it was replaced; restart to index the new one`;
  return new HindcastError({ code: "INDEX_CORRUPT", boundary: "index", message });
}

/** What is embedded of a demonstration: what it is about, not how its observations looked. */
function denseText({ instruction, steps }: Demonstration): string {
  return [instruction.text, ...steps.map((step) => step.summary)].join("\n");
}
