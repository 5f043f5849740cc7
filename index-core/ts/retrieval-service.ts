// Answers `hindcast.retrieval.*` as one NATS micro service: from its own index, or, where the corpus is divided, from all
// partitions, of which it is one.
import type { RetrievalGetReply } from "@hindcast/shared";
import {
  decode,
  decodeVectorQuestion,
  type DemonstrationId,
  encode,
  encodeVectorAnswer,
  HindcastError,
  limits,
  RetrievalExplainRequest,
  RetrievalGetRequest,
  RetrievalHealth,
  RetrievalHealthRequest,
  RetrievalRequest,
  retrievalServiceName,
  RetrievalStats,
  RetrievalStatsRequest,
  type RetrievalVerb,
  subjects,
  toHindcastError,
  tokenizerName,
  type VectorQuestion,
} from "@hindcast/shared";
import type { Bus, MicroEndpoint, MicroService } from "@hindcast/shared/node";
import type { z } from "zod";
import type { DemonstrationProjection } from "./demonstration-projection.ts";
import { LocalRetrieval } from "./local-retrieval.ts";
import { PartitionFront } from "./partition-front.ts";
import { encodeReply } from "./reply-packing.ts";
import type { Retrieval } from "./retrieval.ts";
import type { RetrievalIndex, TextEmbedder } from "./retrieval-index.ts";
import type { RetrievalMetrics } from "./retrieval-metrics.ts";

export interface RetrievalServiceOptions {
  index: RetrievalIndex;
  projection: Pick<DemonstrationProjection, "appliedSequence" | "reached" | "lag">;
  metrics: RetrievalMetrics;
  /** What makes vectors, where the index does not; the same that the projection uses. */
  embedder?: TextEmbedder | null;
  /** Aborts when the replica drains. */
  stopping?: AbortSignal;
  /** This replica's part of a divided corpus, and the bus on which it asks the others. */
  partition?: { index: number; of: number; bus: Pick<Bus, "ask"> };
}

const wholeSubjects: Record<RetrievalVerb, string> = {
  search: subjects.retrievalSearch,
  get: subjects.retrievalGet,
  stats: subjects.retrievalStats,
  explain: subjects.retrievalExplain,
  health: subjects.retrievalHealth,
  vectors: subjects.retrievalVectors,
};
const verbs = Object.keys(wholeSubjects) as RetrievalVerb[];

export class RetrievalService {
  readonly #options: RetrievalServiceOptions;
  /** Names the number of partitions too: statistics of a part are not those of the whole. */
  readonly #version: string;

  constructor(options: RetrievalServiceOptions) {
    this.#options = options;
    const partitions = options.partition?.of ?? 1;
    this.#version = partitions === 1 ? options.index.version : `${options.index.version} partitions=${partitions}`;
  }

