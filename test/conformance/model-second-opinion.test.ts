// Requirements: 3.9.drivers
// Our emulators and our drivers could share a mistake. aimock was written by others, who compare it with the real
// services: the basic call of each driver has to work there too. It is known to count no tokens for some providers.
import { LLMock } from "@copilotkit/aimock";
import { createModel, ModelSettings } from "@hindcast/shared/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { aRequest, noAbort } from "./model-fixtures.ts";

const mock = new LLMock({ port: 0 });
beforeAll(async () => {
  mock.onMessage(/List the files/, { content: "Use ls." });
  await mock.start();
});
afterAll(() => mock.stop());

describe("another implementation of the wire protocols", () => {
  it.each([
    ["anthropic:claude-sonnet-5-5", () => ({ anthropic: { apiKey: "k", baseUrl: mock.url } })],
    ["gemini:gemini-3.8-flash", () => ({ gemini: { apiKey: "k", baseUrl: mock.url } })],
    ["gemini:gemini-3.8-flash", () => ({ gemini: { apiKey: "k", baseUrl: mock.url, driver: "generative-ai" } })],
    ["openai:codestral-22b", () => ({ openai: { apiKey: "k", baseUrl: `${mock.url}/v1` } })],
    ["openai:codestral-22b", () => ({ openai: { apiKey: "k", baseUrl: `${mock.url}/v1`, isStreaming: false } })],
  ])("answers %s as ours does", async (id, settings) => {
    const model = createModel(id, ModelSettings.parse(settings()));
    expect(await model.complete(aRequest(), noAbort)).toMatchObject({ text: "Use ls.", stop: "end", attempts: 1 });
  });
});
