// Requirements: 4.4.embedders
// Every embedding driver, through its official SDK, against an emulator that refuses what the real service refuses.
import { HindcastError, limits } from "@hindcast/shared";
import { createEmbedder, type EmbeddingEvent, ModelSettings } from "@hindcast/shared/node";
import { describe, expect, it, vi } from "vitest";
import type { Emulator, Reply } from "../support/emulators/emulator.ts";
import { base64OfVector, fakeVector } from "../support/emulators/fake-vectors.ts";
import { startGeminiEmbeddingsEmulator } from "../support/emulators/gemini-embeddings.ts";
import { openAiEmbeddingDriver } from "../../shared/src/node/model/embedding/openai-embedding.ts";
import { startOpenAiEmbeddingsEmulator } from "../support/emulators/openai-embeddings.ts";
import { embedderCases, lengthOf, startEmbedder } from "./embedder-fixtures.ts";
import { noAbort } from "./model-fixtures.ts";

async function errorOf(call: Promise<unknown>): Promise<HindcastError> {
  const error: unknown = await call.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(HindcastError);
  return error as HindcastError;
}

/** The texts of each request, as the provider was sent them. */
function textsOf({ requests }: Emulator): string[][] {
  return requests.map(({ body }) => {
    const gemini = body["requests"] as { content: { parts: { text: string }[] } }[] | undefined;
    return gemini?.map(({ content }) => content.parts[0]?.text ?? "") ?? (body["input"] as string[]);
  });
}

describe.each(embedderCases)("an embedder of $name", (kind) => {
  it("gives one unit vector for each text, in their order, under a name that says what made them", async () => {
    await using world = await startEmbedder(kind);
    const { embedder, emulator } = world;
    const texts = ["one", "two — zwei 🗂️", "three"];
    const vectors = await embedder.embed(texts, "document", noAbort);
    expect(embedder.name).toBe(kind.embedderName.replace("<host>", new URL(emulator.url).host));
    expect(vectors.map((vector) => [vector.length, lengthOf(vector).toFixed(6)])).toEqual(
      texts.map(() => [kind.setting.dimensions, "1.000000"]),
    );
    const alone = await Promise.all(texts.map((text) => embedder.embed([text], "document", noAbort)));
    expect(vectors).toEqual(alone.flat());
    expect(new Set(vectors.map((vector) => vector[0])).size).toBe(3);
  });

  it("embeds nothing without asking anybody", async () => {
    await using world = await startEmbedder(kind);
    expect(await world.embedder.embed([], "query", noAbort)).toEqual([]);
    expect(world.emulator.requests).toEqual([]);
  });

  it("sends more texts than a request may hold in several requests", async () => {
    await using world = await startEmbedder(kind);
    const texts = Array.from({ length: 2 * limits.embeddingBatchTextsMax + 5 }, (_, n) => `text ${n}`);
    const vectors = await world.embedder.embed(texts, "query", noAbort);
    expect(textsOf(world.emulator).map(({ length }) => length)).toEqual([100, 100, 5]);
    expect(vectors[104]).toEqual((await world.embedder.embed(["text 104"], "query", noAbort))[0]);
  });

  it("takes a text of any length, cutting what the model would not read", async () => {
    await using world = await startEmbedder(kind);
    const texts = ["short", "word ".repeat(20_000), "\u{1F5C2}".repeat(20_000), "end"];
    const vectors = await world.embedder.embed(texts, "document", noAbort);
    expect(vectors.map(lengthOf).every((length) => Math.abs(length - 1) < 1e-6)).toBe(true);
    const [short] = await world.embedder.embed(["short"], "document", noAbort);
    expect(vectors[0]).toEqual(short);
    expect(textsOf(world.emulator).flat().join("")).not.toContain("\uFFFD");
  });

  it("refuses an empty text before anything is sent", async () => {
    await using world = await startEmbedder(kind);
    const error = await errorOf(world.embedder.embed(["a", ""], "query", noAbort));
    expect(error).toMatchObject({ code: "MODEL_REQUEST_INVALID", boundary: "model" });
    expect(error.message).toMatch(/^Text 1 /);
    expect(world.emulator.requests).toEqual([]);
  });

  it("tells of what it paid for, and of a cost where it is known", async () => {
    const events: EmbeddingEvent[] = [];
    await using world = await startEmbedder(kind, { onAnswer: (event) => events.push(event) });
    await world.embedder.embed(["a text", "another"], "query", noAbort);
    expect(events).toMatchObject([{ embedder: world.embedder.name, purpose: "query", texts: 2, attempts: 1 }]);
    expect(events[0]?.inputTokens).toBeGreaterThan(3);
    const isPriced = kind.reportsUsage && kind.setting.embedder.startsWith("gemini:");
    expect(events[0]?.costUsd === null).toBe(!isPriced);
  });

  it.each<[string, Reply, number]>([
    ["a rate limit", { kind: "failure", reason: "rate-limit", retryAfterSeconds: 7 }, 7_000],
    ["an overload", { kind: "failure", reason: "overloaded" }, 250],
    ["a server error", { kind: "failure", reason: "server-error" }, 250],
    ["a cut connection", { kind: "broken", how: "cut" }, 250],
    ["an answer that is not JSON", { kind: "broken", how: "not-json" }, 250],
  ])("asks again after %s", async (_, reply, waitMs) => {
    const onRetry = vi.fn();
    await using world = await startEmbedder(kind, { onRetry });
    world.emulator.reply(reply);
    expect(await world.embedder.embed(["a"], "query", noAbort)).toHaveLength(1);
    expect(onRetry).toHaveBeenCalledTimes(1);
    expect(world.emulator.requests).toHaveLength(2);
    expect(world.clock.sleeps[0]).toBeGreaterThanOrEqual(waitMs);
  });

  it.each<[string, Reply, string]>([
    ["a daily quota or spend limit", { kind: "failure", reason: "spend-limit" }, "MODEL_BUDGET_EXHAUSTED"],
    ["a revoked key", { kind: "failure", reason: "key-revoked" }, "MODEL_UNAUTHORIZED"],
  ])("does not ask again after %s, and never shows the key", async (_, reply, code) => {
    await using world = await startEmbedder(kind);
    world.emulator.reply(reply);
    const error = await errorOf(world.embedder.embed(["a"], "query", noAbort));
    expect(error.code).toBe(code);
    expect(JSON.stringify([error.message, String(error.cause)])).not.toContain(world.emulator.apiKey);
    expect(world.emulator.requests).toHaveLength(1);
  });

  it("gives an endpoint up that does not answer", async () => {
    await using world = await startEmbedder(kind, { attemptTimeoutMs: 50 });
    world.emulator.replyAlways({ kind: "silence" });
    const error = await errorOf(world.embedder.embed(["a"], "query", noAbort));
    expect(error).toMatchObject({ code: "MODEL_TIMEOUT", retryable: true });
    expect(world.emulator.requests).toHaveLength(limits.modelAttemptsMax);
  });

  it("stops when it is told to", async () => {
    await using world = await startEmbedder(kind);
    const stop = new AbortController();
    world.emulator.replyAlways(() => (stop.abort(new Error("enough")), { kind: "silence" }));
    await expect(world.embedder.embed(["a"], "query", stop.signal)).rejects.toThrow("enough");
  });

  const size = kind.setting.dimensions ?? 0;
  const good = fakeVector("good", size);
  it.each<[string, number[][], RegExp]>([
    ["a zero", [good, good.map(() => 0)], /vector of text 1 is zero/],
    ["one dimension too few", [good, good.slice(1)], new RegExp(`vector of text 1 has ${size - 1} dimensions`)],
    ["one vector too few", [good], /1 vectors came for 2 texts/],
    ["a component that is no number", [good.with(3, NaN), good], /vector of text 0 has (NaN|null) at position 3/],
  ])("refuses %s, asking again no more often than invalid answers are", async (_, vectors, message) => {
    await using world = await startEmbedder(kind);
    world.emulator.replyAlways({ kind: "raw", reply: rawReply(kind.setting.embedder, vectors) });
    const error = await errorOf(world.embedder.embed(["a", "b"], "document", noAbort));
    expect(error).toMatchObject({ code: "MODEL_ANSWER_INVALID", boundary: "model" });
    expect(error.message).toMatch(message);
    expect(world.emulator.requests).toHaveLength(limits.modelInvalidAnswersMax);
  });
});

