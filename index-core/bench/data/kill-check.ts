// Opens what a killed process left and compares every row with the history up to the sequence that it says it has.
import { type Collection, openCollection } from "../engines/hindcast.ts";
import { dimensions, graphRowsMinOfHistory, stateAt, vectorOf } from "./kill-history.ts";

const queriesPerCall = 500;
const isEqual = 0.999_99;

export interface Checked {
  sequence: number;
  isLost: boolean;
  rows: number;
  wrong: number;
  extra: number;
}

export async function checkKilled(folder: string, acknowledged: number): Promise<Checked> {
  await using collection = await openCollection({ dimensions, folder, graphRowsMin: graphRowsMinOfHistory });
  const { sequence } = collection;
  const state = stateAt(sequence);
  const { rows } = await collection.stats();
  const wrong = await countWrong(collection, state);
  return { sequence, isLost: sequence < acknowledged, rows, wrong, extra: rows - state.size };
}

/** Rows that are not there in the version that they must have. */
async function countWrong(collection: Collection, state: ReadonlyMap<string, number>): Promise<number> {
  const ids = Array.from(state.keys());
  let wrong = 0;
  for (let from = 0; from < ids.length; from += queriesPerCall) {
    const asked = ids.slice(from, from + queriesPerCall);
    const found = await nearest(collection, asked, (id) => state.get(id) ?? 0);
    wrong += found.filter((id, at) => id !== asked[at]).length;
  }
  return wrong;
}

/** For each id the id of the row with exactly that vector, if there is one. */
async function nearest(
  collection: Collection,
  ids: readonly string[],
  versionOf: (id: string) => number,
): Promise<(string | null)[]> {
  const vectors = new Float32Array(ids.length * dimensions);
  for (const [at, id] of ids.entries()) vectors.set(vectorOf(id, versionOf(id)), at * dimensions);
  const { rows, scores, counts } = await collection.search({ vectors, k: 1, mode: "exact" });
  if (counts.every((count) => count === 0)) return ids.map(() => null);
  const named = await collection.resolve(rows);
  return ids.map((_, at) => ((scores[at] ?? 0) > isEqual ? (named[at] ?? null) : null));
}
