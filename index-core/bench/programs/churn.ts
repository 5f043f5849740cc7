// Searches a collection while its rows are replaced, and checks each answer: `churn.ts --rows 20000 --rate 10000 …`.
// Prints how often an answer was malformed, latency without and with upserts beside, and recall before and after.
import { type Collection, graphRowsMin, idOf, openCollection } from "../engines/hindcast.ts";
import { quantile } from "../harness/statistics.ts";
import { argumentsOf } from "../harness/arguments.ts";
import { type Answer, checkAnswer, type Faults, noFaults } from "../data/checked-answers.ts";
import { MovingRows } from "../data/moving-rows.ts";
import { SteadyWriter } from "../data/steady-writer.ts";

const values = argumentsOf({
  rows: "20000",
  dimensions: "128",
  rate: "10000",
  turnovers: "10",
  checked: "0",
  quietMs: "5000",
});
const rows = Number(values.rows);
const dimensions = Number(values.dimensions);
const rate = Number(values.rate);
const checkedWanted = Number(values.checked);
const k = 10;
const ef = 64;
/** Searches between two looks at the clock and one `resolve`. */
const burst = 20;
const recallQueries = 200;

const moving = new MovingRows(rows, dimensions);
await using collection = await openCollection({ dimensions, graphRowsMin });
const all = Array.from({ length: rows }, (_, row) => row);
await upsert(all, moving.newest);
await collection.settle();
const recallBefore = await recall();
const quiet = await searchFor(Number(values.quietMs), { upserts: false });
const busy = await searchFor(Number.POSITIVE_INFINITY, { upserts: true });
const afterwards = performance.now();
await collection.settle();
const settleMs = performance.now() - afterwards;
const recallAfter = await recall();
const { segments, graphRows, deadRows } = await collection.stats();
const result = {
  rows,
  dimensions,
  rate,
  quiet,
  busy,
  recallBefore,
  recallAfter,
  settleMs,
  segments,
  graphRows,
  deadRows,
};
console.log(JSON.stringify(result));

async function upsert(changed: readonly number[], vectors: Float32Array): Promise<void> {
  await collection.upsert({ ids: changed.map(idOf), vectors });
  moving.acknowledge(changed);
}

interface Phase {
  searches: number;
  upserts: number;
  seconds: number;
  /** Single searches, microseconds. */
  p50: number;
  p99: number;
  faults: Faults;
  /** Answers' rows that had been replaced by the time their ids were asked for. */
  replaced: number;
}

/** Until the time is over; with upserts, until the turnovers are done and enough searches are checked. */
async function searchFor(milliseconds: number, { upserts }: { upserts: boolean }): Promise<Phase> {
  const startedAt = performance.now();
  const writer = upserts ? steadyWriter(startedAt) : null;
  const phase = { searches: 0, replaced: 0, faults: noFaults() };
  const micros: number[] = [];
  while (
    writer === null ? performance.now() - startedAt < milliseconds : !writer.isDone || phase.searches < checkedWanted
  ) {
    // The long run keeps replacing rows until the last search is checked.
    writer?.keepOn(phase.searches < checkedWanted);
    const answers = checkedWanted === 0 ? await singles(micros) : quickBurst(micros);
    const ids = await collection.resolve(Uint32Array.from(answers.flatMap(({ found }) => Array.from(found))));
    let at = 0;
    for (const answer of answers) {
      const named = Array.from(answer.found, () => ids[at++] ?? null);
      const unnamed = named.filter((id) => id === null).length;
      // Where nothing is replaced, every row has an id.
      if (writer === null) phase.faults.unknown += unnamed;
      else phase.replaced += unnamed;
      checkAnswer(answer, named, { moving, faults: phase.faults, k });
    }
    phase.searches += answers.length;
    // A turn of the event loop, for the writer's timer.
    await new Promise((resolve) => setImmediate(resolve));
  }
  await writer?.stop();
  const seconds = (performance.now() - startedAt) / 1_000;
  return { ...phase, upserts: writer?.done ?? 0, seconds, p50: quantile(micros, 0.5), p99: quantile(micros, 0.99) };
}

function steadyWriter(startedAt: number): SteadyWriter {
  return new SteadyWriter({
    startedAt,
    rate,
    atLeast: Number(values.turnovers) * rows,
    write: async (count) => {
      const { changed, vectors } = moving.next(Math.min(count, Math.floor(rows / 2)));
      await upsert(changed, vectors);
      return changed.length;
    },
  });
}

/** One asynchronous search after the other, as an agent asks. */
async function singles(micros: number[]): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let n = 0; n < burst; n += 1) {
    const query = moving.fill(new Float32Array(dimensions));
    const startedAt = performance.now();
    const { rows: found, scores, counts } = await collection.search({ vectors: query, k, ef });
    micros.push((performance.now() - startedAt) * 1_000);
    const count = counts[0] ?? 0;
    answers.push({ query, startedAt, found: found.subarray(0, count), scores: scores.subarray(0, count) });
  }
  return answers;
}

/** Synchronous searches, for the long run; upserts go on in other threads meanwhile. */
function quickBurst(micros: number[]): Answer[] {
  return Array.from({ length: burst }, () => {
    const query = moving.fill(new Float32Array(dimensions));
    const found = new Uint32Array(k);
    const scores = new Float32Array(k);
    const startedAt = performance.now();
    const count = collection.searchInto(query, ef, found, scores);
    // A sample, because ten million numbers need not be kept.
    if (micros.length < 1_000_000) micros.push((performance.now() - startedAt) * 1_000);
    return { query, startedAt, found: found.subarray(0, count), scores: scores.subarray(0, count) };
  });
}

/** Recall of the graph and of what `auto` chooses, against a plain loop over the rows as they are now. */
async function recall(): Promise<Record<"graph" | "auto", number>> {
  const found = { graph: 0, auto: 0 };
  for (let n = 0; n < recallQueries; n += 1) {
    const query = moving.fill(new Float32Array(dimensions));
    const best = moving.best(query, k);
    for (const mode of ["graph", "auto"] as const) found[mode] += await hits(collection, { query, mode, best });
  }
  return { graph: found.graph / (recallQueries * k), auto: found.auto / (recallQueries * k) };
}

async function hits(
  from: Collection,
  { query, mode, best }: { query: Float32Array; mode: "graph" | "auto"; best: Set<number> },
): Promise<number> {
  const { rows: found, counts } = await from.search({ vectors: query, k, ef, mode });
  const ids = await from.resolve(found.subarray(0, counts[0] ?? 0));
  return ids.filter((id) => id !== null && best.has(Number(id))).length;
}
