import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { DemonstrationIndex } from "./demonstration-index.ts";
import type { DemonstrationProjection } from "./demonstration-projection.ts";

/** What a retrieval replica tells Prometheus. Labels are bounded: endpoints and error codes, never ids. */
export class RetrievalMetrics {
  readonly #seconds: Histogram<"endpoint">;
  readonly #errors: Counter<"endpoint" | "code">;
  readonly #hits: Counter<"retriever">;
  readonly #registers: Registry[];
  readonly rejected: Counter;
  readonly inFlight: Gauge;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#registers = registers;
    this.#seconds = new Histogram({
      name: "hindcast_retrieval_request_seconds",
      help: "Time from a request's arrival to its reply.",
      labelNames: ["endpoint"],
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5],
      registers,
    });
    this.#errors = new Counter({
      name: "hindcast_retrieval_errors_total",
      help: "Requests answered with an error, by its code.",
      labelNames: ["endpoint", "code"],
      registers,
    });
    this.#hits = new Counter({
      name: "hindcast_retrieval_hits_total",
      help: "Demonstrations returned, by the retriever that found them.",
      labelNames: ["retriever"],
      registers,
    });
    this.rejected = new Counter({
      name: "hindcast_retrieval_rejected_total",
      help: "Messages of the demonstrations stream that could not be indexed.",
      registers,
    });
    this.inFlight = new Gauge({
      name: "hindcast_retrieval_requests_in_flight",
      help: "Searches being worked on or waiting for their sequence.",
      registers,
    });
  }

  /** Gauges that are read when they are scraped. */
  observe(index: Pick<DemonstrationIndex, "stats">, projection: DemonstrationProjection): void {
    const gauge = (name: string, help: string, read: () => Promise<number> | number): void => {
      const made: Gauge = new Gauge({
        name,
        help,
        registers: this.#registers,
        collect: async () => made.set(await read()),
      });
    };
    gauge("hindcast_retrieval_demonstrations", "Demonstrations in the index.", async () => {
      return (await index.stats()).demonstrations;
    });
    gauge("hindcast_retrieval_graph_rows", "Demonstrations searched through a graph.", async () => {
      return (await index.stats()).graphRows;
    });
    gauge("hindcast_retrieval_sequence", "Sequence of the stream that is applied.", () => projection.appliedSequence);
    gauge("hindcast_retrieval_lag", "Messages of the stream not yet applied.", () => projection.lag());
  }

  answered(endpoint: string, seconds: number): void {
    this.#seconds.observe({ endpoint }, seconds);
  }

  failed(endpoint: string, code: string): void {
    this.#errors.inc({ endpoint, code });
  }

  found(retriever: string): void {
    this.#hits.inc({ retriever });
  }
}
