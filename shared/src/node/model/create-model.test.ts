// Requirements: 3.bad.config
import { describe, expect, it } from "vitest";
import { createModel, ModelSettings } from "./create-model.ts";
import { modelSettings } from "./model-registry.ts";

const settings = ModelSettings.parse({});

describe("creating a model", () => {
  it.each([
    ["gpt", "provider:model"],
    ["mistral:large", '"mistral" is not one of'],
    ["anthropic:", "provider:model"],
    ["", "provider:model"],
  ])("refuses %s, saying which providers there are", (id, words) => {
    expect(() => createModel(id, settings)).toThrow(
      expect.objectContaining({
        code: "MODEL_UNKNOWN",
        message: expect.stringMatching(new RegExp(`${words}[^]*anthropic, gemini, openai, offline`)),
      }),
    );
  });

  it.each(["anthropic:claude-sonnet-5-5", "gemini:gemini-3.8-flash", "openai:gpt-oss-120b"])(
    "refuses %s without a key, before anything is sent",
    (id) => {
      expect(() => createModel(id, settings)).toThrow(
        expect.objectContaining({ code: "MODEL_UNAUTHORIZED", message: expect.stringContaining(id) }),
      );
    },
  );

  it("needs no key for a local endpoint, nor for the offline models", () => {
    const local = ModelSettings.parse({ openai: { baseUrl: "http://127.0.0.1:8000/v1" } });
    expect(createModel("openai:org/model:tag", local)).toMatchObject({
      id: "openai:org/model:tag",
      provider: "openai-compatible",
      isOffline: false,
    });
    expect(createModel("offline:rules", settings)).toMatchObject({ provider: "offline", isOffline: true });
  });

  it("refuses unknown settings and endpoints that are no URL", () => {
    expect(ModelSettings.safeParse({ antropic: {} }).success).toBe(false);
    expect(ModelSettings.safeParse({ openai: { baseUrl: "localhost:8000" } }).success).toBe(false);
    expect(ModelSettings.safeParse({ gemini: { driver: "vertex" } }).success).toBe(false);
  });

  it("takes the settings of a process as they are", () => {
    const config = {
      anthropicApiKey: "a",
      anthropicBaseUrl: null,
      geminiApiKey: "g",
      geminiBaseUrl: null,
      geminiDriver: "generative-ai" as const,
      openaiApiKey: null,
      openaiBaseUrl: "http://127.0.0.1:8000/v1",
      pricesFile: null,
    };
    expect(modelSettings(config)).toMatchObject({
      anthropic: { apiKey: "a" },
      gemini: { apiKey: "g", driver: "generative-ai" },
      openai: { apiKey: null, baseUrl: "http://127.0.0.1:8000/v1" },
    });
  });
});
