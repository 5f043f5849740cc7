export * from "./demonstration-index.ts";
