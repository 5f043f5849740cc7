// Requirements: 3.bad.answers
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { noUsage } from "../../domain/usage.ts";
import { HindcastError } from "../../errors.ts";
import type { Completion, CompletionRequest, Model } from "../model/model.ts";
import { ask } from "./ask.ts";
import type { Prompt } from "./prompt.ts";

const options = { seed: 1, signal: new AbortController().signal };
const Vote = z.strictObject({ verdict: z.enum(["yes", "no"]), score: z.int().min(0).max(10) });

const jsonPrompt: Prompt<string, z.infer<typeof Vote>> = {
  purpose: "judge",
  hash: "0",
  outputTokensMax: 20,
  render: (question) => ({ system: "s", messages: [{ role: "user", content: [{ kind: "text", text: question }] }] }),
  output: { kind: "json", name: "vote", schema: Vote },
};
const textPrompt: Prompt<string, number> = {
  ...jsonPrompt,
  output: {
    kind: "text",
    parse: (text) => {
      const number = Number(text);
      if (Number.isNaN(number)) throw new Error(`"${text}" is not a number`);
      return number;
    },
  },
};

type Scripted = string | { text: string; stop: Completion["stop"] } | Error;

function scriptedModel(...script: Scripted[]): Model & { requests: CompletionRequest[] } {
  const requests: CompletionRequest[] = [];
  return {
    id: "anthropic:m",
    provider: "anthropic",
    isOffline: false,
    requests,
    complete: async (request) => {
      requests.push(request);
      const next = script.shift();
      if (next === undefined || next instanceof Error) throw next ?? new Error("empty script");
      const { text, stop } = typeof next === "string" ? { text: next, stop: "end" as const } : next;
      const usage = { ...noUsage, outputTokens: 1 };
      const bought = { usage, costUsd: 0.5, resolvedModel: "m", requestHash: "h", journaled: false };
      return { text, stop, thinking: null, durationMs: 1, attempts: 1, ...bought };
    },
  };
}

