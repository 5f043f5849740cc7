// Asks every partition of the index and merges what they say. A partition that does not answer makes the whole answer
// fail: an answer that is silently short would look like there being nothing to find.
import {
  decode,
  type Demonstration,
  encode,
  encodeVectorQuestion,
  decodeVectorAnswer,
  HindcastError,
  limits,
  messageOf,
  partitionOf,
  RetrievalGetReply,
  RetrievalGetRequest,
  RetrievalHealth,
  RetrievalHealthRequest,
  type RetrievalQuery,
  RetrievalReply,
  RetrievalRequest,
  RetrievalStats,
  RetrievalStatsRequest,
  type RetrievalVerb,
  subjects,
  type VectorAnswer,
  type VectorQuestion,
} from "@hindcast/shared";
import type { Bus } from "@hindcast/shared/node";
import type { z } from "zod";
import { joinedEpoch, mergeAnswers, mergeVectors, type PartitionAnswers, partitionQueries } from "./partition-merge.ts";
import { tooLate } from "./request-joiner.ts";
import type { Call, Retrieval, SearchAnswers, SearchQuestion } from "./retrieval.ts";

export interface PartitionFrontOptions {
  bus: Pick<Bus, "ask">;
  partitions: number;
  /** A partition of another version or another number of partitions is not asked twice: it is refused. */
  version: string;
}

type Part = keyof PartitionAnswers;
const parts: readonly Part[] = ["observation", "dense", "fused"];

export class PartitionFront implements Retrieval {
  readonly #options: PartitionFrontOptions;

  constructor(options: PartitionFrontOptions) {
    this.#options = options;
  }

  async search({ queries, minSequence }: SearchQuestion, call: Call): Promise<SearchAnswers> {
    const split = queries.map(partitionQueries);
    const replies = await Promise.all(
      parts.map(async (part) => {
        const asked = split.flatMap((of) => of[part] ?? []);
        return asked.length === 0 ? [] : await this.#searchAll(asked, minSequence, call);
      }),
    );
    // Each part's replies hold answers only for the queries that had this part, in their order.
    const next = parts.map(() => 0);
    const answers = queries.map((query, at) => {
      const found: PartitionAnswers = { observation: [], dense: [], fused: [] };
      for (const [which, part] of parts.entries()) {
        if (split[at]?.[part] === null) continue;
        const position = next[which] ?? 0;
        next[which] = position + 1;
        found[part] = (replies[which] ?? []).flatMap((reply) => reply.answers[position] ?? []);
      }
      return mergeAnswers(query, found);
    });
    const sequences = replies.flat().map(({ indexSequence }) => indexSequence);
    return {
      answers,
      indexSequence: sequences.length === 0 ? 0 : Math.min(...sequences),
      indexVersion: this.#options.version,
    };
  }

