import { setTimeout as delay } from "node:timers/promises";
import { type Explanation, limits, type RetrievalAnswer } from "@hindcast/shared";
import {
  CounterMetric,
  type CounterName,
  type EmbeddingEvent,
  GaugeMetric,
  type GaugeName,
  HistogramMetric,
  type LabelsOf,
} from "@hindcast/shared/node";
import type { Registry } from "prom-client";
import type { DemonstrationProjection } from "./demonstration-projection.ts";
import type { DemonstrationIndexStats } from "./index-stats.ts";
import type { RetrievalIndex } from "./retrieval-index.ts";

/** `none` where it makes no difference how vectors are compared. */
export type Strategy = Explanation["parts"][number]["strategy"] | "none";
/** `encode` packs the reply. */
export type Stage = "queue" | "embed" | "encode" | keyof Explanation["microseconds"];
/** `unreadable`, `refused` and `crashed` are of the stream, the others of requests. */
export type RejectionReason = LabelsOf<"hindcast_retrieval_rejected_total">["reason"];
type Endpoint = LabelsOf<"hindcast_retrieval_request_seconds">["endpoint"];
type ErrorCodeLabel = LabelsOf<"hindcast_retrieval_errors_total">["code"];
/** Of the metrics of an index, without what they all begin with. */
type Short<N extends string> = N extends `hindcast_retrieval_${infer S}` ? S : never;

/** One scrape reads many gauges; the index is asked once for all of them. */
const statsAgeMsMax = 1_000;

/** What a retrieval replica tells Prometheus. Labels are bounded: endpoints and error codes, never ids. */
export class RetrievalMetrics {
  readonly #registry: Registry;
  readonly #requests: HistogramMetric<"hindcast_retrieval_request_seconds">;
  readonly #errors: CounterMetric<"hindcast_retrieval_errors_total">;
  readonly #hits: CounterMetric<"hindcast_retrieval_hits_total">;
  readonly #stages: HistogramMetric<"hindcast_retrieval_stage_seconds">;
  readonly #passing: HistogramMetric<"hindcast_retrieval_passing_rows">;
  readonly #joined: HistogramMetric<"hindcast_retrieval_batch_requests">;
  readonly #rejected: CounterMetric<"hindcast_retrieval_rejected_total">;
  readonly #graphWaits: CounterMetric<"hindcast_retrieval_graph_wait_seconds_total">;
  readonly #inFlight: GaugeMetric<"hindcast_retrieval_requests_in_flight">;
  readonly #embeddings: CounterMetric<"hindcast_embedding_requests_total">;
  readonly #embeddedTokens: CounterMetric<"hindcast_embedding_tokens_total">;
  readonly #embeddingCost: CounterMetric<"hindcast_embedding_cost_usd_total">;

  constructor(registry: Registry) {
    this.#registry = registry;
    this.#requests = new HistogramMetric(registry, "hindcast_retrieval_request_seconds");
    this.#errors = new CounterMetric(registry, "hindcast_retrieval_errors_total");
    this.#hits = new CounterMetric(registry, "hindcast_retrieval_hits_total");
    this.#stages = new HistogramMetric(registry, "hindcast_retrieval_stage_seconds");
    this.#passing = new HistogramMetric(registry, "hindcast_retrieval_passing_rows");
    this.#joined = new HistogramMetric(registry, "hindcast_retrieval_batch_requests");
    this.#rejected = new CounterMetric(registry, "hindcast_retrieval_rejected_total");
    this.#graphWaits = new CounterMetric(registry, "hindcast_retrieval_graph_wait_seconds_total");
    this.#inFlight = new GaugeMetric(registry, "hindcast_retrieval_requests_in_flight");
    this.#embeddings = new CounterMetric(registry, "hindcast_embedding_requests_total");
    this.#embeddedTokens = new CounterMetric(registry, "hindcast_embedding_tokens_total");
    this.#embeddingCost = new CounterMetric(registry, "hindcast_embedding_cost_usd_total");
  }

