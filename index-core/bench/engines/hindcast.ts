// What the benchmark uses of the package's own `Collection`.
import type { Demonstration, RetrievalAnswer, RetrievalQuery } from "@hindcast/shared";
import type { FilterCase } from "./filters.ts";

export type CollectionFilter = { eq: [string, string] } | { in: [string, string[]] };
export interface CollectionSearch {
  vectors: Float32Array;
  k: number;
  ef?: number;
  filter?: CollectionFilter;
  exclude?: readonly string[];
  mode?: "auto" | "exact" | "graph";
}
export interface SearchHits {
  rows: Uint32Array;
  scores: Float32Array;
  counts: Uint32Array;
  epoch: string;
}
export interface Collection extends AsyncDisposable {
  /** Of the checkpoint that was opened. */
  readonly sequence: number;
  upsert(batch: {
    ids: readonly string[];
    vectors: Float32Array;
    columns?: Record<string, readonly string[]>;
  }): Promise<void>;
  remove(ids: readonly string[]): Promise<number>;
  search(request: CollectionSearch): Promise<SearchHits>;
  searchInto(vector: Float32Array, ef: number, rows: Uint32Array, scores: Float32Array): number;
  resolve(rows: Uint32Array): Promise<(string | null)[]>;
  settle(): Promise<void>;
  optimise(): Promise<void>;
  checkpoint(sequence: number): Promise<{ sequence: number; files: { name: string; bytes: number }[] }>;
  stats(): Promise<CollectionStats>;
  close(): Promise<void>;
}
export interface CollectionStats {
  rows: number;
  segments: number;
  graphRows: number;
  scanRows: number;
  deadRows: number;
  pendingBuilds: number;
  residentBytes: number;
  mappedBytes: number;
  repaired: number;
  storage: string;
  rowBytes: number;
  /** Graph answers that were searched again exactly, and what of these was found. */
  recall?: { sampled: number; found: number; wanted: number };
}
export interface CollectionOptions {
  dimensions: number;
  embedder: string;
  field: "observation" | "instruction" | "query";
  folder?: string;
  columns?: readonly string[];
  graphRowsMin?: number;
  storage?: "f32" | "bf16";
}
interface CollectionClass {
  open(options: CollectionOptions): Promise<Collection>;
}

/** Small enough that a collection of some thousand rows has graphs, where the default would scan. */
export const graphRowsMin = 4_096;
/** More rows than any collection has. */
export const neverGraph = 2 ** 31 - 1;

export async function openCollection(options: Omit<CollectionOptions, "embedder" | "field">): Promise<Collection> {
  // Not the whole package, which a child that is soon to be killed would load for longer than it lives.
  const module = (await import("../../ts/collection.ts")) as unknown as { Collection?: CollectionClass };
  if (module.Collection === undefined) throw new Error("index-core exports no Collection");
  return await module.Collection.open({ embedder: "bench", field: "query", ...options });
}

export const idOf = (row: number): string => String(row);

export function filterOf(filter: FilterCase, wanted: number | null): CollectionFilter | undefined {
  if (filter.kind === "tag") return { eq: [filter.name, "yes"] };
  if (filter.kind === "cluster") return { eq: ["cluster", String(wanted)] };
  return undefined;
}

interface Demonstrations extends AsyncDisposable {
  upsert(demonstrations: readonly Demonstration[]): Promise<void>;
  search(queries: readonly RetrievalQuery[]): Promise<RetrievalAnswer[]>;
  settle(): Promise<void>;
}

/** Demonstrations in memory, with `hash-v1` vectors. */
export async function openDemonstrations(options: { graphRowsMin: number }): Promise<Demonstrations> {
  const { DemonstrationIndex } = (await import("../../ts/index.ts")) as unknown as {
    DemonstrationIndex: { open(options: { graphRowsMin: number }): Promise<Demonstrations> };
  };
  return await DemonstrationIndex.open(options);
}
