// Runs a prompt against a model. Every answer ends as a value or as a named problem; only outages are thrown. One
// repair: an answer that was cut off or does not parse is asked for again, once, with what was wrong. A refusal and a
// prompt that does not fit are final, because asking the same again would not change them.
import { z } from "zod";
import type { ModelCall } from "../../domain/usage.ts";
import { messageOf } from "../../errors.ts";
import type { Completion, CompletionRequest, Model, ModelMessage } from "../model/model.ts";
import { outputSchema } from "./output-schema.ts";
import type { Prompt } from "./prompt.ts";

export type AskProblem = "refusal" | "overflow" | "cut-off" | "invalid";

/** `calls` are all calls that were made, so that the cost of a useless answer is counted too. */
export type Asked<Output> =
  | { ok: true; value: Output; calls: ModelCall[] }
  | { ok: false; problem: AskProblem; detail: string; calls: ModelCall[] };

export interface AskOptions {
  /** Same seed and same prompt: same journal entry. */
  seed: number;
  signal: AbortSignal;
  /** False: the caller itself shows the model what was wrong. @default true */
  isRepaired?: boolean;
}

/**
 * Asks `model` for the output of `prompt`.
 * @throws HindcastError of boundary `model` when the first request fails. When only the repair fails, the problem of
 * the first answer is the result, because that answer was paid for and its cost must be reported.
 */
export async function ask<Input, Output>(
  model: Model,
  prompt: Prompt<Input, Output>,
  input: Input,
  { seed, signal, isRepaired = true }: AskOptions,
): Promise<Asked<Output>> {
  const request = requestOf(prompt, input, seed);
  const first = await model.complete(request, signal);
  const calls = [modelCallOf(model, request, first)];
  const read = readAnswer(prompt, first, request);
  if (read.ok) return { ok: true, value: read.value, calls };
  if (!read.isRepairable || !isRepaired) return { ok: false, problem: read.problem, detail: read.detail, calls };

  // The same room would be used up in the same way: thinking counts towards it.
  const room = read.problem === "cut-off" ? { outputTokensMax: 2 * request.outputTokensMax } : {};
  const repair = { ...request, ...room, messages: withCorrection(request.messages, first, read) };
  try {
    const second = await model.complete(repair, signal);
    calls.push(modelCallOf(model, repair, second));
    const reread = readAnswer(prompt, second, repair);
    if (reread.ok) return { ok: true, value: reread.value, calls };
    return { ok: false, problem: reread.problem, detail: reread.detail, calls };
  } catch (error) {
    signal.throwIfAborted();
    const detail = `${read.detail}; asking again failed: ${messageOf(error)}`;
    return { ok: false, problem: read.problem, detail, calls };
  }
}

/** The record of a call that trajectories and demonstrations keep. */
export function modelCallOf(model: Model, request: CompletionRequest, completion: Completion): ModelCall {
  const { resolvedModel, requestHash, usage, costUsd, journaled, durationMs, batched = false } = completion;
  return {
    purpose: request.purpose,
    model: model.id,
    resolvedModel,
    requestHash,
    usage,
    costUsd,
    journaled,
    ...(batched && { batched }),
    durationMs,
  };
}

type Read<Output> =
  | { ok: true; value: Output }
  | { ok: false; problem: AskProblem; detail: string; isRepairable: boolean };

function requestOf<Input, Output>(prompt: Prompt<Input, Output>, input: Input, seed: number): CompletionRequest {
  const { output } = prompt;
  return {
    purpose: prompt.purpose,
    ...prompt.render(input),
    outputTokensMax: prompt.outputTokensMax,
    output:
      output.kind === "text"
        ? { kind: "text" }
        : { kind: "json", name: output.name, schema: outputSchema(output.schema) },
    seed,
  };
}

function readAnswer<Input, Output>(
  prompt: Prompt<Input, Output>,
  completion: Completion,
  { outputTokensMax }: Pick<CompletionRequest, "outputTokensMax">,
): Read<Output> {
  const problem = (name: AskProblem, detail: string, isRepairable: boolean): Read<Output> => ({
    ok: false,
    problem: name,
    detail,
    isRepairable,
  });
  switch (completion.stop) {
    case "refusal":
      return problem("refusal", `the model refused: ${excerpt(completion.text) || "no words given"}`, false);
    case "context-overflow":
      return problem("overflow", "the prompt does not fit the model's context window", false);
    case "output-limit":
      return problem("cut-off", `the answer was cut off at ${outputTokensMax} output tokens`, true);
    case "end":
      if (completion.text.trim() === "") return problem("invalid", "the answer was empty", true);
      return parseAnswer(prompt.output, completion.text);
  }
}

function parseAnswer<Output>(output: Prompt<never, Output>["output"], text: string): Read<Output> {
  const invalid = (detail: string): Read<Output> => ({ ok: false, problem: "invalid", detail, isRepairable: true });
  try {
    if (output.kind === "text") return { ok: true, value: output.parse(text) };
    const parsed = output.schema.safeParse(JSON.parse(withoutFence(text)));
    if (parsed.success) return { ok: true, value: parsed.data };
    return invalid(`the JSON does not fit the schema: ${z.prettifyError(parsed.error)}`);
  } catch (error) {
    return invalid(output.kind === "json" ? `the answer is not JSON: ${messageOf(error)}` : messageOf(error));
  }
}

/** Local models like to wrap JSON in a Markdown fence even where a schema was given. */
function withoutFence(text: string): string {
  return /^\s*```(?:json)?\s*\n([\s\S]*?)\n\s*```\s*$/.exec(text)?.[1] ?? text;
}

/** Roles stay in strict alternation, which some chat templates demand: an empty answer is not repeated as a turn. */
function withCorrection(
  messages: ModelMessage[],
  answer: Completion,
  { problem, detail }: { problem: AskProblem; detail: string },
): ModelMessage[] {
  const wish = problem === "cut-off" ? "Answer again, much shorter." : "Answer again in exactly the form asked for.";
  const correction = { kind: "text" as const, text: `Your answer could not be used: ${detail}. ${wish}` };
  if (answer.text.trim() !== "" && problem !== "cut-off") {
    return [
      ...messages,
      { role: "assistant", content: [{ kind: "text", text: answer.text }] },
      { role: "user", content: [correction] },
    ];
  }
  const last = messages.at(-1);
  if (last?.role !== "user") return [...messages, { role: "user", content: [correction] }];
  return [...messages.slice(0, -1), { role: "user", content: [...last.content, correction] }];
}

function excerpt(text: string): string {
  return text.trim().slice(0, 300);
}