function rawReply(embedder: string, vectors: number[][]): { status: number; headers: {}; frames: string[] } {
  const body = embedder.startsWith("gemini:")
    ? { embeddings: vectors.map((values) => ({ values })) }
    : { data: vectors.map((vector, index) => ({ index, embedding: base64OfVector(vector) })) };
  return { status: 200, headers: { "content-type": "application/json" }, frames: [JSON.stringify(body)] };
}

describe("the purpose of a text", () => {
  it("is a task type for gemini-embedding-001", async () => {
    await using emulator = await startGeminiEmbeddingsEmulator();
    const embedder = geminiOn(emulator, "gemini-embedding-001");
    const [found] = (await embedder?.embed(["same"], "document", noAbort)) ?? [];
    const [sought] = (await embedder?.embed(["same"], "query", noAbort)) ?? [];
    expect(found).not.toEqual(sought);
    expect(emulator.requests.map(({ body }) => (body["requests"] as object[])[0])).toMatchObject([
      { taskType: "RETRIEVAL_DOCUMENT", content: { parts: [{ text: "same" }] } },
      { taskType: "RETRIEVAL_QUERY", content: { parts: [{ text: "same" }] } },
    ]);
  });

  it("stands before the text for gemini-embedding-2, which knows no task types", async () => {
    await using emulator = await startGeminiEmbeddingsEmulator();
    const embedder = geminiOn(emulator, "gemini-embedding-2");
    await embedder?.embed(["same"], "document", noAbort);
    await embedder?.embed(["same"], "query", noAbort);
    expect(textsOf(emulator)).toEqual([["title: none | text: same"], ["task: search result | query: same"]]);
    expect(JSON.stringify(emulator.requests)).not.toContain("taskType");
  });
});