  /** Gauges and counters that are read when they are scraped. */
  observe(
    index: Pick<RetrievalIndex, "stats" | "version">,
    projection: Pick<DemonstrationProjection, "appliedSequence" | "lag">,
    readMs: number = limits.scrapeReadMs,
  ): void {
    const stats = recent(() => index.stats());
    const info = new GaugeMetric(this.#registry, "hindcast_retrieval_index_info");
    info.set(1, { version: index.version });
    const ofIndex = (name: Short<GaugeName>, of: (read: DemonstrationIndexStats) => number): void =>
      this.#gauge(name, async () => of(await stats()));
    ofIndex("demonstrations", (read) => read.demonstrations);
    ofIndex("segments", (read) => read.segments);
    ofIndex("graph_rows", (read) => read.graphRows);
    ofIndex("scan_rows", (read) => read.scanRows);
    ofIndex("dead_ratio", (read) => share(read.deadRows, read.demonstrations + read.deadRows));
    ofIndex("pending_builds", (read) => read.pendingBuilds);
    ofIndex("resident_bytes", (read) => read.residentBytes);
    ofIndex("mapped_bytes", (read) => read.mappedBytes);
    ofIndex("recall", (read) => (read.recall.wanted === 0 ? 1 : read.recall.found / read.recall.wanted));
    type Counted = "recall_sampled" | "recall_wanted" | "recall_found" | "repaired_links" | "diverged_graphs";
    const counted = (name: Counted, of: (read: DemonstrationIndexStats) => number): void =>
      this.#counter(`hindcast_retrieval_${name}_total`, stats, (counter, read) => counter.add(of(read), {}));
    counted("recall_sampled", (read) => read.recall.sampled);
    counted("recall_wanted", (read) => read.recall.wanted);
    counted("recall_found", (read) => read.recall.found);
    counted("repaired_links", (read) => read.repaired);
    counted("diverged_graphs", (read) => read.diverged);
    this.#counter("hindcast_retrieval_searches_total", stats, (counter, read) => {
      for (const [strategy, value] of Object.entries(read.searches)) {
        counter.add(value, { strategy: strategy as Strategy });
      }
    });
    this.#gauge("sequence", () => projection.appliedSequence);
    this.#gauge(
      "lag",
      inTime(() => projection.lag(), readMs),
    );
  }

  answered(endpoint: Endpoint, elapsedSeconds: number): void {
    this.#requests.observe(elapsedSeconds, { endpoint });
  }

  failed(endpoint: Endpoint, code: ErrorCodeLabel): void {
    this.#errors.inc({ endpoint, code });
  }

  rejectedFor(reason: RejectionReason): void {
    this.#rejected.inc({ reason });
  }

  /** The log went on only when a graph that it shows was built here. */
  waitedForGraph(elapsedSeconds: number): void {
    this.#graphWaits.add(elapsedSeconds, {});
  }

  /** Searches that are being worked on or wait for their sequence: one more, one less. */
  inFlight(change: 1 | -1): void {
    this.#inFlight.add(change, {});
  }

  stage(stage: Stage, strategy: Strategy, elapsedSeconds: number): void {
    this.#stages.observe(elapsedSeconds, { stage, strategy });
  }

  /** An answer of an embedding provider. */
  embedded({ purpose, inputTokens, costUsd }: EmbeddingEvent): void {
    this.#embeddings.inc({ purpose });
    this.#embeddedTokens.add(inputTokens, {});
    this.#embeddingCost.add(costUsd ?? 0, {});
  }

  /** A call of the index that several requests share. */
  joined(kind: "search" | "vectors", call: { requests: number; waitedMs: readonly number[] }): void {
    this.#joined.observe(call.requests, { kind });
    for (const waitedMs of call.waitedMs) this.stage("queue", "none", waitedMs / 1_000);
  }

  answeredBy({ hits, passing, explain }: RetrievalAnswer): void {
    for (const { reference } of hits) this.#hits.inc({ retriever: reference.retriever });
    this.#passing.observe(passing, {});
    if (explain === null) return;
    const strategy = strategyOf(explain);
    for (const [stage, microseconds] of Object.entries(explain.microseconds)) {
      this.stage(stage as Stage, stage === "dense" ? strategy : "none", microseconds / 1_000_000);
    }
  }

  #gauge(name: Short<GaugeName>, read: () => Promise<number> | number): void {
    const made: GaugeMetric<GaugeName> = new GaugeMetric<GaugeName>(this.#registry, `hindcast_retrieval_${name}`, {
      collect: async () => made.set(await read(), {}),
    });
  }

  /** The index counts; here the count is only passed on. */
  #counter<N extends CounterName>(
    name: N,
    stats: () => Promise<DemonstrationIndexStats>,
    show: (counter: CounterMetric<N>, read: DemonstrationIndexStats) => void,
  ): void {
    const made: CounterMetric<N> = new CounterMetric(this.#registry, name, {
      collect: async () => {
        const read = await stats();
        // Nothing may come between: a scrape at the same time would add to what this one has set.
        made.reset();
        show(made, read);
      },
    });
  }
}

const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

/** The most laborious way that any segment was searched. */
function strategyOf({ parts }: Explanation): Strategy {
  const used = new Set(parts.map(({ strategy }) => strategy));
  return (["fallback", "graph", "exact", "skip"] as const).find((strategy) => used.has(strategy)) ?? "none";
}

/** What NATS does not tell in time is no number, and the rest of the scrape still comes; no scrape asks a second time meanwhile. */
function inTime(read: () => Promise<number>, readMs: number): () => Promise<number> {
  let asked: Promise<number> | null = null;
  return async () => {
    asked ??= read()
      .catch(() => Number.NaN)
      .finally(() => {
        asked = null;
      });
    return await Promise.race([asked, delay(readMs, Number.NaN, { ref: false })]);
  };
}

function recent<T>(read: () => Promise<T>): () => Promise<T> {
  let last: { at: number; value: Promise<T> } | null = null;
  return () => {
    const now = performance.now();
    if (last === null || now - last.at > statsAgeMsMax) last = { at: now, value: read() };
    return last.value;
  };
}
