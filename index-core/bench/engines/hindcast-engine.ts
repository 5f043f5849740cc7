import { readMeta, readVectors } from "../data/data-set.ts";
import { type ColumnsOf, columnsOfData } from "./columns.ts";
import type { Engine, OpenRequest, Runner, RunnerOptions } from "./engine.ts";
import { excludedOf, filterNamed, wantedClusters } from "./filters.ts";
import {
  type Collection,
  type CollectionSearch,
  filterOf,
  idOf,
  neverGraph,
  openCollection,
  type SearchHits,
} from "./hindcast.ts";

const batch = 10_000;

export interface HindcastKind {
  /** No graph, so that `searchInto` is exact, too. */
  isFlat: boolean;
  /** Those of the data set's filter cases. */
  hasColumns: boolean;
  storage: "f32" | "bf16";
}

/**
 * Ours. Variants: `sync` is `searchInto`, which chooses the mode itself; `graph`, `exact` and `auto` are `search` in that
 * mode.
 */
export class HindcastEngine implements Engine {
  readonly #kind: HindcastKind;
  #collection: Collection | null = null;
  #data = "";
  #dimensions = 0;
  #queries: Float32Array[] = [];

  private constructor(kind: HindcastKind) {
    this.#kind = kind;
  }

  static async load(kind: HindcastKind): Promise<HindcastEngine> {
    // Fails here, not in the middle of a run, when the native library is not built.
    await (await openCollection({ dimensions: 4 })).close();
    return new HindcastEngine(kind);
  }

  async build(data: string, folder: string): Promise<void> {
    const { rows, dimensions } = readMeta(data)!;
    const columnsOf = this.#columnsOf(data);
    const columns = Object.keys(columnsOf(0, 0));
    await using collection = await openCollection({
      dimensions,
      folder,
      columns,
      graphRowsMin: neverGraph,
      storage: this.#kind.storage,
    });
    const vectors = readVectors(data, "vectors");
    for (let from = 0; from < rows; from += batch) {
      const to = Math.min(rows, from + batch);
      await collection.upsert({
        ids: Array.from({ length: to - from }, (_, at) => idOf(from + at)),
        vectors: vectors.subarray(from * dimensions, to * dimensions),
        columns: columnsOf(from, to),
      });
    }
    await collection.settle();
    // Peers make one graph of everything, too.
    if (!this.#kind.isFlat) await collection.optimise();
    await collection.checkpoint(1);
  }

  async open({ data, folder }: OpenRequest): Promise<void> {
    this.#data = data;
    this.#dimensions = readMeta(data)!.dimensions;
    const queries = readVectors(data, "queries");
    for (let from = 0; from < queries.length; from += this.#dimensions)
      this.#queries.push(queries.slice(from, from + this.#dimensions));
    const columns = Object.keys(this.#columnsOf(data)(0, 0));
    const { storage } = this.#kind;
    const options = { dimensions: this.#dimensions, folder, columns, graphRowsMin: neverGraph, storage };
    this.#collection = await openCollection(options);
  }

  runner(options: RunnerOptions): Runner {
    return options.variant === "sync" ? this.#sync(options) : this.#async(options);
  }

  async close(): Promise<void> {
    await this.#collection?.close();
  }

  #columnsOf(data: string): ColumnsOf {
    return this.#kind.hasColumns ? columnsOfData(data) : () => ({});
  }

  #sync({ ef, k }: RunnerOptions): Runner {
    const collection = this.#collection!;
    // One per query, made before the clock starts, so that the recall can be taken afterwards.
    const rows = this.#queries.map(() => new Uint32Array(k));
    const scores = new Float32Array(k);
    const asked: number[] = [];
    return {
      isAsync: false,
      run: (query) => {
        asked.push(query);
        return collection.searchInto(this.#queries[query]!, ef, rows[query]!, scores);
      },
      ids: async (results) =>
        await this.#ids(
          (results as number[]).map((count, at) => ({ rows: rows[asked[at]!]!, count })),
          k,
        ),
    };
  }

  #async({ variant, ef, k, filter }: RunnerOptions): Runner {
    const collection = this.#collection!;
    const mode = variant as "graph" | "exact" | "auto";
    const more = filter === null ? () => ({}) : this.#filter(filter);
    return {
      isAsync: true,
      run: (query) => collection.search({ vectors: this.#queries[query]!, k, ef, mode, ...more(query) }),
      ids: async (results) =>
        await this.#ids(
          (results as SearchHits[]).map(({ rows, counts }) => ({ rows, count: counts[0] ?? 0 })),
          k,
        ),
    };
  }

  #filter(name: string): (query: number) => Pick<CollectionSearch, "filter" | "exclude"> {
    const filter = filterNamed(this.#data, name);
    if (filter.kind === "exclude") {
      const excluded = excludedOf(this.#data);
      return (query) => ({ exclude: Array.from(excluded(query), idOf) });
    }
    const wanted = filter.kind === "cluster" ? wantedClusters(this.#data, name) : null;
    return (query) => ({ filter: filterOf(filter, wanted?.[query] ?? null)! });
  }

  async #ids(found: readonly { rows: Uint32Array; count: number }[], k: number): Promise<number[]> {
    const all = Uint32Array.from(found.flatMap(({ rows, count }) => Array.from(rows.subarray(0, count))));
    const ids = await this.#collection!.resolve(all);
    let at = 0;
    return found.flatMap(({ count }) =>
      Array.from({ length: k }, (_, rank) => (rank < count ? Number(ids[at++] ?? -1) : -1)),
    );
  }
}
