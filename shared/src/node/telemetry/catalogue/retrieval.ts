// What a retrieval replica exposes: of requests by endpoint, of searches by stage, and of its index.
import { ErrorCode } from "../../../errors.ts";
import { counter, gauge, histogram, namedBy } from "../metric-definition.ts";

const verbs = ["search", "get", "stats", "explain", "health", "vectors"] as const;
const endpoint = [...verbs, ...verbs.map((verb) => `partition-${verb}` as const)];
const strategy = ["exact", "graph", "fallback", "skip", "none"] as const;
const seconds = [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5];

export const retrievalCatalogue = {
  hindcast_retrieval_request_seconds: histogram("Time from a request's arrival to its reply.", { endpoint }, seconds),
  hindcast_retrieval_errors_total: counter("Requests answered with an error, by its code.", {
    endpoint,
    code: ErrorCode.options,
  }),
  hindcast_retrieval_hits_total: counter("Demonstrations returned, by the retriever that found them.", {
    retriever: ["observation-exact", "observation-bm25", "model-dense"],
  }),
  hindcast_retrieval_stage_seconds: histogram(
    "Time of one stage of a search, by how vectors were compared; stages inside the index of a sample of searches.",
    { stage: ["queue", "embed", "filter", "exact", "lexical", "dense", "select", "encode"], strategy },
    seconds,
  ),
  hindcast_retrieval_passing_rows: histogram(
    "Demonstrations that passed a query's filter and exclusions.",
    {},
    [0, 1, 10, 100, 1_000, 10_000, 100_000, 1_000_000],
  ),
  hindcast_retrieval_batch_requests: histogram(
    "Requests that were joined into one call of the index.",
    { kind: ["search", "vectors"] },
    [1, 2, 4, 8, 16, 32, 64, 128],
  ),
  hindcast_retrieval_rejected_total: counter("Messages of the stream and vectors that were refused, by reason.", {
    reason: ["unreadable", "refused", "crashed", "frame", "dimension", "embedder"],
  }),
  hindcast_retrieval_requests_in_flight: gauge("Searches being worked on or waiting for their sequence."),
  hindcast_retrieval_index_info: gauge("1, with what the index is made by: answers of equal versions are equal.", {
    version: namedBy("the index", 4),
  }),
  hindcast_retrieval_demonstrations: gauge("Demonstrations in the index."),
  hindcast_retrieval_segments: gauge("Segments of the index."),
  hindcast_retrieval_graph_rows: gauge("Rows searched through a graph."),
  hindcast_retrieval_scan_rows: gauge("Rows scanned exactly."),
  hindcast_retrieval_dead_ratio: gauge("Share of rows that are replaced or retired and not yet merged away."),
  hindcast_retrieval_pending_builds: gauge("Merges and graphs under way or due."),
  hindcast_retrieval_resident_bytes: gauge("Memory of the index."),
  hindcast_retrieval_mapped_bytes: gauge("Files of the index that are mapped into memory."),
  hindcast_retrieval_recall: gauge(
    "Share of the wanted rows that graphs found since the start, by searching a sample again exactly; 1 where nothing was sampled.",
  ),
  hindcast_retrieval_recall_sampled_total: counter("Searches of graphs that were searched again exactly."),
  hindcast_retrieval_recall_wanted_total: counter("Rows that those exact searches found."),
  hindcast_retrieval_recall_found_total: counter("Rows among them that the graphs had found."),
  hindcast_retrieval_repaired_links_total: counter("Links that the check of a built graph had to add."),
  hindcast_retrieval_diverged_graphs_total: counter("Graphs that are not those of the replica that announced them."),
  hindcast_retrieval_graph_wait_seconds_total: counter("Time that the log waited for a graph to be built."),
  hindcast_retrieval_searches_total: counter("Searches of a segment's vectors, by strategy.", { strategy }),
  hindcast_retrieval_sequence: gauge("Sequence of the stream that is applied."),
  hindcast_retrieval_lag: gauge("Messages of the stream not yet applied."),
  hindcast_embedding_requests_total: counter("Requests to an embedding provider that were answered, by purpose.", {
    purpose: ["document", "query"],
  }),
  hindcast_embedding_tokens_total: counter("Tokens that were embedded by a provider."),
  hindcast_embedding_cost_usd_total: counter("Dollars of the embeddings whose price is known."),
} as const;
