import { join } from "node:path";
import { exactSearch, Index, MetricKind, type Matches, ScalarKind } from "usearch";
import { readMeta, readVectors } from "../data/data-set.ts";
import { type Engine, graphOptions, type OpenRequest, type Runner, type RunnerOptions } from "./engine.ts";

/** npm `usearch`: f32, inner product; variants `graph` and `exact`. It has neither filters nor an expansion per query. */
export class UsearchEngine implements Engine {
  readonly #graphs = new Map<number, Index>();
  #vectors: Float32Array = new Float32Array();
  #queries: Float32Array[] = [];
  #dimensions = 0;

  build(data: string, folder: string, threads: number): Promise<void> {
    const { rows, dimensions } = readMeta(data)!;
    const index = graphOf(dimensions, 64);
    const keys = BigUint64Array.from({ length: rows }, (_, row) => BigInt(row));
    index.add(keys, readVectors(data, "vectors"), threads);
    index.save(join(folder, "index.usearch"));
    return Promise.resolve();
  }

  open({ data, folder, efs }: OpenRequest): Promise<void> {
    this.#dimensions = readMeta(data)!.dimensions;
    const queries = readVectors(data, "queries");
    // Copies, because `exactSearch` reads a view from the start of its buffer.
    for (let from = 0; from < queries.length; from += this.#dimensions)
      this.#queries.push(queries.slice(from, from + this.#dimensions));
    for (const [at, ef] of efs.entries()) {
      const index = graphOf(this.#dimensions, ef);
      // One is loaded; those for other expansions map the same file, so that memory is counted once.
      if (at === 0) index.load(join(folder, "index.usearch"));
      else index.view(join(folder, "index.usearch"));
      this.#graphs.set(ef, index);
    }
    // Without a graph only the exact variant is wanted.
    if (efs.length === 0) this.#vectors = readVectors(data, "vectors");
    return Promise.resolve();
  }

  runner({ variant, ef, k, filter }: RunnerOptions): Runner {
    if (filter !== null) throw new Error("npm usearch has no filters");
    const search = variant === "exact" ? this.#exact(k) : this.#graph(ef, k);
    return {
      isAsync: false,
      run: (query) => search(this.#queries[query]!),
      ids: (results) =>
        (results as Matches[]).flatMap(({ keys }) => Array.from({ length: k }, (_, rank) => Number(keys[rank] ?? -1))),
    };
  }

  batch({ ef, k, variant }: RunnerOptions, threads: number): () => number {
    const index = this.#graphs.get(ef);
    if (index === undefined || variant === "exact") return () => this.#batchExact(k, threads);
    const all = joined(this.#queries);
    return () => {
      index.search(all, k, threads);
      return this.#queries.length;
    };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #batchExact(k: number, threads: number): number {
    exactSearch(this.#vectors, joined(this.#queries), this.#dimensions, k, MetricKind.IP, threads);
    return this.#queries.length;
  }

  #exact(k: number): (query: Float32Array) => unknown {
    return (query) => exactSearch(this.#vectors, query, this.#dimensions, k, MetricKind.IP, 1);
  }

  #graph(ef: number, k: number): (query: Float32Array) => Matches {
    const index = this.#graphs.get(ef)!;
    return (query) => index.search(query, k, 1);
  }
}

function joined(queries: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(queries.reduce((sum, query) => sum + query.length, 0));
  for (const [at, query] of queries.entries()) all.set(query, at * query.length);
  return all;
}

function graphOf(dimensions: number, ef: number): Index {
  return new Index({
    metric: MetricKind.IP,
    quantization: ScalarKind.F32,
    dimensions,
    connectivity: graphOptions.connectivity,
    expansion_add: graphOptions.expansionAdd,
    expansion_search: ef,
    multi: false,
  });
}
