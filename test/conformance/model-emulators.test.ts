// Requirements: 3.9.emulators
// The emulators refuse what the real services refuse; spoken to in plain HTTP, because the SDKs would not send it.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startAnthropicEmulator } from "../support/emulators/anthropic.ts";
import type { Emulator } from "../support/emulators/emulator.ts";
import { startGeminiEmulator } from "../support/emulators/gemini.ts";
import { startOpenAiEmulator } from "../support/emulators/openai.ts";

type Json = Record<string, unknown>;

async function post(
  url: string,
  headers: Record<string, string>,
  body: unknown,
): Promise<{ status: number; text: string }> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  return { status: response.status, text: await response.text() };
}

let emulator: Emulator;
const start = (open: () => Promise<Emulator>): void => {
  beforeAll(async () => {
    emulator = await open();
    emulator.replyAlways({ kind: "answer", text: "hello" });
  });
  afterAll(() => emulator[Symbol.asyncDispose]());
};

describe("the Anthropic emulator", () => {
  start(startAnthropicEmulator);
  const user = { role: "user", content: "hello" };
  const good = { model: "claude-sonnet-5-5", max_tokens: 10, messages: [user] };
  const closed = (schema: Json): Json => ({ output_config: { format: { type: "json_schema", schema } } });
  const breakpoint = { type: "text", text: "a", cache_control: { type: "ephemeral" } };
  const send = (body: unknown, changes: Record<string, string | undefined> = {}) => {
    const headers = { authorization: `Bearer ${emulator.apiKey}`, "anthropic-version": "2026-10-21", ...changes };
    const present = Object.entries(headers).filter(([, value]) => value !== undefined) as [string, string][];
    return post(`${emulator.url}/v1/messages`, Object.fromEntries(present), body);
  };

  it("accepts a good request, streamed or not", async () => {
    expect(JSON.parse((await send(good)).text)).toMatchObject({
      stop_reason: "end_turn",
      content: [{ text: "hello" }],
    });
    expect((await send({ ...good, stream: true })).text).toContain("event: message_stop");
    expect(await send({ ...good, temperature: 0 }, { "anthropic-version": "2023-06-01" })).toMatchObject({
      status: 200,
    });
  });

  it.each<[string, unknown, RegExp]>([
    ["a temperature", { ...good, temperature: 1 }, /temperature: Extra inputs/],
    ["an unknown field", { ...good, max_output: 1 }, /max_output: Extra inputs/],
    ["no max_tokens", { model: good.model, messages: [user] }, /max_tokens: Field required/],
    ["max_tokens of zero", { ...good, max_tokens: 0 }, /max_tokens/],
    ["no messages", { ...good, messages: [] }, /at least one message/],
    ["an unknown role", { ...good, messages: [user, { role: "model", content: "a" }, user] }, /role/],
    ["a system turn first", { ...good, messages: [{ role: "assistant", content: "a" }, user] }, /first message/],
    ["a prefilled answer", { ...good, messages: [user, { role: "assistant", content: "{" }] }, /prefill/],
    ["an empty block", { ...good, messages: [{ role: "user", content: [{ type: "text", text: "" }] }] }, /non-empty/],
    ["a forced tool", { ...good, tools: [], tool_choice: { type: "any" } }, /tool_choice/],
    [
      "a result of no tool",
      { ...good, messages: [{ role: "user", content: [{ type: "tool_result", tool_use_id: "t" }] }] },
      /tool_use_id/,
    ],
    ["five breakpoints", { ...good, messages: [{ role: "user", content: Array(5).fill(breakpoint) }] }, /maximum of 4/],
    ["an open schema", { ...good, ...closed({ type: "object", properties: {} }) }, /additionalProperties/],
    ["a schema with a range", { ...good, ...closed({ type: "integer", minimum: 1 }) }, /minimum/],
    ["a prompt over the window", { ...good, messages: [{ role: "user", content: "a".repeat(800_004) }] }, /too long/],
    ["half a JSON", "{", /not valid JSON/],
  ])("refuses %s with a 400", async (_what, body, words) => {
    const { status, text } = await send(body);
    expect(status).toBe(400);
    expect(JSON.parse(text)).toMatchObject({ type: "error", error: { type: "invalid_request_error" } });
    expect(text).toMatch(words);
  });

  it("refuses missing and wrong keys, versions and models", async () => {
    expect(await send(good, { authorization: undefined })).toMatchObject({ status: 401 });
    expect(await send(good, { authorization: "Bearer nonsense" })).toMatchObject({ status: 401 });
    expect(await send(good, { "anthropic-version": undefined })).toMatchObject({ status: 400 });
    expect(await send(good, { "anthropic-version": "2030-01-01" })).toMatchObject({ status: 400 });
    expect(await send({ ...good, model: "claude-3-5-sonnet" })).toMatchObject({ status: 404 });
  });
});

