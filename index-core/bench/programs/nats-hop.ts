// Where the microseconds of one binary frame go, with nothing else under way: `nats-hop.ts --rows 20000 --rounds 8`. One
// round: echoes that do nothing, compute, or read memory for as long as the service takes, the service, and its endpoint
// in this process, by turns.
import { subjects } from "@hindcast/shared";
import { Registry } from "prom-client";
import { aNatsServer } from "../../../test/support/nats-server.ts";
import { DemonstrationIndex } from "../../ts/index.ts";
import { RetrievalMetrics } from "../../ts/retrieval-metrics.ts";
import { RetrievalService } from "../../ts/retrieval-service.ts";
import { corpusOf } from "../data/corpus.ts";
import { fillStream, VectorQuestions } from "../data/vector-questions.ts";
import { argumentsOf } from "../harness/arguments.ts";
import { CoreTimer, type CoreTimes } from "../harness/core-times.ts";
import { middleOf, type Milestones, partsOf, type RequestParts } from "../harness/hop-parts.ts";
import { nowMicros, stampedRequest, stampService, stampSockets, takeStamps, type Work } from "../harness/hop-stamps.ts";
import { NatsChild } from "../harness/nats-connection.ts";
import { quantile } from "../harness/statistics.ts";

const values = argumentsOf({ rows: "20000", queries: "300", rounds: "8" });
const rows = Number(values.rows);
const queries = Number(values.queries);

stampSockets();
stampService();
await using nats = await aNatsServer();
await fillStream(await nats.coordinator(), rows);
await using service = await NatsChild.service(nats, "hop-stamps");
await using echo = NatsChild.program(nats, "index-core", "nats-echo", { probe: "hop-stamps" });
await Promise.all([service.line("index.rebuilt"), echo.line("ready")]);
await using own = await DemonstrationIndex.open();
for (let from = 0; from < rows; from += 1_000) await own.upsert(corpusOf(from, Math.min(rows, from + 1_000)));
const client = await nats.connect("client");
const questions = await VectorQuestions.of(queries);
const projection = { appliedSequence: rows, reached: () => Promise.resolve(), lag: () => Promise.resolve(0) };
const endpoint = new RetrievalService({
  index: own.trusting,
  projection,
  metrics: new RetrievalMetrics(new Registry()),
})
  .describe()
  .endpoints.find(({ name }) => name === "vectors")!;
const { signal } = new AbortController();

const toEcho = async (work: Work): Promise<Milestones[]> => {
  await echo.beginWork(work);
  return await requests("hindcast.retrieval.worked-echo", echo);
};
/** Microseconds that the service's handler took in the round before. */
let busy = 0;
const toService = async (): Promise<Milestones[]> => {
  const requested = await requests(subjects.retrievalVectors, service);
  const handled = requested.map(({ answerer }) => answerer.answered - answerer.begun);
  busy = quantile(handled, 0.5);
  return requested;
};
await toService();
const ways: Record<string, () => Promise<Milestones[]>> = {
  echo: () => toEcho({ micros: 0, isReading: false }),
  "echo that computes": () => toEcho({ micros: busy, isReading: false }),
  "echo that reads memory": () => toEcho({ micros: busy, isReading: true }),
  service: toService,
  "in process": inProcess,
};
const samples = Object.entries(ways).map(([name, way]) => ({
  name,
  way,
  rounds: [] as RequestParts[],
  processor: [] as Record<string, CoreTimes>[],
}));
const parties = { client: process.pid, server: nats.server.pid, service: service.processId, echo: echo.processId };
for (let round = -1; round < Number(values.rounds); round += 1) {
  for (const { way, rounds, processor } of samples) {
    const cores = new CoreTimer(parties);
    const startedAt = performance.now();
    const requested = await way();
    const elapsedMs = performance.now() - startedAt;
    if (round < 0) continue;
    rounds.push(partsOf(requested));
    processor.push(ofRequest(cores.read(), elapsedMs));
  }
}
await client.close();
const found = samples.map(({ name, rounds, processor }) => ({
  name,
  ...middleOf(rounds),
  processor: Object.fromEntries(
    Object.keys(parties).map((party) => [party, middleTimes(processor.map((times) => times[party]!))]),
  ),
}));
console.log(JSON.stringify({ found }));

async function requests(subject: string, answering: NatsChild): Promise<Milestones[]> {
  await answering.stamps();
  const asked: Omit<Milestones, "answerer">[] = [];
  for (let n = 0; n < queries; n += 1) {
    const start = nowMicros();
    const payload = questions.frame(n);
    const made = nowMicros();
    const asker = await stampedRequest(() => client.ask({ subject, payload }));
    asked.push({ start, made, asker, end: nowMicros() });
  }
  const answerers = await answering.stamps();
  if (answerers.length !== queries) throw new Error(`${answerers.length} of ${queries} requests were stamped`);
  return asked.map((one, at) => ({ ...one, answerer: answerers[at]! }));
}

async function inProcess(): Promise<Milestones[]> {
  takeStamps();
  const asked: Omit<Milestones, "answerer">[] = [];
  for (let n = 0; n < queries; n += 1) {
    const start = nowMicros();
    const payload = questions.frame(n);
    const made = nowMicros();
    await endpoint.handle(payload, signal);
    asked.push({ start, made, asker: null, end: nowMicros() });
  }
  const answerers = takeStamps();
  return asked.map((one, at) => ({ ...one, answerer: answerers[at]! }));
}

/** Percent of a core to microseconds of a request. */
function ofRequest(times: Record<string, CoreTimes>, elapsedMs: number): Record<string, CoreTimes> {
  const each = (elapsedMs * 10) / queries;
  const entries = Object.entries(times);
  return Object.fromEntries(
    entries.map(([party, { running, waiting }]) => [party, { running: running * each, waiting: waiting * each }]),
  );
}

function middleTimes(times: readonly CoreTimes[]): CoreTimes {
  const middle = (kind: keyof CoreTimes): number =>
    quantile(
      times.map((one) => one[kind]),
      0.5,
    );
  return { running: middle("running"), waiting: middle("waiting") };
}
