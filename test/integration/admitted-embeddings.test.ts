// Bought embeddings go through the lanes and the fleet's budget like any request to a provider, under the index's own
// permissions.
// Requirements: 5.5.embeddings
import {
  type Bus,
  createIndexEmbedder,
  type Embedder,
  FleetAdmission,
  indexVariables,
  modelVariables,
  readConfig,
  silentLogger,
} from "@hindcast/shared/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { noAbort } from "../conformance/model-fixtures.ts";
import { admissionStatus, anAdmitter, budgetOf, openSettings, untilAdmitting } from "../support/admission.ts";
import type { Emulator } from "../support/emulators/emulator.ts";
import { startGeminiEmbeddingsEmulator } from "../support/emulators/gemini-embeddings.ts";
import { aNatsServer, type TestNats } from "../support/nats-server.ts";

let nats: TestNats;
let coordinator: Bus;
let emulator: Emulator;

beforeEach(async () => {
  nats = await aNatsServer();
  coordinator = await nats.coordinator();
  emulator = await startGeminiEmbeddingsEmulator();
});
afterEach(async () => {
  await emulator[Symbol.asyncDispose]();
  await nats[Symbol.asyncDispose]();
});

/** The embedder of an index as its `main.ts` makes it. */
async function anIndex(model: string): Promise<{ embedder: Embedder; admission: FleetAdmission }> {
  const bus = await nats.connect("index-core");
  const config = readConfig(
    { ...indexVariables, ...modelVariables },
    {
      GEMINI_API_KEY: emulator.apiKey,
      HINDCAST_GEMINI_BASE_URL: emulator.url,
      HINDCAST_INDEX_EMBEDDER: `gemini:${model}`,
      HINDCAST_INDEX_EMBEDDING_DIMENSIONS: "256",
    },
  );
  const admission = new FleetAdmission({ bus, holder: "index-0", logger: silentLogger });
  const embedder = createIndexEmbedder({ config, bus, logger: silentLogger, admission });
  if (embedder === null) throw new Error("no embedder");
  return { embedder, admission };
}

const texts = (count: number): string[] => Array.from({ length: count }, (_, n) => `${n} ${"word ".repeat(40)}`);

describe("embeddings of an index", () => {
  it("are admitted by lane, one request at a time where the lane bears no more, and paid from the fleet's budget", async () => {
    const concurrency = { min: 1, start: 1, max: 1 };
    const limitsOf = (lane: string): ReturnType<typeof openSettings.limitsOf> => ({
      ...openSettings.limitsOf(lane),
      concurrency,
    });
    await using _admitter = await anAdmitter(coordinator, { fleetUsdMax: 1, limitsOf });
    await untilAdmitting(coordinator);
    const { embedder, admission } = await anIndex("gemini-embedding-2");
    const seen: number[] = [];
    emulator.replyAlways(async () => {
      seen.push((await admissionStatus(coordinator)).lanes[0]?.inFlight ?? Number.NaN);
      return { kind: "answer", text: "" };
    });
    expect(await embedder.embed(texts(250), "document", noAbort)).toHaveLength(250);
    await admission[Symbol.asyncDispose]();
    expect(seen).toEqual([1, 1, 1]);
    const { lanes } = await admissionStatus(coordinator);
    expect(lanes).toMatchObject([{ lane: expect.stringMatching(/^gemini\.gemini-embedding-2\./), inFlight: 0 }]);
    const fleet = await budgetOf(coordinator, "fleet");
    expect(fleet?.open).toEqual({});
    expect(fleet?.settledUsd).toBeGreaterThan(0);
  });

  it("are refused, having asked nobody, when the fleet's budget is spent", async () => {
    await using _admitter = await anAdmitter(coordinator, { fleetUsdMax: 1e-9 });
    await untilAdmitting(coordinator);
    const { embedder, admission } = await anIndex("gemini-embedding-2");
    await expect(embedder.embed(texts(1), "query", noAbort)).rejects.toMatchObject({
      code: "CAMPAIGN_BUDGET_EXHAUSTED",
    });
    expect(emulator.requests).toEqual([]);
    await admission[Symbol.asyncDispose]();
  });

  it("go on by a share of the lane while nobody admits and no dollars are counted", async () => {
    const { embedder, admission } = await anIndex("gemini-embedding-2");
    expect(await embedder.embed(texts(3), "document", noAbort)).toHaveLength(3);
    await admission[Symbol.asyncDispose]();
  });
});
