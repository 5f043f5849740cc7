// What the suites about models share: each driver against its emulator, and time that passes only when it is waited for.
import {
  type Clock,
  createModel,
  Lanes,
  type Model,
  type ModelDependencies,
  ModelSettings,
} from "@hindcast/shared/node";
import type { CompletionRequest } from "@hindcast/shared/node";
import { startAnthropicEmulator } from "../support/emulators/anthropic.ts";
import type { Emulator } from "../support/emulators/emulator.ts";
import { startGeminiEmulator } from "../support/emulators/gemini.ts";
import { startOpenAiEmulator } from "../support/emulators/openai.ts";

export interface DriverCase {
  name: string;
  /** A model that the emulator offers. */
  model: string;
  isStreaming: boolean;
  start: () => Promise<Emulator>;
  settings: (emulator: { url: string; apiKey: string }) => ModelSettings;
}

export const driverCases: DriverCase[] = [
  {
    name: "anthropic",
    model: "anthropic:claude-sonnet-5-5",
    isStreaming: true,
    start: startAnthropicEmulator,
    settings: ({ url, apiKey }) => ModelSettings.parse({ anthropic: { apiKey, baseUrl: url } }),
  },
  {
    name: "gemini (@google/genai)",
    model: "gemini:gemini-3.8-flash",
    isStreaming: true,
    start: startGeminiEmulator,
    settings: ({ url, apiKey }) => ModelSettings.parse({ gemini: { apiKey, baseUrl: url } }),
  },
  {
    name: "gemini (@google/generative-ai)",
    model: "gemini:gemini-3.8-flash",
    isStreaming: false,
    start: startGeminiEmulator,
    settings: ({ url, apiKey }) => ModelSettings.parse({ gemini: { apiKey, baseUrl: url, driver: "generative-ai" } }),
  },
  {
    name: "openai-compatible, streaming",
    model: "openai:codestral-22b",
    isStreaming: true,
    start: startOpenAiEmulator,
    settings: ({ url, apiKey }) => ModelSettings.parse({ openai: { apiKey, baseUrl: `${url}/v1` } }),
  },
  {
    name: "openai-compatible, unary",
    model: "openai:codestral-22b",
    isStreaming: false,
    start: startOpenAiEmulator,
    settings: ({ url, apiKey }) =>
      ModelSettings.parse({ openai: { apiKey, baseUrl: `${url}/v1`, isStreaming: false } }),
  },
];

/** A clock whose sleeps return at once, having moved the time on. */
export class SkippingClock implements Clock {
  readonly sleeps: number[] = [];
  #nowMs = Date.parse("2026-11-20T12:00:00.000Z");

  now(): number {
    return this.#nowMs;
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.sleeps.push(ms);
    this.#nowMs += ms;
  }
}

/** A driver with its emulator, a clock of its own, and no jitter. */
export async function startCase(
  driver: DriverCase,
  dependencies: ModelDependencies = {},
): Promise<AsyncDisposable & { emulator: Emulator; clock: SkippingClock; model: Model }> {
  const emulator = await driver.start();
  const clock = new SkippingClock();
  const own = { clock, random: () => 0, lanes: new Lanes(), ...dependencies };
  const model = createModel(driver.model, driver.settings(emulator), own);
  return { emulator, clock, model, [Symbol.asyncDispose]: () => emulator[Symbol.asyncDispose]() };
}

export function aRequest(changes: Partial<CompletionRequest> = {}): CompletionRequest {
  return {
    purpose: "act",
    system: "You operate a shell.",
    messages: [{ role: "user", content: [{ kind: "text", text: "List the files." }] }],
    outputTokensMax: 256,
    output: { kind: "text" },
    seed: 7,
    ...changes,
  };
}

export const noAbort: AbortSignal = new AbortController().signal;
