import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Explanation, RetrievalAnswer } from "@hindcast/shared";
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { DemonstrationProjection } from "./demonstration-projection.ts";
import type { DemonstrationIndexStats } from "./index-stats.ts";
import type { RetrievalIndex } from "./retrieval-index.ts";

/** `none` where it makes no difference how vectors are compared. */
export type Strategy = Explanation["parts"][number]["strategy"] | "none";
export type Stage = "queue" | "embed" | "encode" | keyof Explanation["microseconds"];
/** `unreadable`, `refused` and `crashed` are of the stream, the others of requests. */
export type RejectionReason = "unreadable" | "refused" | "crashed" | "frame" | "dimension" | "embedder";

const seconds = [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5];
/** One scrape reads many gauges; the index is asked once for all of them. */
const statsAgeMsMax = 1_000;

/** What a retrieval replica tells Prometheus. Labels are bounded: endpoints and error codes, never ids. */
export class RetrievalMetrics {
  readonly #registers: Registry[];
  readonly #requests: Histogram<"endpoint">;
  readonly #errors: Counter<"endpoint" | "code">;
  readonly #hits: Counter<"retriever">;
  readonly #stages: Histogram<"stage" | "strategy">;
  readonly #passing: Histogram;
  readonly #joined: Histogram<"kind">;
  readonly #rejected: Counter<"reason">;
  readonly inFlight: Gauge;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#registers = registers;
    const histogram = <L extends string>(
      name: string,
      help: string,
      ...[labelNames, buckets]: [L[], number[]]
    ): Histogram<L> => new Histogram({ name: `hindcast_retrieval_${name}`, help, labelNames, buckets, registers });
    const counter = <L extends string>(name: string, help: string, labelNames: L[]): Counter<L> =>
      new Counter({ name: `hindcast_retrieval_${name}_total`, help, labelNames, registers });
    this.#requests = histogram("request_seconds", "Time from a request's arrival to its reply.", ["endpoint"], seconds);
    this.#errors = counter("errors", "Requests answered with an error, by its code.", ["endpoint", "code"]);
    this.#hits = counter("hits", "Demonstrations returned, by the retriever that found them.", ["retriever"]);
    this.#stages = histogram(
      "stage_seconds",
      "Time of one stage of a search, by how vectors were compared; stages inside the index of a sample of searches.",
      ["stage", "strategy"],
      seconds,
    );
    this.#passing = histogram(
      "passing_rows",
      "Demonstrations that passed a query's filter and exclusions.",
      [],
      [0, 1, 10, 100, 1_000, 10_000, 100_000, 1_000_000],
    );
    this.#joined = histogram(
      "batch_requests",
      "Requests that were joined into one call of the index.",
      ["kind"],
      [1, 2, 4, 8, 16, 32, 64, 128],
    );
    this.#rejected = counter("rejected", "Messages of the stream and vectors that were refused, by reason.", [
      "reason",
    ]);
    this.inFlight = new Gauge({
      name: "hindcast_retrieval_requests_in_flight",
      help: "Searches being worked on or waiting for their sequence.",
      registers,
    });
  }

  /** Gauges and counters that are read when they are scraped. */
  observe(
    index: Pick<RetrievalIndex, "stats">,
    projection: Pick<DemonstrationProjection, "appliedSequence" | "lag">,
  ): void {
    const stats = recent(() => index.stats());
    const ofIndex = (name: string, help: string, of: (read: DemonstrationIndexStats) => number): void =>
      this.#gauge(name, help, async () => of(await stats()));
    ofIndex("demonstrations", "Demonstrations in the index.", (read) => read.demonstrations);
    ofIndex("segments", "Segments of the index.", (read) => read.segments);
    ofIndex("graph_rows", "Rows searched through a graph.", (read) => read.graphRows);
    ofIndex("scan_rows", "Rows scanned exactly.", (read) => read.scanRows);
    ofIndex("dead_ratio", "Share of rows that are replaced or retired and not yet merged away.", (read) =>
      share(read.deadRows, read.demonstrations + read.deadRows),
    );
    ofIndex("pending_builds", "Merges and graphs under way or due.", (read) => read.pendingBuilds);
    ofIndex("resident_bytes", "Memory of the index.", (read) => read.residentBytes);
    ofIndex("mapped_bytes", "Files of the index that are mapped into memory.", (read) => read.mappedBytes);
    ofIndex("recall", "Share of the wanted rows that graphs found, by searching a sample again exactly.", (read) =>
      read.recall.wanted === 0 ? 1 : read.recall.found / read.recall.wanted,
    );
    const counted = (name: string, help: string, of: (read: DemonstrationIndexStats) => number): void =>
      this.#counter(name, help, async (counter) => counter.inc(of(await stats())));
    counted("recall_sampled", "Searches of graphs that were searched again exactly.", (read) => read.recall.sampled);
    counted("repaired_links", "Links that the check of a built graph had to add.", (read) => read.repaired);
    this.#counter(
      "searches",
      "Searches of a segment's vectors, by strategy.",
      async (counter) => {
        for (const [strategy, value] of Object.entries((await stats()).searches)) counter.inc({ strategy }, value);
      },
      ["strategy"],
    );
    this.#gauge("sequence", "Sequence of the stream that is applied.", () => projection.appliedSequence);
    this.#gauge("lag", "Messages of the stream not yet applied.", () => projection.lag());
    this.#observeEventLoop();
  }

  answered(endpoint: string, elapsedSeconds: number): void {
    this.#requests.observe({ endpoint }, elapsedSeconds);
  }

  failed(endpoint: string, code: string): void {
    this.#errors.inc({ endpoint, code });
  }

  rejectedFor(reason: RejectionReason): void {
    this.#rejected.inc({ reason });
  }

  stage(stage: Stage, strategy: Strategy, elapsedSeconds: number): void {
    this.#stages.observe({ stage, strategy }, elapsedSeconds);
  }

  /** A call of the index that several requests share. */
  joined(kind: "search" | "vectors", call: { requests: number; waitedMs: readonly number[] }): void {
    this.#joined.observe({ kind }, call.requests);
    for (const waitedMs of call.waitedMs) this.stage("queue", "none", waitedMs / 1_000);
  }

  answeredBy({ hits, passing, explain }: RetrievalAnswer): void {
    for (const { reference } of hits) this.#hits.inc({ retriever: reference.retriever });
    this.#passing.observe(passing);
    if (explain === null) return;
    const strategy = strategyOf(explain);
    for (const [stage, microseconds] of Object.entries(explain.microseconds)) {
      this.stage(stage as Stage, stage === "dense" ? strategy : "none", microseconds / 1_000_000);
    }
  }

  #gauge(name: string, help: string, read: () => Promise<number> | number): void {
    const made: Gauge = new Gauge({
      name: `hindcast_retrieval_${name}`,
      help,
      registers: this.#registers,
      collect: async () => made.set(await read()),
    });
  }

  /** The index counts; here the count is only passed on. */
  #counter(name: string, help: string, read: (counter: Counter) => Promise<void>, labelNames: string[] = []): void {
    const made: Counter = new Counter({
      name: `hindcast_retrieval_${name}_total`,
      help,
      labelNames,
      registers: this.#registers,
      collect: async () => {
        made.reset();
        await read(made);
      },
    });
  }

  /** Beside the index's own times, because a blocked loop delays answers that were found in time. */
  #observeEventLoop(): void {
    const delay = monitorEventLoopDelay({ resolution: 10 });
    delay.enable();
    const made: Gauge<"quantile"> = new Gauge({
      name: "hindcast_retrieval_event_loop_delay_seconds",
      help: "Delay of the event loop since the last scrape.",
      labelNames: ["quantile"],
      registers: this.#registers,
      collect: () => {
        for (const quantile of [50, 99, 100]) {
          made.set({ quantile: String(quantile / 100) }, delay.percentile(quantile) / 1e9);
        }
        delay.reset();
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

function recent<T>(read: () => Promise<T>): () => Promise<T> {
  let last: { at: number; value: Promise<T> } | null = null;
  return () => {
    const now = performance.now();
    if (last === null || now - last.at > statsAgeMsMax) last = { at: now, value: read() };
    return last.value;
  };
}
