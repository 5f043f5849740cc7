// Opens what a killed process left and compares every row with the history up to the sequence that it says it has.
import { openCollection } from "../engines/hindcast.ts";
import { argumentsOf } from "../harness/arguments.ts";
import { dimensions, graphRowsMinOfHistory, stateAt, vectorOf } from "../data/kill-history.ts";

const { folder, acknowledged } = argumentsOf({ folder: "", acknowledged: "0" });
const queriesPerCall = 500;
const isEqual = 0.999_99;

await using collection = await openCollection({ dimensions, folder, graphRowsMin: graphRowsMinOfHistory });
const { sequence } = collection;
const state = stateAt(sequence);
const { rows } = await collection.stats();
const isLost = sequence < Number(acknowledged);
console.log(JSON.stringify({ sequence, isLost, rows, wrong: await countWrong(), extra: rows - state.size }));

/** Rows that are not there in the version that they must have. */
async function countWrong(): Promise<number> {
  const ids = Array.from(state.keys());
  let wrong = 0;
  for (let from = 0; from < ids.length; from += queriesPerCall) {
    const asked = ids.slice(from, from + queriesPerCall);
    const found = await nearest(asked, (id) => state.get(id) ?? 0);
    wrong += found.filter((id, at) => id !== asked[at]).length;
  }
  return wrong;
}

/** For each id the id of the row with exactly that vector, if there is one. */
async function nearest(ids: readonly string[], versionOf: (id: string) => number): Promise<(string | null)[]> {
  const vectors = new Float32Array(ids.length * dimensions);
  for (const [at, id] of ids.entries()) vectors.set(vectorOf(id, versionOf(id)), at * dimensions);
  const { rows, scores, counts } = await collection.search({ vectors, k: 1, mode: "exact" });
  if (counts.every((count) => count === 0)) return ids.map(() => null);
  const named = await collection.resolve(rows);
  return ids.map((_, at) => ((scores[at] ?? 0) > isEqual ? (named[at] ?? null) : null));
}
