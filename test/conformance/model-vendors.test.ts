// Requirements: 3.9.drivers, 3.9.retries, 3.9.cost, 3.9.emulators
// What only one provider has: its headers, its stop reasons, its caches, its prices.
import { createModel, evaluationTask, judge, ModelSettings, newTask, outputSchema } from "@hindcast/shared/node";
import { requestHashOf, rewriteReasons, selfInstruct, summariseTransition } from "@hindcast/shared/node";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { anObserved } from "../support/builders.ts";
import { startOpenAiEmulator } from "../support/emulators/openai.ts";
import { type DriverCase, aRequest, driverCases, noAbort, startCase } from "./model-fixtures.ts";

const schemas = [selfInstruct, evaluationTask, newTask, rewriteReasons, judge].flatMap(({ purpose, output }) =>
  output.kind === "json" ? [{ purpose, name: output.name, schema: outputSchema(output.schema) }] : [],
);

describe.each(driverCases)("the structured output of every prompt", (driver) => {
  it.each(schemas)(`is accepted by ${driver.name}: $name`, async ({ purpose, name, schema }) => {
    await using world = await startCase(driver);
    world.emulator.reply({ kind: "answer", text: "{}" });
    const request = aRequest({ purpose, output: { kind: "json", name, schema } });
    expect(await world.model.complete(request, noAbort)).toMatchObject({ text: "{}", attempts: 1 });
  });
});

describe.each(driverCases)("the SDK of $name", (driver) => {
  it("takes nothing from the process environment", async () => {
    vi.stubEnv("ANTHROPIC_BASE_URL", "http://127.0.0.1:1");
    vi.stubEnv("ANTHROPIC_AUTH_TOKEN", "from the environment");
    vi.stubEnv("GOOGLE_GEMINI_BASE_URL", "http://127.0.0.1:1");
    vi.stubEnv("GOOGLE_GENAI_USE_VERTEXAI", "true");
    vi.stubEnv("GOOGLE_GENAI_API_VERSION", "v9");
    vi.stubEnv("GOOGLE_API_KEY", "from the environment");
    vi.stubEnv("OPENAI_BASE_URL", "http://127.0.0.1:1");
    vi.stubEnv("OPENAI_ORG_ID", "from the environment");
    onTestFinished(() => void vi.unstubAllEnvs());
    await using world = await startCase(driver);
    world.emulator.reply(ok);
    expect(await world.model.complete(aRequest(), noAbort)).toMatchObject({ text: "fine", attempts: 1 });
    expect(JSON.stringify(world.emulator.requests)).not.toContain("from the environment");
  });
});

function caseOf(name: string): DriverCase {
  const found = driverCases.find((driver) => driver.name.startsWith(name));
  if (found === undefined) throw new Error(`no driver case ${name}`);
  return found;
}
const ok = { kind: "answer" as const, text: "fine" };
const text = (words: string, cacheable = false) => ({ kind: "text" as const, text: words, cacheable });

