// Requirements: 3.9.emulators, 4.4.embedders
// The embedding emulators refuse what the real services refuse; spoken to in plain HTTP, because Hindcast would not
// send it.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Emulator } from "../support/emulators/emulator.ts";
import { startGeminiEmbeddingsEmulator } from "../support/emulators/gemini-embeddings.ts";
import { startOpenAiEmbeddingsEmulator } from "../support/emulators/openai-embeddings.ts";

let emulator: Emulator;
const start = (open: () => Promise<Emulator>): void => {
  beforeAll(async () => {
    emulator = await open();
  });
  afterAll(() => emulator[Symbol.asyncDispose]());
};

async function post(path: string, headers: Record<string, string>, body: unknown) {
  const response = await fetch(emulator.url + path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  return { status: response.status, text: await response.text() };
}

describe("the emulator of Gemini's embeddings", () => {
  start(startGeminiEmbeddingsEmulator);
  const path = "/v1beta/models/gemini-embedding-001:batchEmbedContents";
  const one = { model: "models/gemini-embedding-001", content: { parts: [{ text: "a" }] }, outputDimensionality: 128 };
  const send = (requests: unknown, key = emulator.apiKey, at = path) =>
    post(at, { "x-goog-api-key": key }, { requests });

  it("answers a good request with a vector for each text", async () => {
    const { status, text } = await send([one, { ...one, taskType: "RETRIEVAL_QUERY" }]);
    const { embeddings } = JSON.parse(text) as { embeddings: { values: number[] }[] };
    expect([status, ...embeddings.map(({ values }) => values.length)]).toEqual([200, 128, 128]);
  });

  it.each<[string, unknown, RegExp]>([
    ["no texts", [], /requests is not specified/],
    ["101 texts", Array.from({ length: 101 }, () => one), /at most 100 requests/],
    ["an empty text", [{ ...one, content: { parts: [{ text: "" }] } }], /content is empty/],
    ["127 dimensions", [{ ...one, outputDimensionality: 127 }], /between 128 and 3072/],
    ["4096 dimensions", [one, { ...one, outputDimensionality: 4_096 }], /between 128 and 3072/],
    ["a task that it does not know", [{ ...one, taskType: "SEARCH" }], /Invalid value at 'task_type'/],
    ["an unknown field", [{ ...one, dimensions: 128 }], /Unknown name .+dimensions/],
    ["another model than the URL's", [{ ...one, model: "models/gemini-embedding-2" }], /model of the URL/],
    ["too long a text", [{ ...one, content: { parts: [{ text: "a".repeat(9_000) }] } }], /exceeds the maximum/],
  ])("refuses %s", async (_, requests, message) => {
    const { status, text } = await send(requests);
    expect(status).toBe(400);
    expect(text).toMatch(message);
  });

  it("refuses a wrong key, no key and an unknown model", async () => {
    expect(await send([one], "wrong")).toMatchObject({ status: 400, text: expect.stringContaining("API_KEY_INVALID") });
    expect(await post(path, {}, { requests: [one] })).toMatchObject({ status: 403 });
    expect(await send([one], emulator.apiKey, path.replace("-001", "-003"))).toMatchObject({ status: 404 });
  });
});

describe("the emulator of OpenAI's embeddings", () => {
  start(startOpenAiEmbeddingsEmulator);
  const good = { model: "text-embedding-3-small", input: ["a", "b"] };
  const send = (body: unknown, key = emulator.apiKey) =>
    post("/v1/embeddings", { authorization: `Bearer ${key}` }, body);

  it("answers a good request in numbers or in base64, which are the same", async () => {
    const vectors = async (format: string) => {
      const { text } = await send({ ...good, dimensions: 8, encoding_format: format });
      const { data } = JSON.parse(text) as { data: { index: number; embedding: number[] | string }[] };
      return data.map(({ index, embedding }) => {
        if (typeof embedding !== "string") return [index, ...embedding];
        return [index, ...new Float32Array(Uint8Array.from(Buffer.from(embedding, "base64")).buffer)];
      });
    };
    expect(await vectors("base64")).toEqual(await vectors("float"));
    expect((await vectors("float")).map(([index]) => index)).toEqual([1, 0]);
  });

  it.each<[string, unknown, RegExp]>([
    ["no texts", { ...good, input: [] }, /'\$.input' is invalid/],
    ["2,049 texts", { ...good, input: Array.from({ length: 2_049 }, () => "a") }, /'\$.input' is invalid/],
    ["an empty text", { ...good, input: ["a", ""] }, /'\$.input' is invalid/],
    ["more dimensions than there are", { ...good, dimensions: 1_537 }, /Invalid value for 'dimensions' = 1537/],
    ["no dimensions", { ...good, dimensions: 0 }, /Invalid value for 'dimensions' = 0/],
    [
      "dimensions of a model that has one size",
      { ...good, model: "text-embedding-ada-002", dimensions: 1_536 },
      /not support/,
    ],
    ["an unknown field", { ...good, size: 8 }, /Unrecognized request argument supplied: size/],
    ["too long a text", { ...good, input: ["a".repeat(40_000)] }, /maximum context length is 8192/],
    ["too many tokens", { ...good, input: Array.from({ length: 60 }, () => "a".repeat(24_000)) }, /max 300000 tokens/],
  ])("refuses %s", async (_, body, message) => {
    const { status, text } = await send(body);
    expect(status).toBe(400);
    expect(text).toMatch(message);
  });

  it("refuses a wrong key, no key and an unknown model, and says how many requests are left", async () => {
    expect(await send(good, "wrong")).toMatchObject({ status: 401 });
    expect(await post("/v1/embeddings", {}, good)).toMatchObject({ status: 401 });
    expect(await send({ ...good, model: "text-embedding-4" })).toMatchObject({ status: 404 });
    emulator.reply({ kind: "failure", reason: "rate-limit", retryAfterSeconds: 3 });
    const response = await fetch(`${emulator.url}/v1/embeddings`, {
      method: "POST",
      headers: { authorization: `Bearer ${emulator.apiKey}` },
      body: JSON.stringify(good),
    });
    expect([response.status, response.headers.get("retry-after")]).toEqual([429, "3"]);
    expect(response.headers.get("x-ratelimit-limit-requests")).toBe("1000");
  });
});
