// Answers `hindcast.retrieval.*` from an index that follows the stream, as one NATS micro service.
import {
  decode,
  type DemonstrationId,
  encode,
  HindcastError,
  limits,
  RetrievalGetReply,
  RetrievalGetRequest,
  RetrievalRequest,
  retrievalServiceName,
  RetrievalStats,
  RetrievalStatsRequest,
  subjects,
  toHindcastError,
  tokenizerName,
} from "@hindcast/shared";
import type { MicroEndpoint, MicroService } from "@hindcast/shared/node";
import type { z } from "zod";
import type { DemonstrationIndex } from "./demonstration-index.ts";
import type { DemonstrationProjection } from "./demonstration-projection.ts";
import { encodeReply } from "./reply-packing.ts";
import type { RetrievalMetrics } from "./retrieval-metrics.ts";

export interface RetrievalServiceOptions {
  index: Pick<DemonstrationIndex, "search" | "get" | "stats" | "version">;
  projection: Pick<DemonstrationProjection, "appliedSequence" | "reached" | "lag">;
  metrics: RetrievalMetrics;
}

export class RetrievalService {
  readonly #options: RetrievalServiceOptions;
  #inFlight = 0;

  constructor(options: RetrievalServiceOptions) {
    this.#options = options;
  }

  /** What to hand to `Bus.serveMicro`. */
  describe(): MicroService {
    return {
      name: retrievalServiceName,
      version: "1.0.0",
      description: "Demonstrations for an observation and a query (Algorithm 2 of Learn-by-Interact).",
      metadata: { index: this.#options.index.version, tokenizer: tokenizerName },
      endpoints: [
        this.#endpoint("search", subjects.retrievalSearch, (bytes, signal) => this.#search(bytes, signal)),
        this.#endpoint("get", subjects.retrievalGet, (bytes) => this.#get(bytes)),
        this.#endpoint("stats", subjects.retrievalStats, (bytes) => this.#stats(bytes)),
      ],
    };
  }

  async #search(payload: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const startedAt = performance.now();
    const request = read(RetrievalRequest, payload);
    if (this.#inFlight >= limits.retrievalInFlightMax) throw overloaded();
    this.#enter(1);
    try {
      await this.#applied(request, signal);
      const { index, projection, metrics } = this.#options;
      // Read before the search: the index may be further than this says, never less far.
      const indexSequence = projection.appliedSequence;
      const answers = await index.search(request.queries);
      for (const hit of answers.flatMap((answer) => answer.hits)) metrics.found(hit.reference.retriever);
      return encodeReply({
        v: 1,
        kind: "retrieval.found",
        answers,
        indexSequence,
        indexVersion: index.version,
        tokenizer: tokenizerName,
        tookMs: performance.now() - startedAt,
      });
    } finally {
      this.#enter(-1);
    }
  }

  async #applied({ minSequence, deadlineMs }: RetrievalRequest, signal: AbortSignal): Promise<void> {
    if (minSequence === null || minSequence <= this.#options.projection.appliedSequence) return;
    const deadline = AbortSignal.timeout(deadlineMs);
    try {
      await this.#options.projection.reached(minSequence, AbortSignal.any([signal, deadline]));
    } catch (error) {
      if (!deadline.aborted && !signal.aborted) throw error;
      throw new HindcastError({
        code: "INDEX_NOT_READY",
        boundary: "index",
        message: `sequence ${minSequence} was not applied within ${deadlineMs} ms; the index is at ${this.#options.projection.appliedSequence}`,
        retryable: true,
      });
    }
  }

  async #get(payload: Uint8Array): Promise<Uint8Array> {
    const { ids } = read(RetrievalGetRequest, payload);
    const found = await this.#options.index.get(ids);
    const demonstrations = found.filter((demonstration) => demonstration !== null);
    const missing: DemonstrationId[] = ids.filter((_, index) => found[index] === null);
    return encode(RetrievalGetReply, { v: 1, kind: "retrieval.got", demonstrations, missing }, limits.replyBytesMax);
  }

  async #stats(payload: Uint8Array): Promise<Uint8Array> {
    read(RetrievalStatsRequest, payload);
    const { index, projection } = this.#options;
    const { demonstrations, byEnvironment } = await index.stats();
    return encode(RetrievalStats, {
      v: 1,
      kind: "retrieval.statistics",
      demonstrations,
      byEnvironment,
      indexSequence: projection.appliedSequence,
      lag: await projection.lag(),
      indexVersion: index.version,
    });
  }

  #endpoint(name: string, subject: string, handle: MicroEndpoint["handle"]): MicroEndpoint {
    const { metrics } = this.#options;
    return {
      name,
      subject,
      metadata: { codec: "json", schema: `retrieval-${name}` },
      handle: async (payload, signal) => {
        const startedAt = performance.now();
        try {
          return await handle(payload, signal);
        } catch (error) {
          const classified = toHindcastError(error, "index");
          metrics.failed(name, classified.code);
          throw classified;
        } finally {
          metrics.answered(name, (performance.now() - startedAt) / 1_000);
        }
      },
    };
  }

  #enter(change: 1 | -1): void {
    this.#inFlight += change;
    this.#options.metrics.inFlight.set(this.#inFlight);
  }
}

function read<S extends z.ZodType>(schema: S, payload: Uint8Array): z.output<S> {
  try {
    return decode(schema, payload);
  } catch (error) {
    // A filter may be nested until the stack ends; that is the sender's mistake and must not look like ours.
    if (!(error instanceof RangeError)) throw error;
    throw new HindcastError({
      code: "PROTOCOL_INVALID",
      boundary: "protocol",
      message: "a message is nested too deeply",
      cause: error,
    });
  }
}

function overloaded(): HindcastError {
  return new HindcastError({
    code: "INDEX_OVERLOADED",
    boundary: "index",
    message: `${limits.retrievalInFlightMax} searches are under way on this replica; try again, or add replicas`,
    retryable: true,
  });
}
