// Requirements: 3.10.offline
import { describe, expect, it } from "vitest";
import {
  answerOf,
  packageChange,
  rules,
  setField,
  strict,
  trajectoryOf,
  type Words,
} from "../../../../../test/support/offline-answers.ts";
import { judge } from "../../prompt/judge.ts";

describe("the offline judges", () => {
  const verdict = async (
    instruction: string,
    steps: Words[],
    { model = rules, answer = null as string | null } = {},
  ): Promise<{ verdict: string; reason: string; score: number }> =>
    answerOf(
      judge,
      { instruction, expectedResult: null, trajectory: trajectoryOf(...steps), summaries: steps.map(() => ""), answer },
      model,
    );
  const look: Words = { command: "ls", state: "start", text: "package.json" };

  it("accept a pair whose instruction is what was done", async () => {
    for (const model of [rules, strict]) {
      await expect(
        verdict("Using npm, set `license` to `MIT` in `package.json`.", [setField], { model }),
      ).resolves.toMatchObject({ verdict: "yes", score: 5 });
    }
  });

  it.each<[string, string, Words[], string | null]>([
    ["another value than was set", "Using npm, set `license` to `Apache-2.0` in `package.json`.", [setField], null],
    ["another task", "Using git, create the branch `topic`.", [setField], null],
    [
      "a failing step",
      "Using npm, set `license` to `MIT` in `package.json`.",
      [{ command: "npm pk set", state: "start", exitCode: 1, text: "unknown" }, setField],
      null,
    ],
    [
      "a failed end",
      "Using npm, set `license` to `MIT` in `package.json`.",
      [setField, { command: "npm x", state: "licensed", exitCode: 1 }],
      null,
    ],
    ["a repeated step", "Using npm, set `license` to `MIT` in `package.json`.", [setField, setField], null],
    [
      "a change that was taken back",
      "Using npm, set `license` to `MIT` in `package.json`.",
      [
        setField,
        {
          command: "npm pkg set license=ISC",
          state: "start",
          effects: [packageChange({ name: "a", license: "MIT" }, { name: "a", license: "ISC" })],
        },
      ],
      null,
    ],
    [
      "a step without any effect",
      "Using npm, set `license` to `MIT` in `package.json`.",
      [setField, { command: "true", state: "licensed" }],
      null,
    ],
    [
      "a question without an answer",
      "Using npm, find out the `name`. Answer with what is printed.",
      [{ command: "npm pkg get name", state: "start", text: "name: harbor" }],
      null,
    ],
    [
      "a wrong answer",
      "Using npm, find out the `name`. Answer with what is printed.",
      [{ command: "npm pkg get name", state: "start", text: "name: harbor" }],
      "orchard",
    ],
    [
      "nothing changed",
      "Using npm, set `license` to `MIT` in `package.json`.",
      [{ command: "cat package.json", state: "start", text: "license MIT npm set package.json" }],
      null,
    ],
  ])("say no to %s", async (_name, instruction, steps, answer) => {
    await expect(verdict(instruction, steps, { answer })).resolves.toMatchObject({ verdict: "no" });
  });

  it("accept a right answer", async () => {
    const steps = [{ command: "npm pkg get name", state: "start", text: '"harbor"' }];
    await expect(
      verdict("Using npm, find out what pkg get shows for `name`. Answer with what is printed.", steps, {
        answer: '"harbor"',
      }),
    ).resolves.toMatchObject({ verdict: "yes" });
  });

  it("differ on a step at the start that was not needed", async () => {
    const steps = [look, setField];
    const instruction = "Using npm, set `license` to `MIT` in `package.json`.";
    await expect(verdict(instruction, steps)).resolves.toMatchObject({ verdict: "yes" });
    await expect(verdict(instruction, steps, { model: strict })).resolves.toMatchObject({ verdict: "no" });
  });
});
