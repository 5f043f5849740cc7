import type { VectorStorage } from "@hindcast/shared";
import type { NativeCheckpoint, NativeStats } from "./native.d.ts";

/** What an index holds and does. Bytes are those of the vectors. */
export interface IndexStats {
  /** Live ones. */
  rows: number;
  byEnvironment: Record<string, number>;
  segments: number;
  /** Live rows that are searched through a graph, and those that are scanned. */
  graphRows: number;
  scanRows: number;
  /** Rows that were replaced or removed and still take place. */
  deadRows: number;
  /** Merges and builds that wait for the background. */
  pendingBuilds: number;
  /** Rows that a graph did not reach and that were linked again. */
  repaired: number;
  /** Graphs here that are not those of the replica that announced them: this one has not seen some of their rows. */
  diverged: number;
  residentBytes: number;
  mappedBytes: number;
  /** How rows are kept, and what they take of these bytes; the rest are codes and links. */
  storage: VectorStorage;
  rowBytes: number;
  /** Names the graphs; replicas with equal sequences and epochs answer alike. */
  epoch: string;
  /** Segments searched since the index was opened, by strategy. */
  searches: { exact: number; graph: number; fallback: number };
  /** Answers of graphs that were searched again exactly, and how many of the wanted rows had been found. */
  recall: { sampled: number; found: number; wanted: number };
  /** Why background work last failed; null when it did not. Search stays right without it, only slower. */
  problem: string | null;
}

export interface DemonstrationIndexStats extends Omit<IndexStats, "rows"> {
  demonstrations: number;
}

export interface IndexFile {
  name: string;
  bytes: number;
  /** The index's own; it is checked when the file is opened. */
  checksum: string;
}

/** Files of a checkpoint, the manifest last, and the sequence of the log that they hold. */
export interface CheckpointFiles {
  sequence: number;
  files: IndexFile[];
}

export function toStats(native: NativeStats): IndexStats {
  const counts = native.environments.map((name, at): [string, number] => [name, native.counts[at] ?? 0]);
  return {
    rows: native.rows,
    byEnvironment: Object.fromEntries(counts),
    segments: native.segments,
    graphRows: native.graphRows,
    scanRows: native.scanRows,
    deadRows: native.deadRows,
    pendingBuilds: native.pendingJobs,
    repaired: native.repaired,
    diverged: native.diverged,
    residentBytes: native.residentBytes,
    mappedBytes: native.mappedBytes,
    storage: native.storage,
    rowBytes: native.rowBytes,
    epoch: native.epoch,
    searches: { exact: native.searchesExact, graph: native.searchesGraph, fallback: native.searchesFallback },
    recall: { sampled: native.recallSampled, found: native.recallFound, wanted: native.recallWanted },
    problem: native.problem === "" ? null : native.problem,
  };
}

export function toCheckpoint({ sequence, files }: NativeCheckpoint): CheckpointFiles {
  return { sequence, files };
}
