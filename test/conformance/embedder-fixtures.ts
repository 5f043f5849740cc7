// What the suites about embedders share: each driver against its emulator, and time that passes only when it is waited
// for.
import {
  type BatchEmbedder,
  createEmbedder,
  type EmbedderDependencies,
  type EmbedderSetting,
  Lanes,
  ModelSettings,
} from "@hindcast/shared/node";
import type { Emulator } from "../support/emulators/emulator.ts";
import { startGeminiEmbeddingsEmulator } from "../support/emulators/gemini-embeddings.ts";
import { startOpenAiEmbeddingsEmulator } from "../support/emulators/openai-embeddings.ts";
import { SkippingClock } from "./model-fixtures.ts";

export interface EmbedderCase {
  name: string;
  setting: EmbedderSetting;
  /** The embedder's; the emulator's address is written as `<host>`. */
  embedderName: string;
  /** Whether the endpoint says how much it has read, so that the cost is known. */
  reportsUsage: boolean;
  start: () => Promise<Emulator>;
  settings: (emulator: { url: string; apiKey: string }) => ModelSettings;
}

const gemini: EmbedderCase["settings"] = ({ url, apiKey }) => ModelSettings.parse({ gemini: { apiKey, baseUrl: url } });
const openai: EmbedderCase["settings"] = ({ url, apiKey }) =>
  ModelSettings.parse({ openai: { apiKey, baseUrl: `${url}/v1` } });

export const embedderCases: EmbedderCase[] = [
  {
    name: "Gemini, told the purpose by a task type",
    setting: { embedder: "gemini:gemini-embedding-001", dimensions: 768 },
    embedderName: "gemini/gemini-embedding-001@768",
    reportsUsage: false,
    start: startGeminiEmbeddingsEmulator,
    settings: gemini,
  },
  {
    name: "Gemini, told the purpose before the text",
    setting: { embedder: "gemini:gemini-embedding-2", dimensions: 256 },
    embedderName: "gemini/gemini-embedding-2@256",
    reportsUsage: true,
    start: startGeminiEmbeddingsEmulator,
    settings: gemini,
  },
  {
    name: "an OpenAI-compatible server",
    setting: { embedder: "openai:bge-base-en-v1.5", dimensions: 768 },
    embedderName: "openai-compatible(<host>)/bge-base-en-v1.5@768",
    reportsUsage: true,
    start: startOpenAiEmbeddingsEmulator,
    settings: openai,
  },
  {
    name: "an OpenAI-compatible server that answers in numbers and reports no usage",
    setting: { embedder: "openai:text-embedding-3-small", dimensions: 1_536 },
    embedderName: "openai-compatible(<host>)/text-embedding-3-small@1536",
    reportsUsage: false,
    start: () => startOpenAiEmbeddingsEmulator({ isExact: false }),
    settings: openai,
  },
];

/** A driver with its emulator, a clock of its own, and no jitter. */
export async function startEmbedder(
  { start, settings, setting }: EmbedderCase,
  dependencies: EmbedderDependencies = {},
): Promise<AsyncDisposable & { emulator: Emulator; clock: SkippingClock; embedder: BatchEmbedder }> {
  const emulator = await start();
  const clock = new SkippingClock();
  const own = { clock, random: () => 0, lanes: new Lanes(), ...dependencies };
  const embedder = createEmbedder(setting, settings(emulator), own);
  if (embedder === null) throw new Error(`${setting.embedder} is not a remote embedder`);
  return { emulator, clock, embedder, [Symbol.asyncDispose]: () => emulator[Symbol.asyncDispose]() };
}

export const lengthOf = (vector: Float32Array): number => Math.hypot(...vector);
