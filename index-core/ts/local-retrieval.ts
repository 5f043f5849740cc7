// Answers from this replica's own index, which follows the stream.
import {
  type Demonstration,
  HindcastError,
  limits,
  messageOf,
  type RetrievalAnswer,
  type RetrievalHealth,
  type RetrievalQuery,
  type RetrievalStats,
  type VectorAnswer,
  vectorAnswerBytesMin,
  type VectorQuestion,
  type VectorSearch,
} from "@hindcast/shared";
import type { DemonstrationProjection } from "./demonstration-projection.ts";
import { RequestJoiner } from "./request-joiner.ts";
import type { Call, Retrieval, SearchAnswers, SearchQuestion } from "./retrieval.ts";
import type { EmbedderIdentity, RetrievalIndex, TextEmbedder, VectorsRequest } from "./retrieval-index.ts";
import type { RetrievalMetrics } from "./retrieval-metrics.ts";
import { SearchCosts } from "./search-costs.ts";

/**
 * Searches that are expected to take less are done on the event loop. About what the way to another thread costs the loop
 * itself, so that doing the search there delays others no more.
 */
const hereMicrosecondsMax = 200;
/** One search in so many is explained for the metrics of its stages. */
const explainEvery = 16;

export interface LocalRetrievalOptions {
  index: RetrievalIndex;
  projection: Pick<DemonstrationProjection, "appliedSequence" | "reached" | "lag">;
  metrics: RetrievalMetrics;
  /** Null: the index embeds by itself. */
  embedder: TextEmbedder | null;
  /** Answers of different versions are not comparable. */
  version: string;
  /** Aborts when the replica drains: what waits for a sequence is answered at once. */
  stopping: AbortSignal;
}

interface VectorContext extends Omit<VectorSearch, "minSequence" | "deadlineMs"> {
  k: number;
}

type SearchVersion = Pick<VectorAnswer, "indexSequence" | "indexVersion">;

interface VectorHits {
  ids: string[];
  scores: Float32Array;
  epoch: string;
}

export class LocalRetrieval implements Retrieval {
  readonly #options: LocalRetrievalOptions;
  readonly #embedder: EmbedderIdentity;
  readonly #searches: RequestJoiner<null, RetrievalQuery, RetrievalAnswer>;
  readonly #vectors: RequestJoiner<VectorContext, Float32Array, VectorHits>;
  readonly #costs = new SearchCosts();
  #searched = 0;