describe("Anthropic", () => {
  const driver = caseOf("anthropic");

  it("is spoken to in its 2026-10-21 version, streaming, without sampling parameters", async () => {
    await using world = await startCase(driver);
    world.emulator.reply(ok);
    await world.model.complete(aRequest(), noAbort);
    const [request] = world.emulator.requests;
    expect(request?.headers["anthropic-version"]).toBe("2026-10-21");
    expect(request?.body).toMatchObject({ stream: true, max_tokens: 256 });
    expect(request?.body).not.toHaveProperty("temperature");
  });

  it("caches up to the last four cacheable parts and bills writes and reads at their own rates", async () => {
    await using world = await startCase(driver);
    world.emulator.replyAlways(ok);
    const parts = Array.from({ length: 6 }, (_, i) => text(`Part ${i}. ${"words and more words ".repeat(150)}`, true));
    const request = aRequest({ messages: [{ role: "user", content: [...parts, text("What now?")] }] });
    const first = await world.model.complete(request, noAbort);
    const second = await world.model.complete({ ...request, seed: 8 }, noAbort);
    expect(JSON.stringify(world.emulator.requests[0]?.body).match(/cache_control/g)).toHaveLength(4);
    expect(second.usage).toMatchObject({ cacheReadTokens: first.usage.cacheWriteTokens, cacheWriteTokens: 0 });
    // Sonnet 5.5: 2 in, 10 out, 2.5 write, 0.1 read, in dollars per million.
    const { inputTokens, cacheWriteTokens, outputTokens } = first.usage;
    expect(first.costUsd).toBeCloseTo((inputTokens * 2 + cacheWriteTokens * 2.5 + outputTokens * 10) / 1e6, 12);
    expect(second.costUsd).toBeCloseTo((inputTokens * 2 + cacheWriteTokens * 0.1 + outputTokens * 10) / 1e6, 12);
  });

  it("shows summarised thinking where it is asked for, and nothing where it is not", async () => {
    const thinking = { ...driver, settings: withThinking };
    await using asked = await startCase(thinking);
    asked.emulator.reply({ ...ok, thinking: "The user wants a list." });
    expect(await asked.model.complete(aRequest(), noAbort)).toMatchObject({ thinking: "The user wants a list." });
    expect(asked.emulator.requests[0]?.body).toMatchObject({ thinking: { type: "adaptive", display: "summarized" } });
    await using plain = await startCase(driver);
    plain.emulator.reply(ok);
    expect(await plain.model.complete(aRequest(), noAbort)).toMatchObject({ thinking: null });
    expect(plain.emulator.requests[0]?.body).not.toHaveProperty("thinking");
  });

  it.each([
    ["context-overflow", "context-overflow"],
    ["paused", "output-limit"],
  ] as const)("says %s in its own words, which we read as %s", async (stop, expected) => {
    await using world = await startCase(driver);
    world.emulator.reply({ kind: "answer", text: "so far", stop });
    expect(await world.model.complete(aRequest(), noAbort)).toMatchObject({ stop: expected, text: "so far" });
  });

  it("makes the next call wait when its headers say that no request is left", async () => {
    await using world = await startCase(driver);
    const reset = new Date(world.clock.now() + 60_000).toISOString();
    const headers = {
      "anthropic-ratelimit-requests-limit": "10",
      "anthropic-ratelimit-requests-remaining": "0",
      "anthropic-ratelimit-requests-reset": reset,
    };
    world.emulator.reply({ ...ok, headers }, ok);
    await world.model.complete(aRequest(), noAbort);
    expect(world.clock.sleeps).toEqual([]);
    await world.model.complete(aRequest({ seed: 8 }), noAbort);
    // Ten requests refill within 60 s, so one is there after 6 s.
    expect(world.clock.sleeps).toEqual([6_000]);
  });

  it("obeys x-should-retry over the status", async () => {
    await using world = await startCase(driver);
    world.emulator.reply({ kind: "failure", reason: "server-error", headers: { "x-should-retry": "false" } });
    await expect(world.model.complete(aRequest(), noAbort)).rejects.toMatchObject({ code: "MODEL_UNAVAILABLE" });
    expect(world.emulator.requests).toHaveLength(1);
  });

  it.each([
    ["overloaded_error", "MODEL_OVERLOADED"],
    ["rate_limit_error", "MODEL_RATE_LIMITED"],
    ["api_error", "MODEL_UNAVAILABLE"],
  ])("reports %s inside a stream as %s once the attempts are used up", async (type, code) => {
    await using world = await startCase(driver);
    const frames = [`event: error\ndata: {"type":"error","error":{"type":"${type}","message":"no"}}\n\n`];
    const reply = { status: 200, headers: { "content-type": "text/event-stream" }, frames };
    world.emulator.replyAlways({ kind: "raw", reply });
    await expect(world.model.complete(aRequest(), noAbort)).rejects.toMatchObject({ code, retryable: true });
  });

  it("has an unknown price for a model that the table does not know", async () => {
    await using world = await startCase({ ...driver, model: "anthropic:claude-sonnet-4-6" });
    world.emulator.reply(ok);
    expect(await world.model.complete(aRequest(), noAbort)).toMatchObject({ costUsd: null });
  });
});