describe("the Gemini emulator", () => {
  start(startGeminiEmulator);
  const user = { role: "user", parts: [{ text: "hello" }] };
  const good = { contents: [user] };
  const config = (generationConfig: Json): Json => ({ ...good, generationConfig });
  const send = (body: unknown, key: string | null = emulator.apiKey, model = "gemini-3.8-flash") =>
    post(`${emulator.url}/v1beta/models/${model}:generateContent`, key === null ? {} : { "x-goog-api-key": key }, body);

  it("accepts a good request", async () => {
    const { status, text } = await send(good);
    expect(status).toBe(200);
    expect(JSON.parse(text)).toMatchObject({
      candidates: [{ finishReason: "STOP" }],
      modelVersion: "gemini-3.8-flash",
    });
  });

  it.each<[string, unknown, RegExp]>([
    ["no contents", {}, /contents/],
    ["an unknown role", { contents: [{ role: "assistant", parts: [{ text: "a" }] }] }, /valid role/],
    ["a prefilled turn", { contents: [user, { role: "model", parts: [{ text: "{" }] }] }, /Prefilled/],
    ["empty parts", { contents: [{ role: "user", parts: [] }] }, /parts/],
    ["a candidate count", config({ candidateCount: 1 }), /candidate_count/],
    ["a thinking budget", config({ thinkingConfig: { thinkingBudget: 1 } }), /thinking_budget/],
    ["an unknown field", { ...good, stream: true }, /Unknown name .+stream/],
    ["a schema without its type", config({ responseJsonSchema: { type: "object" } }), /response_mime_type/],
    [
      "a bad schema",
      config({ responseMimeType: "application/json", responseJsonSchema: { type: "vote" } }),
      /Invalid type/,
    ],
    ["half a JSON", "{", /Invalid JSON/],
  ])("refuses %s with a 400", async (_what, body, words) => {
    const { status, text } = await send(body);
    expect(status).toBe(400);
    expect(JSON.parse(text)).toMatchObject({ error: { code: 400, status: "INVALID_ARGUMENT" } });
    expect(text).toMatch(words);
  });

  it("refuses missing and wrong keys and models", async () => {
    expect(await send(good, null)).toMatchObject({ status: 403 });
    const wrong = await send(good, "nonsense");
    expect(wrong.status).toBe(400);
    expect(wrong.text).toContain("API_KEY_INVALID");
    expect(await send(good, emulator.apiKey, "gemini-1.5-pro")).toMatchObject({ status: 404 });
  });
});

describe("the OpenAI emulator", () => {
  start(startOpenAiEmulator);
  const user = { role: "user", content: "hello" };
  const good = { model: "codestral-22b", messages: [user] };
  const format = (json_schema: Json): Json => ({ ...good, response_format: { type: "json_schema", json_schema } });
  const send = (body: unknown, key: string | null = emulator.apiKey) =>
    post(`${emulator.url}/v1/chat/completions`, key === null ? {} : { authorization: `Bearer ${key}` }, body);

  it("accepts a good request, streamed or not", async () => {
    expect(JSON.parse((await send(good)).text)).toMatchObject({ choices: [{ finish_reason: "stop" }] });
    const streamed = await send({ ...good, stream: true });
    expect(streamed.text).toContain("data: [DONE]");
    expect(streamed.text, "usage only where it is asked for").not.toContain("prompt_tokens");
  });

  it.each<[string, unknown, RegExp]>([
    ["no model", { messages: [user] }, /model parameter/],
    ["no messages", { ...good, messages: [] }, /too short/],
    ["an unknown role", { ...good, messages: [{ role: "model", content: "a" }] }, /is not one of/],
    ["an unknown field", { ...good, max_output: 1 }, /Unrecognized/],
    ["both caps", { ...good, max_tokens: 1, max_completion_tokens: 1 }, /same time/],
    ["stream options of a unary call", { ...good, stream_options: {} }, /stream_options/],
    ["a schema with a bad name", format({ name: "my vote", schema: { type: "object" } }), /name/],
    ["an open schema", format({ name: "vote", schema: { type: "object", properties: {} } }), /additionalProperties/],
    [
      "an optional property",
      format({ name: "vote", schema: { type: "object", properties: { a: {} }, additionalProperties: false } }),
      /required/,
    ],
    ["half a JSON", "{", /parse/],
  ])("refuses %s with a 400", async (_what, body, words) => {
    const { status, text } = await send(body);
    expect(status).toBe(400);
    expect(JSON.parse(text)).toMatchObject({ error: { type: "invalid_request_error" } });
    expect(text).toMatch(words);
  });

  it("refuses missing and wrong keys and models", async () => {
    expect(await send(good, null)).toMatchObject({ status: 401 });
    expect(await send(good, "nonsense")).toMatchObject({ status: 401 });
    expect(await send({ ...good, model: "gpt-3" })).toMatchObject({ status: 404 });
  });
});
