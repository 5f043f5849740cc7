import { recallLately } from "../alerts/models-and-retrieval.ts";
import { type DashboardSpec, lines, number, quantiles, rateBy, sumBy } from "../dashboard.ts";

const perInstance = (metric: string): { expr: string; legend: string } => ({ expr: metric, legend: "{{instance}}" });

export const retrieval: DashboardSpec = {
  uid: "hindcast-retrieval",
  title: "Retrieval",
  rows: [
    {
      title: "Now",
      panels: [
        number(
          "Demonstrations",
          { unit: "short", description: "In the largest index." },
          "max(hindcast_retrieval_demonstrations)",
        ),
        number(
          "Lag",
          { unit: "short", description: "Messages that the slowest replica lacks." },
          "max(hindcast_retrieval_lag)",
        ),
        number(
          "Recall",
          { unit: "percentunit", description: "Lowest of the replicas since their start, by sampling." },
          "min(hindcast_retrieval_recall)",
        ),
        number(
          "Requests",
          { unit: "ops", description: "Per second." },
          "sum(rate(hindcast_retrieval_request_seconds_count[$__rate_interval]))",
        ),
        number(
          "Errors",
          { unit: "percentunit", description: "Share of the requests." },
          "(sum(rate(hindcast_retrieval_errors_total[$__rate_interval])) or vector(0)) / sum(rate(hindcast_retrieval_request_seconds_count[$__rate_interval]))",
        ),
        number(
          "In flight",
          { unit: "short", description: "Searches under way." },
          "sum(hindcast_retrieval_requests_in_flight)",
        ),
      ],
    },
    {
      title: "Latency",
      panels: [
        lines(
          "Requests",
          { unit: "s", description: "From arrival to reply." },
          quantiles("hindcast_retrieval_request_seconds", "endpoint"),
        ),
        lines(
          "Stages",
          {
            unit: "s",
            description:
              "queue, embed, filter, the searches (exact, lexical, dense, select), encode: packing the reply.",
          },
          quantiles("hindcast_retrieval_stage_seconds", "stage"),
        ),
        lines(
          "Joined requests",
          { unit: "short", description: "That shared one call of the index." },
          quantiles("hindcast_retrieval_batch_requests"),
        ),
        lines("Requests by endpoint", { unit: "ops", description: "Per second." }, [
          rateBy("hindcast_retrieval_request_seconds_count", "endpoint"),
        ]),
        lines("Hits", { unit: "ops", description: "Demonstrations returned, by retriever." }, [
          rateBy("hindcast_retrieval_hits_total", "retriever"),
        ]),
        lines("Errors by code", { unit: "ops", description: "0 where there were none." }, [
          {
            expr: "sum by (endpoint, code) (rate(hindcast_retrieval_errors_total[$__rate_interval])) or vector(0)",
            legend: "{{endpoint}} {{code}}",
          },
        ]),
      ],
    },
    {
      title: "Index",
      panels: [
        lines("Demonstrations", { unit: "short", description: "Per replica." }, [
          perInstance("hindcast_retrieval_demonstrations"),
        ]),
        lines("Sequence and lag", { unit: "short", description: "Of the demonstrations stream." }, [
          { expr: "hindcast_retrieval_sequence", legend: "sequence {{instance}}" },
          { expr: "hindcast_retrieval_lag", legend: "lag {{instance}}" },
        ]),
        lines("Bytes", { unit: "bytes", description: "In memory, and mapped from files." }, [
          { expr: "hindcast_retrieval_resident_bytes", legend: "resident {{instance}}" },
          { expr: "hindcast_retrieval_mapped_bytes", legend: "mapped {{instance}}" },
        ]),
        lines("Rows", { unit: "short", description: "How they are searched." }, [
          { expr: "sum(hindcast_retrieval_graph_rows)", legend: "graph" },
          { expr: "sum(hindcast_retrieval_scan_rows)", legend: "scan" },
        ]),
        lines("Searches of segments", { unit: "ops", description: "By strategy." }, [
          rateBy("hindcast_retrieval_searches_total", "strategy"),
        ]),
        lines("Recall", { unit: "percentunit", description: "By searching a sample again exactly; of six hours." }, [
          {
            expr: recallLately,
            legend: "{{instance}}",
          },
        ]),
        lines("Segments and builds", { unit: "short", description: "What merges have to do." }, [
          { expr: "sum(hindcast_retrieval_segments)", legend: "segments" },
          { expr: "sum(hindcast_retrieval_pending_builds)", legend: "pending" },
        ]),
        lines("Dead rows", { unit: "percentunit", description: "Replaced or retired and not yet merged away." }, [
          perInstance("hindcast_retrieval_dead_ratio"),
        ]),
        lines("Versions", { unit: "short", description: "Replicas of one version answer alike." }, [
          sumBy("hindcast_retrieval_index_info", "version"),
        ]),
        lines("Refused", { unit: "ops", description: "Messages of the stream and vectors, by reason." }, [
          rateBy("hindcast_retrieval_rejected_total", "reason"),
        ]),
        lines("Embeddings bought", { unit: "ops", description: "Requests to a provider, by purpose." }, [
          rateBy("hindcast_embedding_requests_total", "purpose"),
        ]),
        lines("Dollars of embeddings", { unit: "currencyUSD", description: "Since the processes started." }, [
          { expr: "sum(hindcast_embedding_cost_usd_total)", legend: "dollars" },
        ]),
      ],
    },
  ],
};