function geminiOn(emulator: Emulator, model: string): ReturnType<typeof createEmbedder> {
  const settings = ModelSettings.parse({ gemini: { apiKey: emulator.apiKey, baseUrl: emulator.url } });
  return createEmbedder({ embedder: `gemini:${model}`, dimensions: null }, settings);
}

describe("OpenAI's own models", () => {
  it.each([
    ["text-embedding-3-large", 256, true],
    ["text-embedding-ada-002", 1_536, false],
  ])("are asked for dimensions if they have a choice: %s", async (model, dimensions, isResizable) => {
    await using emulator = await startOpenAiEmbeddingsEmulator();
    const driver = openAiEmbeddingDriver({
      apiKey: emulator.apiKey,
      baseUrl: `${emulator.url}/v1`,
      model,
      facts: { dimensions, isResizable },
      dimensions,
      now: () => Date.now(),
    });
    const { vectors, inputTokens } = await driver.send(["a", "b"], "query", noAbort);
    expect(vectors.map(({ length }) => length)).toEqual([dimensions, dimensions]);
    expect(inputTokens).toBe(2);
    expect(emulator.requests[0]?.body["dimensions"]).toBe(isResizable ? dimensions : undefined);
  });

  it("wait for a bucket of tokens that an answer's headers report as spent", async () => {
    const openai = embedderCases[2];
    if (openai === undefined) expect.unreachable();
    await using world = await startEmbedder(openai);
    const headers = {
      "x-ratelimit-limit-tokens": "1000",
      "x-ratelimit-remaining-tokens": "0",
      "x-ratelimit-reset-tokens": "10s",
    };
    world.emulator.reply({ kind: "answer", text: "", headers });
    await world.embedder.embed(["a"], "query", noAbort);
    await world.embedder.embed(["word ".repeat(300)], "query", noAbort);
    expect(world.clock.sleeps[0]).toBeGreaterThan(4_000);
  });
});

describe("an embedder's setting", () => {
  const { gemini, openai, priceFile } = ModelSettings.parse({});
  const none = { gemini, openai, priceFile };
  const withKeys = ModelSettings.parse({ gemini: { apiKey: "key-1" }, openai: { apiKey: "key-2" } });
  const local = ModelSettings.parse({ openai: { baseUrl: "http://127.0.0.1:1/v1" } });

  it.each([
    ["hash-v1", null],
    ["model2vec:/models/potion", null],
  ])("of %s leaves the vectors to the index", (embedder, dimensions) => {
    expect(createEmbedder({ embedder, dimensions }, none)).toBeNull();
  });

  it.each([
    ["gemini:gemini-embedding-001", null, "gemini/gemini-embedding-001@3072"],
    ["openai:text-embedding-3-small", null, "openai/text-embedding-3-small@1536"],
    ["openai:text-embedding-3-large", 256, "openai/text-embedding-3-large@256"],
  ])("of %s with %s dimensions names %s", (embedder, dimensions, name) => {
    expect(createEmbedder({ embedder, dimensions }, withKeys)).toMatchObject({ name });
  });

  it.each<[string, number | null, ModelSettings, [code: string, message: RegExp]]>([
    ["gemini:text-embedding-004", null, withKeys, ["MODEL_UNKNOWN", /choose gemini-embedding-001 or/]],
    ["openai:gpt-oss", null, withKeys, ["MODEL_UNKNOWN", /choose text-embedding-3-small or/]],
    ["cohere:embed", null, withKeys, ["MODEL_UNKNOWN", /expected hash-v1, gemini:MODEL/]],
    ["gemini:toString", null, withKeys, ["MODEL_UNKNOWN", /not known/]],
    ["gemini:gemini-embedding-001", null, local, ["MODEL_UNAUTHORIZED", /set GEMINI_API_KEY/]],
    ["openai:text-embedding-3-small", null, ModelSettings.parse({}), ["MODEL_UNAUTHORIZED", /set OPENAI_API_KEY/]],
    ["gemini:gemini-embedding-001", 64, withKeys, ["CONFIG_INVALID", /gives 128 to 3072/]],
    ["openai:text-embedding-3-small", 3_072, withKeys, ["CONFIG_INVALID", /gives 1 to 1536/]],
    ["openai:text-embedding-ada-002", 512, withKeys, ["CONFIG_INVALID", /gives 1536/]],
    ["openai:bge-m3", null, local, ["CONFIG_INVALID", /embeddingDimensions is not set/]],
    ["hash-v1", 256, withKeys, ["CONFIG_INVALID", /dimensions of its own/]],
    ["model2vec:/models/potion", 256, withKeys, ["CONFIG_INVALID", /folder/]],
  ])(
    "of %s with %s dimensions is refused before anything is spent",
    (embedder, dimensions, settings, [code, message]) => {
      try {
        createEmbedder({ embedder, dimensions }, settings);
      } catch (error) {
        expect(error).toMatchObject({ code });
        expect(String(error)).toMatch(message);
        return;
      }
      expect.unreachable();
    },
  );
});