  async vectors(question: VectorQuestion, call: Call): Promise<VectorAnswer> {
    const answers = await this.#everyPartition(async (partition) => {
      const search = { ...question.search, deadlineMs: remainingMs(call) };
      const payload = encodeVectorQuestion({ ...question, search });
      return this.#sameVersion(partition, decodeVectorAnswer(await this.#ask(partition, "vectors", payload, call)));
    });
    return mergeVectors(question.k, answers);
  }

  async get(ids: readonly Demonstration["id"][], call: Call): Promise<(Demonstration | null)[]> {
    const found = new Map<string, Demonstration>();
    await this.#everyPartition(async (partition) => {
      const own = ids.filter((id) => partitionOf(id, this.#options.partitions) === partition);
      if (own.length === 0) return;
      const payload = encode(RetrievalGetRequest, { v: 1, kind: "retrieval.get", ids: own });
      const { demonstrations } = await this.#read(partition, "get", RetrievalGetReply, payload, call);
      for (const demonstration of demonstrations) found.set(demonstration.id, demonstration);
    });
    return ids.map((id) => found.get(id) ?? null);
  }

  async stats(call: Call): Promise<RetrievalStats> {
    const payload = encode(RetrievalStatsRequest, { v: 1, kind: "retrieval.stats" });
    const all = await this.#everyPartition((partition) =>
      this.#read(partition, "stats", RetrievalStats, payload, call),
    );
    const sum = (of: (stats: RetrievalStats) => number): number => all.reduce((total, one) => total + of(one), 0);
    const environments = [...new Set(all.flatMap(({ byEnvironment }) => Object.keys(byEnvironment)))].toSorted();
    return {
      v: 1,
      kind: "retrieval.statistics",
      demonstrations: sum((one) => one.demonstrations),
      byEnvironment: Object.fromEntries(
        environments.map((name) => [name, sum(({ byEnvironment }) => byEnvironment[name] ?? 0)]),
      ),
      indexSequence: Math.min(...all.map(({ indexSequence }) => indexSequence)),
      lag: Math.max(...all.map(({ lag }) => lag)),
      indexVersion: this.#options.version,
      segments: sum((one) => one.segments),
      graphRows: sum((one) => one.graphRows),
      scanRows: sum((one) => one.scanRows),
      deadRows: sum((one) => one.deadRows),
      epoch: joinedEpoch(all),
      residentBytes: sum((one) => one.residentBytes),
      mappedBytes: sum((one) => one.mappedBytes),
      // Replicas of one version keep their rows alike.
      storage: all[0]?.storage ?? "f32",
      rowBytes: sum((one) => one.rowBytes),
    };
  }

  /** Never fails for a partition: that one is missing is what it has to say. */
  async health(call: Call): Promise<RetrievalHealth> {
    const payload = encode(RetrievalHealthRequest, { v: 1, kind: "retrieval.health" });
    const problems: string[] = [];
    const all = await Promise.all(
      this.#partitions.map(async (partition) => {
        try {
          const condition = await this.#read(partition, "health", RetrievalHealth, payload, call);
          if (condition.problem !== null) problems.push(`partition ${partition}: ${condition.problem}`);
          return condition;
        } catch (error) {
          problems.push(messageOf(error));
          return null;
        }
      }),
    );
    const answered = all.filter((condition) => condition !== null);
    const isComplete = answered.length === all.length;
    const lags = answered.map(({ lag }) => lag);
    return {
      v: 1,
      kind: "retrieval.condition",
      ready: isComplete && answered.every(({ ready }) => ready),
      sequence: isComplete ? Math.min(...answered.map(({ sequence }) => sequence)) : 0,
      lag: isComplete && !lags.includes(null) ? Math.max(...lags.map((lag) => lag ?? 0)) : null,
      epoch: joinedEpoch(answered),
      problem: problems.length === 0 ? null : problems.join("; ").slice(0, 4_000),
    };
  }

  get #partitions(): number[] {
    return Array.from({ length: this.#options.partitions }, (_, partition) => partition);
  }

  async #searchAll(queries: RetrievalQuery[], minSequence: number | null, call: Call): Promise<RetrievalReply[]> {
    return await this.#everyPartition(async (partition) => {
      const value = { v: 1, kind: "retrieval.search", queries, minSequence, deadlineMs: remainingMs(call) } as const;
      // Defaults are filled in by now, so the message may be larger than the one that came.
      const payload = encode(RetrievalRequest, value, limits.replyBytesMax);
      const reply = await this.#read(partition, "search", RetrievalReply, payload, call);
      if (reply.answers.length !== queries.length) {
        throw notReady(`partition ${partition} answered ${reply.answers.length} of ${queries.length} queries`);
      }
      return this.#sameVersion(partition, reply);
    });
  }

  /** The first failure fails all of it. */
  async #everyPartition<T>(ask: (partition: number) => Promise<T>): Promise<T[]> {
    return await Promise.all(this.#partitions.map(ask));
  }

  async #read<S extends z.ZodType>(
    partition: number,
    verb: RetrievalVerb,
    schema: S,
    ...[payload, call]: [Uint8Array, Call]
  ): Promise<z.output<S>> {
    return decode(schema, await this.#ask(partition, verb, payload, call), limits.replyBytesMax);
  }

  async #ask(partition: number, verb: RetrievalVerb, payload: Uint8Array, call: Call): Promise<Uint8Array> {
    const subject = subjects.retrievalPartition(partition, verb);
    try {
      return await this.#options.bus.ask({ subject, payload, timeoutMs: remainingMs(call), signal: call.signal });
    } catch (error) {
      if (!(error instanceof HindcastError)) throw call.signal.aborted ? notReady("the replica had to stop") : error;
      const isMissing = error.code === "BUS_UNAVAILABLE" || error.code === "BUS_TIMEOUT";
      const place = `partition ${partition} of ${this.#options.partitions}`;
      if (isMissing) throw notReady(`${place} does not answer: ${error.message}`, error);
      throw new HindcastError({
        code: error.code,
        boundary: error.boundary,
        message: `${place}: ${error.message}`,
        retryable: error.retryable,
        cause: error,
      });
    }
  }

  #sameVersion<T extends { indexVersion: string }>(partition: number, reply: T): T {
    if (reply.indexVersion === this.#options.version) return reply;
    throw notReady(
      `partition ${partition} answers by ${reply.indexVersion}, this replica by ${this.#options.version}; their answers cannot be compared`,
    );
  }
}

function remainingMs({ deadlineAt }: Call): number {
  const remaining = Math.floor(deadlineAt - performance.now());
  if (remaining < 1) throw tooLate(0);
  return remaining;
}

function notReady(message: string, cause?: unknown): HindcastError {
  return new HindcastError({ code: "INDEX_NOT_READY", boundary: "index", message, retryable: true, cause });
}
