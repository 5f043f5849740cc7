// Puts demonstrations into the stream at a steady rate until it is told to stop: `nats-upserts.ts --rate 500 --rows 20000`.
import { connectBus } from "@hindcast/shared/node";
import { corpusOf } from "../data/corpus.ts";
import { SteadyWriter } from "../data/steady-writer.ts";
import { argumentsOf } from "../harness/arguments.ts";
import { connectionOf } from "../harness/nats-connection.ts";

const { rate, rows } = argumentsOf({ rate: "500", rows: "20000" });
/** Stored at once; each write is synced by the server, several together. */
const atOnce = 32;

const bus = await connectBus(connectionOf());
const startedAt = performance.now();
let next = 0;
const writer = new SteadyWriter({
  startedAt,
  rate: Number(rate),
  atLeast: Number.POSITIVE_INFINITY,
  write: async (count) => {
    const from = next % Number(rows);
    const batch = corpusOf(from, Math.min(from + Math.min(count, atOnce), Number(rows)));
    await Promise.all(batch.map((demonstration) => bus.demonstrations.put(demonstration)));
    next += batch.length;
    return batch.length;
  },
});
console.log("ready");
await new Promise((resolve) => process.once("SIGTERM", resolve));
await writer.stop();
console.log(JSON.stringify({ perSecond: (writer.done * 1_000) / (performance.now() - startedAt) }));
await bus.close();
