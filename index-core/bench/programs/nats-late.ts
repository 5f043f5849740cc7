// Where late answers come from: a thousand requests a second, answered by an echo and by the service, quiet and beside
// upserts, by turns: `nats-late.ts --rows 20000 --rounds 4 --seconds 6`. What the service does about it is switched off
// and on in the same rounds.
import { limits, subjects } from "@hindcast/shared";
import { aNatsServer } from "../../../test/support/nats-server.ts";
import { fillStream, VectorQuestions } from "../data/vector-questions.ts";
import { argumentsOf } from "../harness/arguments.ts";
import { CoreTimer, type CoreTimes } from "../harness/core-times.ts";
import { LoopProbe, type LongTurns, type Setting } from "../harness/loop-probe.ts";
import { NatsChild } from "../harness/nats-connection.ts";
import { type Latency, openLoop } from "../harness/request-loops.ts";

const values = argumentsOf({ rows: "20000", queries: "300", rounds: "4", seconds: "6", rate: "1000", upserts: "500" });
const asShipped: Setting = { gatherMs: limits.projectionGatherMs, isScavengingAlone: true };
const before: Setting = { gatherMs: 0, isScavengingAlone: false };

interface Measured extends Latency {
  loops: Record<"client" | "service", LongTurns>;
  cores: Record<string, CoreTimes>;
}

await using nats = await aNatsServer();
await fillStream(await nats.coordinator(), Number(values.rows));
await using service = await NatsChild.service(nats, "loop-probe");
await using echo = NatsChild.program(nats, "index-core", "nats-echo");
await Promise.all([service.line("index.rebuilt"), echo.line("ready")]);
const client = await nats.connect("client");
const questions = await VectorQuestions.of(Number(values.queries));
const probe = new LoopProbe();

const ask = (subject: string) => (n: number) => client.ask({ subject, payload: questions.frame(n) });
const ways = { echo: ask("hindcast.retrieval.echo"), search: ask(subjects.retrievalVectors) };
const settings = { "as it is": asShipped, "one by one": { ...asShipped, gatherMs: 0 }, "as it was": before };

const found: Record<string, Measured[]> = {};
const note = (name: string, measured: Measured): number => (found[name] ??= []).push(measured);
for (let round = 0; round < Number(values.rounds); round += 1) {
  for (const [name, way] of Object.entries(ways)) note(`${name}, quiet`, await measure(way, asShipped));
  await using upserts = NatsChild.program(nats, "coordinator", "nats-upserts", {
    args: ["--rate", values.upserts, "--rows", values.rows],
  });
  await upserts.line("ready");
  const beside = { upserts: upserts.processId };
  note("echo, upserts beside", await measure(ways.echo, asShipped, beside));
  for (const [name, setting] of Object.entries(settings))
    note(`search, upserts beside, ${name}`, await measure(ways.search, setting, beside));
}
await client.close();
const { rows, rate, upserts } = values;
console.log(JSON.stringify({ rows: Number(rows), rate: Number(rate), upserts: Number(upserts), found }));

async function measure(
  way: (n: number) => Promise<unknown>,
  setting: Setting,
  beside: Record<string, number> = {},
): Promise<Measured> {
  const cores = new CoreTimer({
    client: process.pid,
    server: nats.server.pid,
    service: service.processId,
    echo: echo.processId,
    ...beside,
  });
  service.beginProbe(setting);
  probe.begin();
  const latency = await openLoop(Number(values.rate), Number(values.seconds), way);
  return { ...latency, loops: { client: probe.end(), service: await service.endProbe() }, cores: cores.read() };
}