  /** What to hand to `Bus.serveMicro`. */
  describe(): MicroService {
    const { index, projection, metrics, embedder = null, partition } = this.#options;
    const stopping = this.#options.stopping ?? new AbortController().signal;
    const local = new LocalRetrieval({ index, projection, metrics, embedder, stopping, version: this.#version });
    const { name, dimensions } = index.embedder;
    const place = partition === undefined || partition.of === 1 ? null : partition;
    const whole =
      place === null ? local : new PartitionFront({ bus: place.bus, partitions: place.of, version: this.#version });
    return {
      name: retrievalServiceName,
      version: "1.1.0",
      description: "Demonstrations for an observation and a query (Algorithm 2 of Learn-by-Interact).",
      metadata: {
        index: this.#version,
        tokenizer: tokenizerName,
        embedder: name,
        dimensions: String(dimensions),
        ...(place === null ? {} : { partition: `${place.index} of ${place.of}` }),
      },
      endpoints: [
        ...this.#endpoints(whole, "", (verb) => wholeSubjects[verb]),
        ...(place === null
          ? []
          : this.#endpoints(local, "partition-", (verb) => subjects.retrievalPartition(place.index, verb))),
      ],
    };
  }

  #endpoints(
    retrieval: Retrieval,
    prefix: "" | "partition-",
    subjectOf: (verb: RetrievalVerb) => string,
  ): MicroEndpoint[] {
    const { metrics } = this.#options;
    const endpoints = new RetrievalEndpoints(retrieval, metrics, prefix !== "");
    return verbs.map((verb) => ({
      name: `${prefix}${verb}`,
      subject: subjectOf(verb),
      metadata:
        verb === "vectors"
          ? { codec: "vector-frame", schema: "retrieval-vectors-tail" }
          : { codec: "json", schema: `retrieval-${verb}` },
      handle: async (payload, signal) => {
        const startedAt = performance.now();
        try {
          return await endpoints[verb](payload, signal);
        } catch (error) {
          const classified = toHindcastError(error, "index");
          metrics.failed(`${prefix}${verb}`, classified.code);
          throw classified;
        } finally {
          metrics.answered(`${prefix}${verb}`, (performance.now() - startedAt) / 1_000);
        }
      },
    }));
  }
}

/** The codec around a `Retrieval`, and the bound on how much it works on at once. */
class RetrievalEndpoints implements Record<RetrievalVerb, MicroEndpoint["handle"]> {
  readonly #retrieval: Retrieval;
  readonly #metrics: RetrievalMetrics;
  /** A front fills in defaults, so what it sends on may be larger than what it was sent. */
  readonly #bytesMax: number;
  #inFlight = 0;

  constructor(retrieval: Retrieval, metrics: RetrievalMetrics, isPartition: boolean) {
    this.#retrieval = retrieval;
    this.#metrics = metrics;
    this.#bytesMax = isPartition ? limits.replyBytesMax : limits.messageBytesMax;
  }

  async search(payload: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    return await this.#find(read(RetrievalRequest, payload, this.#bytesMax), signal);
  }

  async explain(payload: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const request = read(RetrievalExplainRequest, payload, this.#bytesMax);
    const queries = request.queries.map((query) => ({ ...query, explain: true }));
    return await this.#find({ ...request, queries }, signal);
  }

  async vectors(payload: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const startedAt = performance.now();
    const question = this.#readQuestion(payload);
    const call = { signal, deadlineAt: startedAt + question.search.deadlineMs };
    return await this.#admitted(async () => encodeVectorAnswer(await this.#retrieval.vectors(question, call)));
  }

  async get(payload: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const { ids } = read(RetrievalGetRequest, payload);
    const found = await this.#admitted(() => this.#retrieval.get(ids, soon(signal)));
    const demonstrations = found.filter((demonstration) => demonstration !== null);
    const missing: DemonstrationId[] = ids.filter((_, index) => found[index] === null);
    // Not checked again: it is what the index was given.
    const reply: RetrievalGetReply = { v: 1, kind: "retrieval.got", demonstrations, missing };
    const bytes = Buffer.from(JSON.stringify(reply));
    if (bytes.length <= limits.replyBytesMax) return bytes;
    const message = `${ids.length} demonstrations take ${bytes.length} bytes, beyond the ${limits.replyBytesMax} of a reply; ask for fewer at once`;
    throw new HindcastError({ code: "PROTOCOL_TOO_LARGE", boundary: "protocol", message });
  }

  async stats(payload: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    read(RetrievalStatsRequest, payload);
    return encode(RetrievalStats, await this.#retrieval.stats(soon(signal)));
  }

  async health(payload: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    read(RetrievalHealthRequest, payload);
    return encode(RetrievalHealth, await this.#retrieval.health(soon(signal)));
  }

  #readQuestion(payload: Uint8Array): VectorQuestion {
    try {
      return decodeVectorQuestion(payload);
    } catch (error) {
      this.#metrics.rejectedFor("frame");
      throw error;
    }
  }

  async #find(
    request: Pick<RetrievalRequest, "queries" | "minSequence" | "deadlineMs">,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const startedAt = performance.now();
    return await this.#admitted(async () => {
      const call = { signal, deadlineAt: startedAt + request.deadlineMs };
      const found = await this.#retrieval.search(request, call);
      const encodedFrom = performance.now();
      const bytes = encodeReply({
        v: 1,
        kind: "retrieval.found",
        ...found,
        tokenizer: tokenizerName,
        tookMs: encodedFrom - startedAt,
      });
      this.#metrics.stage("encode", "none", (performance.now() - encodedFrom) / 1_000);
      return bytes;
    });
  }

  async #admitted<T>(work: () => Promise<T>): Promise<T> {
    if (this.#inFlight >= limits.retrievalInFlightMax) throw overloaded();
    this.#enter(1);
    try {
      return await work();
    } finally {
      this.#enter(-1);
    }
  }

  #enter(change: 1 | -1): void {
    this.#inFlight += change;
    this.#metrics.inFlight(change);
  }
}

/** Questions without a deadline of their own. */
function soon(signal: AbortSignal): { signal: AbortSignal; deadlineAt: number } {
  return { signal, deadlineAt: performance.now() + limits.requestTimeoutMs / 2 };
}

function read<S extends z.ZodType>(schema: S, payload: Uint8Array, bytesMax?: number): z.output<S> {
  try {
    return decode(schema, payload, bytesMax);
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
