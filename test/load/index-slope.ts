// How an index of demonstrations grows: bytes, pace and latency at several sizes, in one process, without a server.
import { DemonstrationIndex } from "@hindcast/index-core";
import { corpusOf, textOf } from "../../index-core/bench/data/corpus.ts";
import { RetrievalQuery } from "@hindcast/shared";
import { quantile } from "./statistics.ts";

const batch = 1_000;
const queries = 200;

export interface IndexSlope {
  demonstrations: number;
  upsertsPerSecond: number;
  /** Of the whole process, above what it had before: vectors, links, texts and what retrieval returns. */
  residentBytesEach: number;
  vectorBytesEach: number;
  searchP50Ms: number;
}

export async function indexSlope(sizes: readonly number[]): Promise<IndexSlope[]> {
  const slopes: IndexSlope[] = [];
  const before = residentBytes();
  await using index = await DemonstrationIndex.open({});
  let [rows, milliseconds] = [0, 0];
  for (const size of sizes) {
    const startedAt = performance.now();
    for (; rows < size; rows += batch) await index.upsert(corpusOf(rows, Math.min(size, rows + batch)));
    milliseconds += performance.now() - startedAt;
    await index.settle();
    const { residentBytes: resident, mappedBytes: mapped } = await index.stats();
    const micros: number[] = [];
    for (let n = 0; n < queries; n += 1) {
      const askedAt = performance.now();
      await index.search([queryOf(textOf(n * 7, 12))]);
      micros.push(performance.now() - askedAt);
    }
    slopes.push({
      demonstrations: size,
      upsertsPerSecond: (size * 1_000) / milliseconds,
      residentBytesEach: (residentBytes() - before) / size,
      vectorBytesEach: (resident + mapped) / size,
      searchP50Ms: quantile(micros, 0.5),
    });
  }
  return slopes;
}

function residentBytes(): number {
  globalThis.gc?.();
  return process.memoryUsage.rss();
}

function queryOf(query: string): RetrievalQuery {
  return RetrievalQuery.parse({
    environment: "shell",
    observation: null,
    query,
    observationBased: 0,
    modelBased: 5,
    filter: null,
    exclude: { demonstrations: [], tasks: [], documents: [], episodes: [] },
    perTrajectoryMax: 2,
    tokenBudget: 8_000,
  });
}
