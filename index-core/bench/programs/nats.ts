// The retrieval service over a real nats-server, each in its own process: `nats.ts --rows 20000 --rounds 8 --seconds 5`.
// One round: the hop alone, the same searches in this process, and the service, by turns.
import {
  decodeVectorQuestion,
  encodeVectorAnswer,
  RetrievalQuery,
  RetrievalReply,
  RetrievalRequest,
  subjects,
} from "@hindcast/shared";
import { Registry } from "prom-client";
import { aNatsServer } from "../../../test/support/nats-server.ts";
import { DemonstrationIndex } from "../../ts/index.ts";
import { RetrievalMetrics } from "../../ts/retrieval-metrics.ts";
import { RetrievalService } from "../../ts/retrieval-service.ts";
import { corpusOf, textOf } from "../data/corpus.ts";
import { fillStream, filterOf, nearest, noExclusions, VectorQuestions } from "../data/vector-questions.ts";
import { argumentsOf } from "../harness/arguments.ts";
import { NatsChild } from "../harness/nats-connection.ts";
import { ProcessorShares } from "../harness/processor-shares.ts";
import { inFlight, type Latency, openLoop, rounds } from "../harness/request-loops.ts";

const values = argumentsOf({ rows: "20000", queries: "300", rounds: "8", seconds: "5" });
const rows = Number(values.rows);
const seconds = Number(values.seconds);
/** 400 KB of vectors. */
const queriesPerMessage = Math.min(100, Number(values.queries));

await using nats = await aNatsServer();
const coordinator = await nats.coordinator();
await fillStream(coordinator, rows);
await using service = await NatsChild.service(nats);
await using echo = NatsChild.program(nats, "index-core", "nats-echo");
await Promise.all([service.line("index.rebuilt"), echo.line("ready")]);
await using own = await DemonstrationIndex.open();
for (let from = 0; from < rows; from += 1_000) await own.upsert(corpusOf(from, Math.min(rows, from + 1_000)));
const client = await nats.connect("client");
const questions = await VectorQuestions.of(Number(values.queries));

const text = (n: number): RetrievalQuery =>
  RetrievalQuery.parse({
    environment: "shell",
    observation: null,
    query: textOf(n * 7, 12),
    observationBased: 0,
    modelBased: nearest,
    filter: filterOf(n),
    exclude: noExclusions,
    perTrajectoryMax: 50,
    tokenBudget: 1_000_000,
  });
const frame = (n: number, count = 1): Uint8Array => questions.frame(n, count);
const ask = (subject: string, payload: Uint8Array): Promise<Uint8Array> => client.ask({ subject, payload });
const asJson = (n: number): Promise<unknown> =>
  client.request({
    subject: subjects.retrievalSearch,
    request: RetrievalRequest,
    reply: RetrievalReply,
    value: { v: 1, kind: "retrieval.search", queries: [text(n)], minSequence: null, deadlineMs: 5_000 },
  });
const asFrame = (n: number): Promise<unknown> => ask(subjects.retrievalVectors, frame(n));
const inProcess = (n: number): Promise<unknown> =>
  own.searchVectors({
    environment: "shell",
    embedder: "hash-v1",
    vectors: questions.vectors(n),
    k: nearest,
    filter: filterOf(n),
    exclude: noExclusions,
  });

/** The parts of a frame's way through the service, without the hop. */
const projection = { appliedSequence: rows, reached: () => Promise.resolve(), lag: () => Promise.resolve(0) };
const metrics = new RetrievalMetrics(new Registry());
const endpoint = new RetrievalService({ index: own.trusting, projection, metrics })
  .describe()
  .endpoints.find(({ name }) => name === "vectors")!;
const { signal } = new AbortController();
const asked = frame(0);
const question = decodeVectorQuestion(asked);
const here = own.trusting.searchVectorsHere({ ...question.search, vectors: question.vectors, k: nearest });
const answer = { ...here, indexSequence: rows, indexVersion: own.version };

const latency = await rounds(Number(values.rounds), Number(values.queries), {
  "echo, 16 bytes": () => ask("hindcast.retrieval.echo", new Uint8Array(16)),
  "echo, a frame's bytes": (n) => ask("hindcast.retrieval.echo", frame(n)),
  "in process, vector": inProcess,
  "in process, vector, on the event loop": (n) =>
    Promise.resolve(own.trusting.searchVectorsHere({ ...question.search, vectors: questions.vectors(n), k: nearest })),
  "in process, frame to frame": (n) => endpoint.handle(frame(n), signal),
  "of that, a question made": (n) => Promise.resolve(frame(n)),
  "of that, a question read": () => Promise.resolve(decodeVectorQuestion(asked)),
  "of that, an answer made": () => Promise.resolve(encodeVectorAnswer(answer)),
  "in process, text to demonstrations": (n) => own.search([text(n)]),
  "service, binary frame": asFrame,
  "service, JSON, text to demonstrations": asJson,
});
const parties = { client: process.pid, server: nats.server.pid, service: service.processId };
const throughput = {
  "echo, 32 in flight": await carried(32, () => ask("hindcast.retrieval.echo", new Uint8Array(16))),
  "binary frame, 32 in flight": await carried(32, asFrame),
  "JSON, 32 in flight": await carried(32, asJson),
  [`binary frame of ${queriesPerMessage} queries, 4 in flight`]: await carried(
    4,
    (n) => ask(subjects.retrievalVectors, frame(n, queriesPerMessage)),
    queriesPerMessage,
  ),
};
const beside = { "binary frame": await besideUpserts(asFrame), JSON: await besideUpserts(asJson) };
await client.close();
console.log(JSON.stringify({ rows, latency, throughput, beside }));

/** Queries a second with so many requests in flight, and what the processes took of the processor for them. */
async function carried(
  lanes: number,
  request: (n: number) => Promise<unknown>,
  queries = 1,
): Promise<{ perSecond: number; shares: Record<string, number> }> {
  const shares = new ProcessorShares(parties);
  const perSecond = queries * (await inFlight(lanes, seconds, request));
  return { perSecond, shares: shares.read() };
}

/** A thousand requests a second, whether or not the ones before were answered, with upserts through the stream. */
async function besideUpserts(
  request: (n: number) => Promise<unknown>,
): Promise<Latency & { upserts: number; shares: Record<string, number> }> {
  await using upserts = NatsChild.program(nats, "coordinator", "nats-upserts", {
    args: ["--rate", "500", "--rows", String(rows)],
  });
  await upserts.line("ready");
  const processors = new ProcessorShares({ ...parties, upserts: upserts.processId });
  const measured = await openLoop(1_000, seconds, request);
  const shares = processors.read();
  await upserts[Symbol.asyncDispose]();
  const { perSecond } = JSON.parse(await upserts.line("perSecond")) as { perSecond: number };
  return { ...measured, upserts: perSecond, shares };
}
