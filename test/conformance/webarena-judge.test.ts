// Requirements: 6.12.judge
// Free answers to web tasks are judged by a model of any provider, asked over its own wire.
import { evaluateWebArena, modelJudge } from "@hindcast/shared/node";
import { WebArenaReference } from "@hindcast/shared";
import { describe, expect, it } from "vitest";
import { driverCases, noAbort, startCase } from "./model-fixtures.ts";

const reference = WebArenaReference.parse({
  kind: "webarena",
  taskId: 7,
  intent: "Which airport is near?",
  sites: ["map"],
  variant: "webarena",
  eval: { eval_types: ["string_match"], reference_answers: { fuzzy_match: ["Pittsburgh International Airport"] } },
});

describe.each(driverCases)("a judge that is a model of $name", (driver) => {
  it("is asked the authors' question, and its grade decides", async () => {
    await using world = await startCase(driver);
    world.emulator.reply(
      { kind: "answer", text: "Both name the same airport: correct" },
      { kind: "answer", text: "That one is in Ohio, so this is incorrect." },
    );
    const judge = modelJudge(world.model);
    const verdictOn = async (answer: string): Promise<string> =>
      (await evaluateWebArena({ reference, answer, page: null, sites: {}, judge }, noAbort)).verdict;
    expect([await verdictOn("PIT airport"), await verdictOn("Cleveland Hopkins")]).toEqual(["success", "failure"]);
    expect(JSON.stringify(world.emulator.requests[0]?.body)).toContain("student answer: pit airport");
  });

  it("that refuses leaves the verdict open", async () => {
    await using world = await startCase(driver);
    world.emulator.reply({ kind: "answer", text: "I cannot help with that.", stop: "refusal" });
    const judge = modelJudge(world.model);
    expect(await evaluateWebArena({ reference, answer: "PIT", page: null, sites: {}, judge }, noAbort)).toMatchObject({
      verdict: "unknown",
      detail: expect.stringContaining("judge_unavailable"),
    });
  });
});
