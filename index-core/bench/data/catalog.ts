// The data sets of the suites, made on first use.
import type { Context } from "../harness/context.ts";
import { prepareClustered } from "./clustered.ts";
import { type DataMeta, readMeta, readVectors, writeArray, writeMeta } from "./data-set.ts";
import { prepareReal } from "./real.ts";
import { prepareTruth } from "./truth.ts";

const queries = 1_000;

/** Synthetic: `wide` is 100 k × 384, `large` 1 M × 256; both tiny in a quick run. */
export function clustered(context: Context, which: "wide" | "large"): DataMeta {
  const name = context.isQuick ? `quick-${which}` : which;
  const made = readMeta(name);
  if (made !== null) return made;
  context.log(`making ${name}`);
  if (context.isQuick) {
    const rows = which === "wide" ? 3_000 : 6_000;
    return prepareClustered({ name, rows, dimensions: 64, queries: 50, clusters: 60, latent: 16 });
  }
  return which === "wide"
    ? prepareClustered({ name, rows: 100_000, dimensions: 384, queries, clusters: 1_500, latent: 48 })
    : prepareClustered({ name, rows: 1_000_000, dimensions: 256, queries, clusters: 8_000, latent: 40 });
}

/** Text of this machine, 100 k × 384. @returns why there is none where Python is missing. */
export async function real(context: Context): Promise<DataMeta | string> {
  const name = context.isQuick ? "quick-real" : "real";
  const made = readMeta(name);
  if (made !== null) return made;
  const { path, reason } = context.peers.python;
  if (path === null) return `real text needs Python: ${reason}`;
  context.log(`making ${name}`);
  const sizes = context.isQuick
    ? { rows: 2_000, dimensions: 64, queries: 50 }
    : { rows: 100_000, dimensions: 384, queries };
  return await prepareReal(path, { name, ...sizes });
}

/** The first rows of another data set, with exact answers of its own. */
export function prefixOf(whole: DataMeta, rows: number): DataMeta {
  const name = `${whole.name}-${rows}`;
  const made = readMeta(name);
  if (made !== null) return made;
  const vectors = readVectors(whole.name, "vectors").slice(0, rows * whole.dimensions);
  return prepareGiven({ ...whole, name, rows }, vectors, readVectors(whole.name, "queries"));
}

export function prepareGiven(meta: DataMeta, vectors: Float32Array, asked: Float32Array): DataMeta {
  writeArray(meta.name, "vectors.f32", vectors);
  writeArray(meta.name, "queries.f32", asked);
  prepareTruth(meta, vectors, asked);
  writeMeta(meta);
  return meta;
}
