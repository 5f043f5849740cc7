// Synthetic vectors with the traits of text embeddings that matter to a graph: clusters whose sizes follow Zipf's law, and
// far fewer real degrees of freedom than dimensions. The same seed gives the same vectors on every machine.
import { normalOf, randomOf } from "../harness/statistics.ts";
import { type DataMeta, writeArray, writeMeta } from "./data-set.ts";
import { prepareTruth } from "./truth.ts";

export interface ClusteredOptions {
  name: string;
  rows: number;
  dimensions: number;
  queries: number;
  clusters: number;
  /** Degrees of freedom. */
  latent: number;
}

/** Spread within a cluster, where the spread of the clusters' centres is 1. */
const spread = 0.6;

export function prepareClustered(options: ClusteredOptions): DataMeta {
  const { name, rows, dimensions, queries, clusters, latent } = options;
  const random = randomOf(rows * 31 + dimensions);
  const normal = normalOf(random);
  const projection = Float32Array.from({ length: latent * dimensions }, normal);
  const centres = Float32Array.from({ length: clusters * latent }, normal);
  const clusterOf = zipf(clusters, random);
  const make = (count: number): { vectors: Float32Array; labels: Uint16Array } => {
    const vectors = new Float32Array(count * dimensions);
    const labels = new Uint16Array(count);
    const point = new Float32Array(latent);
    for (let n = 0; n < count; n += 1) {
      const cluster = clusterOf();
      labels[n] = cluster;
      for (let axis = 0; axis < latent; axis += 1)
        point[axis] = (centres[cluster * latent + axis] ?? 0) + spread * normal();
      project(point, projection, vectors.subarray(n * dimensions, (n + 1) * dimensions));
    }
    return { vectors, labels };
  };
  const indexed = make(rows);
  const asked = make(queries);
  writeArray(name, "vectors.f32", indexed.vectors);
  writeArray(name, "queries.f32", asked.vectors);
  writeArray(name, "clusters.u16", indexed.labels);
  writeArray(name, "query-clusters.u16", asked.labels);
  const source = `synthetic, ${clusters} clusters with Zipf sizes, ${latent} degrees of freedom`;
  const meta = { name, rows, dimensions, queries, source };
  prepareTruth(meta, indexed.vectors, asked.vectors);
  writeMeta(meta);
  return meta;
}

/** `vector = point × projection`, made unit. */
function project(point: Float32Array, projection: Float32Array, vector: Float32Array): void {
  const dimensions = vector.length;
  for (let axis = 0; axis < point.length; axis += 1) {
    const weight = point[axis] ?? 0;
    const from = axis * dimensions;
    for (let at = 0; at < dimensions; at += 1) vector[at] = (vector[at] ?? 0) + weight * (projection[from + at] ?? 0);
  }
  let squares = 0;
  for (const value of vector) squares += value * value;
  const scale = 1 / Math.sqrt(squares);
  for (let at = 0; at < dimensions; at += 1) vector[at] = (vector[at] ?? 0) * scale;
}

/** Draws cluster 0 … n − 1 with weights 1, 1/2, 1/3, … */
function zipf(clusters: number, random: () => number): () => number {
  const sums = new Float64Array(clusters);
  let sum = 0;
  for (let rank = 0; rank < clusters; rank += 1) sums[rank] = sum += 1 / (rank + 1);
  return () => {
    const wanted = random() * sum;
    let low = 0;
    let high = clusters - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] ?? 0) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}