  constructor(options: LocalRetrievalOptions) {
    this.#options = options;
    this.#embedder = options.index.embedder;
    const { metrics } = options;
    this.#searches = new RequestJoiner({
      work: (_, queries, deadlineAt) => this.#searchTogether(queries, deadlineAt),
      onCall: (call) => metrics.joined("search", call),
    });
    this.#vectors = new RequestJoiner({
      work: (context, vectors, deadlineAt) => this.#searchVectorsTogether(context, vectors, deadlineAt),
      onCall: (call) => metrics.joined("vectors", call),
    });
  }

  async search({ queries, minSequence }: SearchQuestion, call: Call): Promise<SearchAnswers> {
    await this.#applied(minSequence, call);
    // Read before the search: the index may be further than this says, never less far.
    const indexSequence = this.#options.projection.appliedSequence;
    const { deadlineAt } = call;
    const answers = await this.#searches.submit({ key: "", context: null, items: queries, deadlineAt });
    return { answers, indexSequence, indexVersion: this.#options.version };
  }

  async vectors({ dimensions, k, vectors, search }: VectorQuestion, call: Call): Promise<VectorAnswer> {
    const { minSequence, deadlineMs: _deadlineMs, ...rest } = search;
    this.#checkEmbedder(search.embedder, dimensions);
    await this.#applied(minSequence, call);
    const indexSequence = this.#options.projection.appliedSequence;
    const version = { indexSequence, indexVersion: this.#options.version };
    await this.#checkFits({ ...rest, k, vectors });
    const here = this.#searchVectorsHere({ ...rest, k, vectors }, call);
    if (here !== null) return { ...version, ...here };
    const items: Float32Array[] = [];
    for (let from = 0; from < vectors.length; from += dimensions) items.push(vectors.subarray(from, from + dimensions));
    const context = { ...rest, k };
    const { deadlineAt } = call;
    const found = await this.#vectors.submit({ key: JSON.stringify(context), context, items, deadlineAt });
    return {
      ...version,
      epoch: found[0]?.epoch ?? "",
      counts: Uint32Array.from(found, ({ ids }) => ids.length),
      scores: Float32Array.from(found.flatMap(({ scores }) => Array.from(scores))),
      ids: found.flatMap(({ ids }) => ids),
    };
  }

  /**
   * Before all of it is searched: every query has as many hits as the first, `k` or all that pass.
   * @throws PROTOCOL_TOO_LARGE when their answer fits no message
   */
  async #checkFits(request: VectorsRequest): Promise<void> {
    const { dimensions } = this.#embedder;
    const queries = request.vectors.length / dimensions;
    if (vectorAnswerBytesMin(queries, request.k) <= limits.replyBytesMax) return;
    const vectors = request.vectors.subarray(0, dimensions);
    const each = (await this.#options.index.searchVectors({ ...request, vectors })).counts[0] ?? 0;
    const bytes = vectorAnswerBytesMin(queries, each);
    if (bytes <= limits.replyBytesMax) return;
    const message = `${queries} queries of ${each} hits each are an answer of ${bytes} bytes or more, beyond the ${limits.replyBytesMax} of a message; ask for fewer queries or hits at once`;
    throw new HindcastError({ code: "PROTOCOL_TOO_LARGE", boundary: "protocol", message });
  }

  async get(ids: readonly Demonstration["id"][]): Promise<(Demonstration | null)[]> {
    return await this.#options.index.get(ids);
  }

  async stats(): Promise<RetrievalStats> {
    const { index, projection, version } = this.#options;
    const [stats, lag] = await Promise.all([index.stats(), projection.lag()]);
    return {
      v: 1,
      kind: "retrieval.statistics",
      demonstrations: stats.demonstrations,
      byEnvironment: stats.byEnvironment,
      indexSequence: projection.appliedSequence,
      lag,
      indexVersion: version,
      segments: stats.segments,
      graphRows: stats.graphRows,
      scanRows: stats.scanRows,
      deadRows: stats.deadRows,
      epoch: stats.epoch,
      residentBytes: stats.residentBytes,
      mappedBytes: stats.mappedBytes,
      storage: stats.storage,
      rowBytes: stats.rowBytes,
    };
  }

  async health({ deadlineAt }: Call): Promise<RetrievalHealth> {
    const { index, projection, stopping } = this.#options;
    const problems: string[] = stopping.aborted ? ["the replica is shutting down"] : [];
    // A server that is away is waited for with patience elsewhere; here it is the news.
    const withinMs = Math.max(1, (deadlineAt - performance.now()) / 2);
    const told = async <T>(what: string, read: Promise<T>): Promise<T | null> => {
      try {
        return await within(withinMs, read);
      } catch (error) {
        problems.push(`${what}: ${messageOf(error)}`);
        return null;
      }
    };
    const [lag, stats] = await Promise.all([
      told("the stream cannot be asked", projection.lag()),
      told("the index cannot be asked", index.stats()),
    ]);
    if (lag !== null && lag > limits.indexLagMax) problems.push(`${lag} messages of the stream are not yet applied`);
    return {
      v: 1,
      kind: "retrieval.condition",
      ready: problems.length === 0,
      sequence: projection.appliedSequence,
      lag,
      epoch: stats?.epoch ?? "",
      // Background work that failed makes answers slower, not wrong.
      problem: [...problems, stats?.problem ?? ""].filter(Boolean).join("; ").slice(0, 4_000) || null,
    };
  }

  async #applied(minSequence: number | null, { signal, deadlineAt }: Call): Promise<void> {
    const { projection, stopping } = this.#options;
    if (minSequence === null || minSequence <= projection.appliedSequence) return;
    const remainingMs = Math.max(0, Math.floor(deadlineAt - performance.now()));
    const deadline = AbortSignal.timeout(remainingMs);
    try {
      await projection.reached(minSequence, AbortSignal.any([signal, stopping, deadline]));
    } catch (error) {
      const isStopping = signal.aborted || stopping.aborted;
      if (!deadline.aborted && !isStopping) throw error;
      const why = isStopping ? "before the replica had to stop" : `within the request's deadline`;
      throw new HindcastError({
        code: "INDEX_NOT_READY",
        boundary: "index",
        message: `sequence ${minSequence} was not applied ${why}; the index is at ${projection.appliedSequence}`,
        retryable: true,
      });
    }
  }

  async #searchTogether(queries: RetrievalQuery[], deadlineAt: number): Promise<RetrievalAnswer[]> {
    const { index, metrics, embedder } = this.#options;
    const isSampled = this.#searched % explainEvery === 0;
    this.#searched += 1;
    const asked = isSampled ? queries.map((query) => (query.explain ? query : { ...query, explain: true })) : queries;
    const vectors = embedder === null ? undefined : await this.#vectorsOf(embedder, queries);
    const answers = await index.search(asked, vectors, leftMs(deadlineAt));
    return answers.map((answer, at) => {
      metrics.answeredBy(answer);
      return queries[at]?.explain === true || answer.explain === null ? answer : { ...answer, explain: null };
    });
  }

  async #vectorsOf(embedder: TextEmbedder, queries: RetrievalQuery[]): Promise<(Float32Array | null)[]> {
    const texts = [...new Set(queries.flatMap(({ query }) => (query === null || query.trim() === "" ? [] : [query])))];
    if (texts.length === 0) return queries.map(() => null);
    const startedAt = performance.now();
    const made = await this.#embedded(embedder, texts);
    this.#options.metrics.stage("embed", "none", (performance.now() - startedAt) / 1_000);
    const byText = new Map(texts.map((text, at) => [text, made[at] ?? null]));
    return queries.map(({ query }) => (query === null ? null : (byText.get(query) ?? null)));
  }

  /** What is given up here passes by itself; without a code of its own it would look like a fault that does not. */
  async #embedded(embedder: TextEmbedder, texts: string[]): Promise<Float32Array[]> {
    const { stopping } = this.#options;
    const stop = AbortSignal.any([stopping, embedTimeout()]);
    try {
      return await embedder.embed(texts, "query", stop);
    } catch (error) {
      if (!stop.aborted || error instanceof HindcastError) throw error;
      const why = stopping.aborted ? "before the replica had to stop" : `within ${limits.requestTimeoutMs} ms`;
      throw new HindcastError({
        code: "INDEX_NOT_READY",
        boundary: "index",
        message: `${embedder.name} did not embed the query ${why}; try again`,
        retryable: true,
        cause: error,
      });
    }
  }

  /** Null where another thread should do it, or nobody any more. */
  #searchVectorsHere(request: VectorsRequest, { deadlineAt }: Call): Omit<VectorAnswer, keyof SearchVersion> | null {
    const queries = request.vectors.length / this.#embedder.dimensions;
    const kind = costKind(request);
    if (this.#costs.expected(kind) * queries > hereMicrosecondsMax || performance.now() > deadlineAt) return null;
    const { ids, scores, counts, epoch, microseconds } = this.#options.index.searchVectorsHere(request);
    this.#costs.note(kind, microseconds / queries);
    this.#options.metrics.joined("vectors", { requests: 1, waitedMs: [0] });
    return { ids, scores, counts, epoch };
  }

  async #searchVectorsTogether(
    context: VectorContext,
    vectors: Float32Array[],
    deadlineAt: number,
  ): Promise<VectorHits[]> {
    const { dimensions } = this.#embedder;
    const together = new Float32Array(vectors.length * dimensions);
    for (const [at, vector] of vectors.entries()) together.set(vector, at * dimensions);
    const request = { ...context, vectors: together, withinMs: leftMs(deadlineAt) };
    const { ids, scores, counts, epoch, microseconds } = await this.#options.index.searchVectors(request);
    this.#costs.note(costKind(request), microseconds / vectors.length);
    let from = 0;
    return Array.from(counts, (count) => {
      const hits = { ids: ids.slice(from, from + count), scores: scores.slice(from, from + count), epoch };
      from += count;
      return hits;
    });
  }

  #checkEmbedder(name: string, dimensions: number): void {
    const own = this.#embedder;
    if (name === own.name && dimensions === own.dimensions) return;
    this.#options.metrics.rejectedFor(name === own.name ? "dimension" : "embedder");
    throw new HindcastError({
      code: "INDEX_INVALID",
      boundary: "index",
      message: `vectors of ${name} with ${dimensions} dimensions cannot be compared with this index's, which are of ${own.name} with ${own.dimensions}`,
    });
  }
}

/** What searches that take about as long have in common. Filters and exclusions differ from request to request. */
const costKind = ({ environment, k, ef, mode, filter }: VectorsRequest): string =>
  `${environment} ${k} ${ef ?? ""} ${mode ?? ""} ${filter === null ? "" : "filtered"}`;

const leftMs = (deadlineAt: number): number => Math.max(0, deadlineAt - performance.now());

const embedTimeout = (): AbortSignal => AbortSignal.timeout(limits.requestTimeoutMs);

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${Math.round(ms)} ms`)), ms);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
