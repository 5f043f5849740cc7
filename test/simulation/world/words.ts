// What the simulated models say: a function of the prompt alone, so that a repeated call has the same answer.
import type { CompletionRequest } from "@hindcast/shared/node";
import { scriptedGenerator } from "../../support/scripted-generator.ts";
import { scriptedPolicy } from "../../support/worker.ts";

export const commands = ["do-one", "do-two", "do-three"];

export async function wordsFor(request: CompletionRequest): Promise<string> {
  const isPolicy = request.purpose === "act" || request.purpose === "retrieval-query";
  const model = isPolicy ? scriptedPolicy(commands) : scriptedGenerator();
  return (await model.complete(request)).text;
}
