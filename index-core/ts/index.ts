export * from "./collection.ts";
export * from "./demonstration-index.ts";
export * from "./demonstration-projection.ts";
export * from "./graph-log.ts";
export * from "./retrieval-index.ts";
export * from "./retrieval-metrics.ts";
export * from "./retrieval-service.ts";
export * from "./snapshot-exchange.ts";
export type { CheckpointFiles, DemonstrationIndexStats, IndexFile, IndexStats } from "./index-stats.ts";