describe("asking", () => {
  it("gives a value that fits the schema, and the call", async () => {
    const model = scriptedModel('{"verdict":"yes","score":7}');
    const answer = await ask(model, jsonPrompt, "Is it?", options);
    expect(answer).toMatchObject({ ok: true, value: { verdict: "yes", score: 7 } });
    expect(answer.calls).toEqual([
      {
        purpose: "judge",
        model: "anthropic:m",
        resolvedModel: "m",
        requestHash: "h",
        usage: { ...noUsage, outputTokens: 1 },
        costUsd: 0.5,
        journaled: false,
        durationMs: 1,
      },
    ]);
    expect(model.requests[0]?.output).toMatchObject({
      kind: "json",
      schema: { type: "object", required: ["verdict", "score"], additionalProperties: false },
    });
  });

  it("takes JSON out of the fence that local models put around it", async () => {
    const model = scriptedModel('```json\n{"verdict":"no","score":0}\n```\n');
    expect(await ask(model, jsonPrompt, "?", options)).toMatchObject({ ok: true, value: { verdict: "no" } });
  });

  it.each<[string, string, RegExp]>([
    ["not JSON", "Yes, I think so.", /not JSON/],
    ["JSON that does not fit", '{"verdict":"maybe","score":3}', /verdict/],
    ["JSON with too much", '{"verdict":"yes","score":3,"extra":1}', /extra/],
    ["half of a JSON", '{"verdict":"yes",', /not JSON/],
  ])("tells the model once what was wrong with %s", async (_what, bad, complaint) => {
    const model = scriptedModel(bad, '{"verdict":"yes","score":3}');
    const answer = await ask(model, jsonPrompt, "?", options);
    expect(answer).toMatchObject({ ok: true, value: { score: 3 } });
    expect(answer.calls).toHaveLength(2);
    const messages = model.requests[1]?.messages ?? [];
    expect(messages.map(({ role }) => role)).toEqual(["user", "assistant", "user"]);
    expect(messages[1]?.content[0]?.text).toBe(bad);
    expect(messages[2]?.content[0]?.text).toMatch(complaint);
  });

  it("names the problem after the second useless answer, and reports both calls", async () => {
    const answer = await ask(scriptedModel("no", "still no"), jsonPrompt, "?", options);
    expect(answer).toMatchObject({ ok: false, problem: "invalid", detail: expect.stringContaining("not JSON") });
    expect(answer.calls).toHaveLength(2);
  });

  it("asks again after an empty answer without repeating it as a turn", async () => {
    const model = scriptedModel("  ", '{"verdict":"yes","score":3}');
    expect(await ask(model, jsonPrompt, "?", options)).toMatchObject({ ok: true });
    expect(model.requests[1]?.messages.map(({ role, content }) => [role, content.length])).toEqual([["user", 2]]);
  });

  it("asks for less after an answer that was cut off, and gives it twice the room", async () => {
    const cut = { text: '{"verdict":', stop: "output-limit" as const };
    const model = scriptedModel(cut, cut);
    const answer = await ask(model, jsonPrompt, "?", options);
    expect(answer).toMatchObject({
      ok: false,
      problem: "cut-off",
      detail: expect.stringContaining("40 output tokens"),
    });
    expect(model.requests.map(({ outputTokensMax }) => outputTokensMax)).toEqual([20, 40]);
    expect(model.requests[1]?.messages.at(-1)?.content.at(-1)?.text).toContain("much shorter");
  });

  it("gives no more room to an answer that was only wrong", async () => {
    const model = scriptedModel("no", '{"verdict":"yes","score":3}');
    await ask(model, jsonPrompt, "?", options);
    expect(model.requests.map(({ outputTokensMax }) => outputTokensMax)).toEqual([20, 20]);
  });

  it.each(["no", { text: "{", stop: "output-limit" as const }])(
    "asks once where its caller repairs by itself: %s",
    async (bad) => {
      const model = scriptedModel(bad, '{"verdict":"yes","score":3}');
      const answer = await ask(model, jsonPrompt, "?", { ...options, isRepaired: false });
      expect(answer).toMatchObject({ ok: false });
      expect(answer.calls).toHaveLength(1);
      expect(model.requests).toHaveLength(1);
    },
  );

  it.each([
    ["refusal", "refusal", "I will not."],
    ["context-overflow", "overflow", ""],
  ] as const)("takes a %s as final", async (stop, problem, text) => {
    const model = scriptedModel({ text, stop });
    const answer = await ask(model, jsonPrompt, "?", options);
    expect(answer).toMatchObject({ ok: false, problem });
    expect(answer.calls).toHaveLength(1);
    expect(model.requests).toHaveLength(1);
  });

  it("does the same for text that its parser refuses", async () => {
    const answer = await ask(scriptedModel("forty-two", "42"), textPrompt, "?", options);
    expect(answer).toMatchObject({ ok: true, value: 42 });
  });

  it("throws an outage of the first request", async () => {
    const outage = new HindcastError({
      code: "MODEL_UNAVAILABLE",
      boundary: "model",
      message: "down",
      retryable: true,
    });
    await expect(ask(scriptedModel(outage), jsonPrompt, "?", options)).rejects.toBe(outage);
  });

  it("keeps the cost of the first answer when only the repair meets an outage", async () => {
    const outage = new HindcastError({
      code: "MODEL_UNAVAILABLE",
      boundary: "model",
      message: "down",
      retryable: true,
    });
    const answer = await ask(scriptedModel("no", outage), jsonPrompt, "?", options);
    expect(answer).toMatchObject({ ok: false, problem: "invalid", detail: expect.stringContaining("down") });
    expect(answer.calls).toHaveLength(1);
  });

  it("throws when the caller has aborted", async () => {
    const controller = new AbortController();
    const model = scriptedModel("no");
    const complete = model.complete.bind(model);
    model.complete = async (request, signal) => {
      if (model.requests.length === 1) controller.abort(new Error("cancelled"));
      return complete(request, signal);
    };
    const call = ask(model, jsonPrompt, "?", { seed: 1, signal: controller.signal });
    await expect(call).rejects.toThrow("cancelled");
  });
});
