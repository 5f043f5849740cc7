import { join } from "node:path";
import { readMeta, readVectors } from "../data/data-set.ts";
import { type Engine, graphOptions, type OpenRequest, type Runner, type RunnerOptions } from "./engine.ts";
import { peerModule } from "./peer-module.ts";

interface Query {
  distanceType(type: "dot"): Query;
  ef(ef: number): Query;
  nprobes(partitions: number): Query;
  refineFactor(factor: number): Query;
  bypassVectorIndex(): Query;
  select(columns: string[]): Query;
  limit(k: number): Query;
  toArrow(): Promise<{ getChild(name: string): { toArray(): ArrayLike<number> } | null }>;
}
interface Table {
  add(data: object): Promise<unknown>;
  createIndex(column: string, options: { config: object }): Promise<void>;
  waitForIndex(names: string[], seconds: number): Promise<void>;
  query(): { nearestTo(vector: Float32Array): Query };
}
interface Lance {
  connect(folder: string): Promise<{
    createTable(name: string, data: object): Promise<Table>;
    openTable(name: string): Promise<Table>;
  }>;
  Index: { hnswSq(options: object): object };
}
interface Arrow {
  Table: new (columns: Record<string, object>) => object;
  makeData(options: object): object;
  makeVector(data: object): object;
  vectorFromArray(values: Int32Array): object;
  FixedSizeList: new (size: number, field: object) => object;
  Field: new (name: string, type: object, nullable: boolean) => object;
  Float32: new () => object;
}

/** Rows handed over at a time. */
const batch = 50_000;

/** LanceDB: variant `graph` is IVF-HNSW-SQ (8 bits) in one partition, re-ranked × 4 by f32 (× 3 at ef 32, since it wants ef ≥ candidates); `exact` is its flat search. */
export class LanceEngine implements Engine {
  readonly #lance = peerModule<Lance>("@lancedb/lancedb");
  readonly #arrow = peerModule<Arrow>("apache-arrow");
  #table: Table | null = null;
  #queries: Float32Array[] = [];

  async build(data: string, folder: string): Promise<void> {
    const { rows, dimensions } = readMeta(data)!;
    const vectors = readVectors(data, "vectors");
    const database = await this.#lance.connect(join(folder, "lance"));
    let table: Table | null = null;
    for (let from = 0; from < rows; from += batch) {
      const piece = this.#rows(vectors, dimensions, from, Math.min(rows, from + batch));
      if (table === null) table = await database.createTable("vectors", piece);
      else await table.add(piece);
    }
    const { connectivity, expansionAdd } = graphOptions;
    const options = { distanceType: "dot", numPartitions: 1, m: connectivity, efConstruction: expansionAdd };
    await table!.createIndex("vector", { config: this.#lance.Index.hnswSq(options) });
    await table!.waitForIndex(["vector_idx"], 3_600);
  }

  async open({ data, folder }: OpenRequest): Promise<void> {
    const { dimensions } = readMeta(data)!;
    const queries = readVectors(data, "queries");
    for (let from = 0; from < queries.length; from += dimensions)
      this.#queries.push(queries.slice(from, from + dimensions));
    const database = await this.#lance.connect(join(folder, "lance"));
    this.#table = await database.openTable("vectors");
  }

  runner({ variant, ef, k, filter }: RunnerOptions): Runner {
    if (filter !== null) throw new Error("filters of LanceDB are not measured");
    const ask = (query: number): Query => {
      const asked = this.#table!.query().nearestTo(this.#queries[query]!).distanceType("dot").select(["id"]).limit(k);
      return variant === "exact"
        ? asked.bypassVectorIndex()
        : asked
            .nprobes(1)
            .ef(ef)
            .refineFactor(Math.min(4, Math.floor(ef / k)));
    };
    return {
      isAsync: true,
      run: (query) => ask(query).toArrow(),
      ids: (results) =>
        (results as Awaited<ReturnType<Query["toArrow"]>>[]).flatMap((found) => {
          const ids = found.getChild("id")?.toArray() ?? [];
          return Array.from({ length: k }, (_, rank) => ids[rank] ?? -1);
        }),
    };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #rows(vectors: Float32Array, dimensions: number, from: number, to: number): object {
    const arrow = this.#arrow;
    const values = arrow.makeData({
      type: new arrow.Float32(),
      data: vectors.subarray(from * dimensions, to * dimensions),
    });
    const type = new arrow.FixedSizeList(dimensions, new arrow.Field("item", new arrow.Float32(), true));
    const list = arrow.makeData({ type, length: to - from, nullCount: 0, child: values });
    const ids = Int32Array.from({ length: to - from }, (_, at) => from + at);
    return new arrow.Table({ id: arrow.vectorFromArray(ids), vector: arrow.makeVector(list) });
  }
}
