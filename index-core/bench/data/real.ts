import { existsSync } from "node:fs";
import { join } from "node:path";
import { benchFolder, sharedData } from "../harness/places.ts";
import { runToJson } from "../harness/processes.ts";
import { dataFolder, type DataMeta, readVectors, writeMeta } from "./data-set.ts";
import { prepareTruth } from "./truth.ts";

export interface RealOptions {
  name: string;
  rows: number;
  dimensions: number;
  queries: number;
}

interface Prepared {
  rows: number;
  dimensions: number;
  /** Chunks that were found, by where. */
  counts: Record<string, number>;
  /** Share of a chunk that the next one repeats; 0 unless there was too little text. */
  overlap: number;
}

/** Vectors of text that lies on this machine; the report says how much there was. Needs the Python peer. */
export async function prepareReal(python: string, options: RealOptions): Promise<DataMeta> {
  const { name, rows, queries, dimensions } = options;
  const documents = join(sharedData, "docs", "spider2v-doc-chunks.jsonl.gz");
  const script = join(benchFolder, "python", "prepare_real.py");
  const sizes = [rows, queries, dimensions].map(String);
  const made = await runToJson<Prepared>(python, [
    script,
    dataFolder(name),
    ...sizes,
    existsSync(documents) ? documents : "-",
  ]);
  const found = Object.entries(made.counts).map(([kind, count]) => `${count} of ${kind}`);
  const overlap = made.overlap === 0 ? "no overlap" : `overlapping by ${Math.round(made.overlap * 100)} %`;
  const source = `TF-IDF and SVD of ${made.rows + queries} text chunks, ${overlap}, drawn from ${found.join(", ")}`;
  const meta = { name, rows: made.rows, dimensions: made.dimensions, queries, source };
  prepareTruth(meta, readVectors(name, "vectors"), readVectors(name, "queries"));
  writeMeta(meta);
  return meta;
}
