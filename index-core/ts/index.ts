export * from "./demonstration-index.ts";
export * from "./demonstration-projection.ts";
export * from "./retrieval-metrics.ts";
export * from "./retrieval-service.ts";
