import { join } from "node:path";
import { readMeta, readVectors } from "../data/data-set.ts";
import { type Engine, graphOptions, type OpenRequest, type Runner, type RunnerOptions } from "./engine.ts";
import { predicateOf } from "./filters.ts";
import { peerModule } from "./peer-module.ts";

interface Hnsw {
  initIndex(options: { maxElements: number; m: number; efConstruction: number; randomSeed: number }): void;
  addPoint(point: number[], label: number): void;
  writeIndexSync(path: string): void;
  readIndexSync(path: string): void;
  setEf(ef: number): void;
  searchKnn(query: number[], k: number, filter?: (label: number) => boolean): { neighbors: number[] };
}
interface HnswlibNode {
  HierarchicalNSW: new (space: "ip", dimensions: number) => Hnsw;
}

/** `hnswlib-node`: f32, inner product, one thread; queries are turned into `number[]` before the clock starts. */
export class HnswlibNodeEngine implements Engine {
  readonly #module = peerModule<HnswlibNode>("hnswlib-node");
  #index: Hnsw | null = null;
  #data = "";
  #queries: number[][] = [];

  build(data: string, folder: string): Promise<void> {
    const { rows, dimensions } = readMeta(data)!;
    const vectors = readVectors(data, "vectors");
    const index = new this.#module.HierarchicalNSW("ip", dimensions);
    const { connectivity, expansionAdd } = graphOptions;
    index.initIndex({ maxElements: rows, m: connectivity, efConstruction: expansionAdd, randomSeed: 100 });
    for (let row = 0; row < rows; row += 1)
      index.addPoint(Array.from(vectors.subarray(row * dimensions, (row + 1) * dimensions)), row);
    index.writeIndexSync(join(folder, "index.hnsw"));
    return Promise.resolve();
  }

  open({ data, folder }: OpenRequest): Promise<void> {
    const { dimensions, queries } = readMeta(data)!;
    const all = readVectors(data, "queries");
    this.#data = data;
    this.#queries = Array.from({ length: queries }, (_, query) =>
      Array.from(all.subarray(query * dimensions, (query + 1) * dimensions)),
    );
    this.#index = new this.#module.HierarchicalNSW("ip", dimensions);
    this.#index.readIndexSync(join(folder, "index.hnsw"));
    return Promise.resolve();
  }

  runner({ ef, k, filter }: RunnerOptions): Runner {
    const index = this.#index!;
    index.setEf(ef);
    const predicate = filter === null ? null : predicateOf(this.#data, filter);
    return {
      isAsync: false,
      run: (query) =>
        predicate === null
          ? index.searchKnn(this.#queries[query]!, k)
          : index.searchKnn(this.#queries[query]!, k, predicate(query)),
      ids: (results) =>
        (results as { neighbors: number[] }[]).flatMap(({ neighbors }) =>
          Array.from({ length: k }, (_, rank) => neighbors[rank] ?? -1),
        ),
    };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
