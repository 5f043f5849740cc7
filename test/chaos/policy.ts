// The policy that everybody pays: it appends lines to a file, and every answer carries the number of its purchase, so
// that an answer in the journal can be told from an equal one that was bought later.
import { setTimeout as pause } from "node:timers/promises";
import type { Emulator, RecordedRequest } from "../support/emulators/emulator.ts";
import { startOpenAiEmulator } from "../support/emulators/openai.ts";

export const policyModel = "openai:codestral-22b";
const stepSeconds = 0.4;

export interface PolicyOptions {
  stepsPerEpisode: number;
  /** How long the answer to a purchase takes, by its number. */
  answerMs: (number: number) => number;
}

const brisk: PolicyOptions = { stepsPerEpisode: 5, answerMs: () => 60 };

export interface Purchase {
  prompt: string;
  /** Epoch milliseconds. */
  askedAt: number;
}

export interface Policy extends AsyncDisposable {
  emulator: Emulator;
  stepsPerEpisode: number;
  /** By number, from 0. */
  purchases: Purchase[];
}

export const commandOf = (line: number): string => `sleep ${stepSeconds}; echo line ${line} >> log.txt`;
export const purchaseIn = (text: string): number | null => {
  const found = /purchase (\d+)\b/.exec(text)?.[1];
  return found === undefined ? null : Number(found);
};

export async function startPolicy({ stepsPerEpisode, answerMs }: PolicyOptions = brisk): Promise<Policy> {
  const emulator = await startOpenAiEmulator();
  const purchases: Purchase[] = [];
  emulator.replyAlways(async ({ body }: RecordedRequest) => {
    const prompt = JSON.stringify(body["messages"]);
    const number = purchases.push({ prompt, askedAt: Date.now() }) - 1;
    const done = prompt.match(/<action>/g)?.length ?? 0;
    await pause(answerMs(number));
    const action = done < stepsPerEpisode ? commandOf(done + 1) : "stop()";
    return { kind: "answer", text: `REASON: one more line, purchase ${number}\nACTION: ${action}` };
  });
  return { emulator, stepsPerEpisode, purchases, [Symbol.asyncDispose]: () => emulator[Symbol.asyncDispose]() };
}
