// Searches a collection while its rows are replaced, and checks each answer: `churn.ts --rows 20000 --rate 10000 …`.
// Prints how often an answer was malformed, latency without and with upserts beside, and recall before and after.
// With `--checked` it goes on until so many answers are checked or the time is over: most of them come from calls of
// many queries, each of which is a search of its own; a few single ones in between are timed.
import { type Collection, idOf, openCollection } from "../engines/hindcast.ts";
import { quantile } from "../harness/statistics.ts";
import { argumentsOf } from "../harness/arguments.ts";
import { type Answer, checkAnswer, type Faults, noFaults } from "../data/checked-answers.ts";
import { MovingRows, sparesOfChurn } from "../data/moving-rows.ts";
import { SteadyWriter } from "../data/steady-writer.ts";

const values = argumentsOf({
  rows: "20000",
  dimensions: "128",
  rate: "10000",
  turnovers: "10",
  checked: "0",
  checkedMsMax: "0",
  graphRowsMin: "131072",
  quietMs: "5000",
});
const rows = Number(values.rows);
const dimensions = Number(values.dimensions);
const rate = Number(values.rate);
const graphRowsMin = Number(values.graphRowsMin);
const checkedWanted = Number(values.checked);
const k = 10;
const ef = 64;
/** Searches between two looks at the clock and one `resolve`. */
const burst = 20;
/** Queries of one call where answers are counted and not timed; with more, rows would be replaced before they are named. */
const batch = 250;
const queriesDrawn = 20_000;
const recallQueries = 200;

const moving = new MovingRows(rows, dimensions, sparesOfChurn);
/** For the calls of many queries, which would else wait for them to be drawn. */
const queries = checkedWanted === 0 ? new Float32Array() : drawnQueries(queriesDrawn);
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
  graphRowsMin,
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

function drawnQueries(count: number): Float32Array {
  const drawn = new Float32Array(count * dimensions);
  for (let at = 0; at < drawn.length; at += dimensions) moving.fill(drawn.subarray(at, at + dimensions));
  return drawn;
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
  const wantsMore = (): boolean =>
    phase.searches < checkedWanted && performance.now() - startedAt < Number(values.checkedMsMax);
  while (writer === null ? performance.now() - startedAt < milliseconds : !writer.isDone || wantsMore()) {
    // The long run keeps replacing rows until the last search is checked.
    writer?.keepOn(wantsMore());
    const answers = checkedWanted === 0 ? await singles(micros) : quickBurst(micros);
    await check(answers, phase, upserts);
    if (checkedWanted > 0 && writer !== null) await check(await many(), phase, upserts);
    // A turn of the event loop, for the writer's timer.
    await new Promise((resolve) => setImmediate(resolve));
  }
  await writer?.stop();
  const seconds = (performance.now() - startedAt) / 1_000;
  return { ...phase, upserts: writer?.done ?? 0, seconds, p50: quantile(micros, 0.5), p99: quantile(micros, 0.99) };
}

async function check(
  answers: readonly Answer[],
  phase: Pick<Phase, "searches" | "replaced" | "faults">,
  upserts: boolean,
): Promise<void> {
  const all = new Uint32Array(answers.length * k);
  let length = 0;
  for (const { found } of answers) {
    all.set(found, length);
    length += found.length;
  }
  const ids = await collection.resolve(all.subarray(0, length));
  let at = 0;
  for (const answer of answers) {
    const named = ids.slice(at, (at += answer.found.length));
    const unnamed = named.filter((id) => id === null).length;
    // Where nothing is replaced, every row has an id.
    if (upserts) phase.replaced += unnamed;
    else phase.faults.unknown += unnamed;
    checkAnswer(answer, named, { moving, faults: phase.faults, k });
  }
  phase.searches += answers.length;
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

/** Many searches in one call; each takes the newest state for itself. */
async function many(): Promise<Answer[]> {
  const from = Math.floor(Math.random() * (queries.length / dimensions - batch));
  const vectors = queries.subarray(from * dimensions, (from + batch) * dimensions);
  const startedAt = performance.now();
  const { rows: found, scores, counts } = await collection.search({ vectors, k, ef });
  let at = 0;
  return Array.from(counts, (count, n) => {
    const [first, last] = [at, (at += count)];
    const query = vectors.subarray(n * dimensions, (n + 1) * dimensions);
    return { query, startedAt, found: found.subarray(first, last), scores: scores.subarray(first, last) };
  });
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
