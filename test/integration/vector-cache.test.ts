// Requirements: 4.4.embedders
// The vector cache on the real bus, under the index's own permissions: nothing is bought twice, by whomever.
import {
  type Bus,
  createIndexEmbedder,
  createLogger,
  indexVariables,
  modelVariables,
  readConfig,
} from "@hindcast/shared/node";
import type { Embedder } from "@hindcast/shared/node";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { lengthOf } from "../conformance/embedder-fixtures.ts";
import { noAbort } from "../conformance/model-fixtures.ts";
import type { Emulator } from "../support/emulators/emulator.ts";
import { startGeminiEmbeddingsEmulator } from "../support/emulators/gemini-embeddings.ts";
import { aNatsServer, type TestNats } from "../support/nats-server.ts";

const logger = createLogger({ name: "test", level: "silent" });

describe("the vector cache", () => {
  let nats: TestNats;
  let emulator: Emulator;
  let index: Bus;

  beforeAll(async () => {
    nats = await aNatsServer();
    emulator = await startGeminiEmbeddingsEmulator();
    await nats.coordinator();
    index = await nats.connect("index-core");
  });
  beforeEach(() => void (emulator.requests.length = 0));
  afterAll(async () => {
    await emulator[Symbol.asyncDispose]();
    await nats[Symbol.asyncDispose]();
  });

  /** As a process that starts has it: nothing in memory. */
  const aProcess = (bus: Bus = index, dimensions = "768"): Embedder => {
    const config = readConfig(
      { ...indexVariables, ...modelVariables },
      {
        GEMINI_API_KEY: emulator.apiKey,
        HINDCAST_GEMINI_BASE_URL: emulator.url,
        HINDCAST_INDEX_EMBEDDER: "gemini:gemini-embedding-001",
        HINDCAST_INDEX_EMBEDDING_DIMENSIONS: dimensions,
      },
    );
    const embedder = createIndexEmbedder({ config, bus, logger });
    if (embedder === null) throw new Error("no embedder");
    return embedder;
  };
  const bought = (): number =>
    emulator.requests.reduce((sum, { body }) => sum + (body["requests"] as unknown[]).length, 0);

  it("buys each text once, also after a restart and in another replica", async () => {
    const texts = Array.from({ length: 250 }, (_, n) => `demonstration ${n}`);
    const first = aProcess();
    const vectors = await first.embed([...texts, ...texts], "document", noAbort);
    expect(bought()).toBe(250);
    expect(vectors.slice(0, 250)).toEqual(vectors.slice(250));
    expect(vectors.every((vector) => Math.abs(lengthOf(vector) - 1) < 1e-5)).toBe(true);
    await first.embed(texts, "document", noAbort);
    const restarted = await aProcess().embed(texts, "document", noAbort);
    const replica = await aProcess(await nats.connect("index-core")).embed(texts.toReversed(), "document", noAbort);
    expect(restarted).toEqual(vectors.slice(0, 250));
    expect(replica).toEqual(vectors.slice(0, 250).toReversed());
    expect(bought()).toBe(250);
  });

  it("sends the misses only", async () => {
    await aProcess().embed(["known 1", "known 2"], "query", noAbort);
    await aProcess().embed(["known 1", "unknown", "known 2"], "query", noAbort);
    expect(bought()).toBe(3);
    expect(emulator.requests[1]?.body["requests"]).toMatchObject([{ content: { parts: [{ text: "unknown" }] } }]);
  });

  it("tells purposes and dimensions apart", async () => {
    const [document] = await aProcess().embed(["apart"], "document", noAbort);
    const [query] = await aProcess().embed(["apart"], "query", noAbort);
    const [short] = await aProcess(index, "256").embed(["apart"], "document", noAbort);
    expect(document).not.toEqual(query);
    expect([document?.length, short?.length]).toEqual([768, 256]);
    expect(bought()).toBe(3);
  });

  it("joins those who ask at the same time", async () => {
    const process = aProcess();
    const asked = Array.from({ length: 20 }, (_, n) => process.embed(["joined", `own ${n % 4}`], "query", noAbort));
    const vectors = await Promise.all(asked);
    expect(bought()).toBe(5);
    expect(new Set(vectors.map(([vector]) => vector?.join())).size).toBe(1);
  });

  it("makes replicas that buy the same at once agree on one vector", async () => {
    const replicas = [aProcess(), aProcess(await nats.connect("index-core"))];
    const found = await Promise.all(replicas.map((each) => each.embed(["contested"], "document", noAbort)));
    expect(found[0]).toEqual(found[1]);
    expect(await aProcess().embed(["contested"], "document", noAbort)).toEqual(found[0]);
    expect(bought()).toBeLessThanOrEqual(2);
  });

  it("keeps what was answered before a request of the same call was refused", async () => {
    const texts = Array.from({ length: 150 }, (_, n) => `partly ${n}`);
    emulator.reply({ kind: "answer", text: "" }, { kind: "failure", reason: "spend-limit" });
    await expect(aProcess().embed(texts, "document", noAbort)).rejects.toMatchObject({
      code: "MODEL_BUDGET_EXHAUSTED",
    });
    const refused = emulator.requests.length;
    expect(refused).toBe(2);
    await aProcess().embed(texts, "document", noAbort);
    const sizes = emulator.requests.map(({ body }) => (body["requests"] as unknown[]).length);
    // Both batches were sent, one was answered; only the other is sent again.
    expect([100, 50]).toContain(sizes[2]);
    expect(sizes).toHaveLength(3);
  });

  it("is closed to agents", async () => {
    const agent = await nats.connect("w-1" as Parameters<TestNats["connect"]>[0]);
    await expect(aProcess(agent).embed(["a text of an agent"], "query", noAbort)).rejects.toMatchObject({
      code: "BUS_FORBIDDEN",
    });
    expect(bought()).toBe(0);
  });
});