describe.each(["gemini (@google/genai)", "gemini (@google/generative-ai)"])("%s", (name) => {
  const driver = caseOf(name);

  it("sends the seed and bills thoughts as output", async () => {
    await using world = await startCase(driver);
    world.emulator.reply({ ...ok, thinking: "A thought of forty bytes or thereabouts." });
    const completion = await world.model.complete(aRequest({ seed: 2 ** 31 + 5 }), noAbort);
    expect(completion).toMatchObject({ text: "fine", thinking: "A thought of forty bytes or thereabouts." });
    expect(completion.usage.outputTokens).toBe(1 + 10);
    expect(completion.costUsd).toBeCloseTo((completion.usage.inputTokens * 0.75 + 11 * 3.75) / 1e6, 12);
    expect(world.emulator.requests[0]?.body).toMatchObject({ generationConfig: { seed: 5 } });
  });

  it("adds a second to the delay that a 429 advises, because it is rounded down", async () => {
    await using world = await startCase(driver);
    world.emulator.reply({ kind: "failure", reason: "rate-limit", retryAfterSeconds: 58 }, ok);
    await world.model.complete(aRequest(), noAbort);
    expect(world.clock.sleeps).toEqual([59_000]);
  });

  it("reads a blocked prompt, which has no candidate at all, as a refusal", async () => {
    await using world = await startCase(driver);
    const body = { promptFeedback: { blockReason: "PROHIBITED_CONTENT" }, usageMetadata: { promptTokenCount: 9 } };
    const frames = [driver.isStreaming ? `data: ${JSON.stringify(body)}\r\n\r\n` : JSON.stringify(body)];
    const type = driver.isStreaming ? "text/event-stream" : "application/json";
    world.emulator.reply({ kind: "raw", reply: { status: 200, headers: { "content-type": type }, frames } });
    expect(await world.model.complete(aRequest(), noAbort)).toMatchObject({ stop: "refusal", text: "" });
  });
});

describe("an OpenAI-compatible endpoint", () => {
  it("has an unknown cost, and estimated tokens, where it reports no usage", async () => {
    await using emulator = await startOpenAiEmulator({ reportsUsage: false });
    emulator.replyAlways(ok);
    const openai = { apiKey: emulator.apiKey, baseUrl: `${emulator.url}/v1` };
    const model = createModel("openai:codestral-22b", ModelSettings.parse({ openai }));
    const completion = await model.complete(aRequest(), noAbort);
    expect(completion).toMatchObject({ costUsd: null, usage: { inputTokens: 9, outputTokens: 1 } });
  });

  it("waits for the bucket that ran out when a 429 names no delay", async () => {
    await using world = await startCase(caseOf("openai-compatible, streaming"));
    const headers = {
      "x-ratelimit-limit-requests": "60",
      "x-ratelimit-remaining-requests": "0",
      "x-ratelimit-reset-requests": "12s",
    };
    world.emulator.reply({ kind: "failure", reason: "rate-limit", headers }, ok);
    await world.model.complete(aRequest(), noAbort);
    expect(world.clock.sleeps).toEqual([12_000]);
  });
});

function withThinking({ url, apiKey }: { url: string; apiKey: string }): ModelSettings {
  return ModelSettings.parse({ anthropic: { apiKey, baseUrl: url, thinking: "summarised" } });
}

describe("an offline model", () => {
  const rendered = summariseTransition.render({
    before: anObserved(),
    action: { kind: "shell", command: "touch a.txt" },
    after: anObserved({ state: "with a.txt", exitCode: 0 }),
  });
  const request = aRequest({ purpose: "summarise-transition", ...rendered });
  const model = createModel("offline:rules", ModelSettings.parse({}));

  it("keeps the contract: one answer per request, at no cost, under the request's hash", async () => {
    const [first, second] = [await model.complete(request, noAbort), await model.complete(request, noAbort)];
    expect(second.text).toBe(first.text);
    expect(first).toMatchObject({ stop: "end", costUsd: 0, journaled: false, attempts: 1 });
    expect(first.text).not.toBe("");
    expect(first.requestHash).toBe(requestHashOf(model, request));
    expect(first.usage.inputTokens).toBeGreaterThan(0);
  });

  it("answers nothing to a caller who has aborted", async () => {
    await expect(async () => model.complete(request, AbortSignal.abort(new Error("cancelled")))).rejects.toThrow(
      "cancelled",
    );
  });
});
