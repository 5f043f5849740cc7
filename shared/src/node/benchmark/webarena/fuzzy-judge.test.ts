// Requirements: 6.12.judge
import { describe, expect, it } from "vitest";
import type { Completion, CompletionRequest, Model } from "../../model/model.ts";
import { modelJudge, questionText, readGrade, readSameness } from "./fuzzy-judge.ts";

const never = new AbortController().signal;
const question = { kind: "answer", intent: "How many?", reference: "two", answer: "a pair" } as const;

function model(answer: string | Error, isOffline = false): Model & { requests: CompletionRequest[] } {
  const requests: CompletionRequest[] = [];
  return {
    id: "test:judge",
    provider: "openai-compatible",
    isOffline,
    requests,
    complete: async (request) => {
      requests.push(request);
      if (answer instanceof Error) throw answer;
      return {
        text: answer,
        thinking: null,
        stop: "end",
        usage: { inputTokens: 1, cacheReadTokens: 0, cacheWriteTokens: 0, outputTokens: 1 },
        costUsd: 0,
        resolvedModel: "judge",
        requestHash: "h",
        journaled: false,
        durationMs: 1,
        attempts: 1,
      } satisfies Completion;
    },
  };
}

describe("a fuzzy judge", () => {
  it("asks the authors' question and records it", async () => {
    const judging = model("The student is correct.");
    expect(await modelJudge(judging).judge(question, never)).toEqual({
      outcome: "match",
      question: questionText(question),
      reply: "The student is correct.",
    });
    expect(judging.requests[0]).toMatchObject({ purpose: "judge", system: "You are a helpful assistant" });
    expect(JSON.stringify(judging.requests[0]?.messages)).toContain("student answer: a pair");
  });

  it("is told the task, the actual and the reported reason where a task cannot be done", () => {
    const unachievable = {
      ...question,
      kind: "unachievable",
      reference: "it is not sold",
      answer: "no such item",
    } as const;
    expect(questionText(unachievable).split("\n").slice(0, 3)).toEqual([
      "task: How many?",
      "actual unachievable reason: it is not sold",
      "reported unachievable reason: no such item",
    ]);
    expect(questionText(unachievable)).toMatch(/respond with 'same'\. Otherwise, respond with 'different'\.$/);
  });

  it("decides nothing where it is out, says nothing to the point, or is no model", async () => {
    for (const out of [model(new Error("down")), model("I like trains"), model("correct", true)]) {
      expect(await modelJudge(out).judge(question, never)).toMatchObject({ outcome: "unavailable" });
    }
  });

  it("is wrong as soon as it says so anywhere", () => {
    expect(readGrade("It is partially correct")).toMatchObject({ isMatch: false });
    expect(readGrade("Not correct, thus INCORRECT")).toMatchObject({ isMatch: false });
    expect(readGrade("correct")).toMatchObject({ isMatch: true });
    expect(readSameness("[same]")).toMatchObject({ isMatch: true });
    expect(readSameness("not the same: [different]")).toMatchObject({ isMatch: false });
    expect(() => readSameness("maybe")).toThrow("neither same nor different");
  });
});
