// Time to open a collection and to answer the first query, in a fresh process: `open.ts --data large --folder …`.
import { readMeta, readVectors } from "../data/data-set.ts";
import { columnsOfData } from "../engines/columns.ts";
import { neverGraph, openCollection } from "../engines/hindcast.ts";
import { argumentsOf } from "../harness/arguments.ts";

const defaults = { data: "large", folder: "", columns: "false", isCheckpoint: "false" };
const { data, folder, columns, isCheckpoint } = argumentsOf(defaults);
const { dimensions, rows } = readMeta(data)!;
const queries = readVectors(data, "queries");
const k = 10;

// Loads the package and its library.
await (await openCollection({ dimensions })).close();

const startedAt = performance.now();
await using collection = await openCollection({
  dimensions,
  folder,
  columns: columns === "true" ? Object.keys(columnsOfData(data)(0, 0)) : [],
  graphRowsMin: neverGraph,
});
const openMs = performance.now() - startedAt;
const queryMs: number[] = [];
for (let query = 0; query < 20; query += 1) {
  const from = performance.now();
  await collection.search({ vectors: queries.slice(query * dimensions, (query + 1) * dimensions), k, ef: 64 });
  queryMs.push(performance.now() - from);
}
/** A change of a tenth of the rows, so that the checkpoint has segments to write and not only a manifest. */
const change = Math.floor(rows / 10);
let checkpoint: { ms: number; bytes: number } | null = null;
if (isCheckpoint === "true") {
  const vectors = readVectors(data, "vectors").subarray(0, change * dimensions);
  const ids = Array.from({ length: change }, (_, row) => `new-${row}`);
  await collection.upsert({ ids, vectors });
  const from = performance.now();
  const { files } = await collection.checkpoint(2);
  checkpoint = { ms: performance.now() - from, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0) };
}
console.log(JSON.stringify({ openMs, firstQueryMs: queryMs[0], laterQueryMs: Math.min(...queryMs), checkpoint }));
