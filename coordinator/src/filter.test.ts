// Requirements: 3.7.committee, 3.bad.answers
import { HindcastError, limits } from "@hindcast/shared";
import { silentLogger, type Logger } from "@hindcast/shared/node";
import { expect, it, vi } from "vitest";
import { anInstruction, aTrajectory } from "../../test/support/builders.ts";
import { aContext } from "../../test/support/campaign-context.ts";
import { judgedWell } from "../../test/support/scripted-generator.ts";
import { ScriptedModel } from "../../test/support/scripted-model.ts";
import type { Candidate } from "./backward-construction.ts";
import { acceptedByCommittee } from "./filter.ts";

const candidate = (text: string): Candidate => ({
  window: { from: 0, to: 1 },
  trajectory: aTrajectory({ command: "touch a", state: "a" }),
  summaries: ["Created `a`."],
  instruction: anInstruction({ kind: "new-task", text }),
  answer: null,
});
const overloaded = new HindcastError({ code: "MODEL_OVERLOADED", boundary: "model", message: "529", retryable: true });

it("says of which judge the campaign hears nothing to the end, and why in the log", async () => {
  const steady = new ScriptedModel("steady", () => judgedWell);
  let asked = 0;
  const away = new ScriptedModel("away", (request) => {
    if (JSON.stringify(request.messages).includes("the second")) return { error: overloaded };
    return (asked += 1) === 1 ? { error: overloaded } : judgedWell;
  });
  const warn = vi.fn<(entry: object) => void>();
  const logger = { ...silentLogger, warn } as unknown as Logger;
  const context = aContext({ generator: steady, judges: [steady, away], logger });
  const accepted = await acceptedByCommittee(context, [candidate("Do the first"), candidate("Do the second")]);
  expect(accepted.map(({ candidate: { instruction } }) => instruction.text)).toEqual(["Do the first"]);
  // The first abstained for a round only, which is nothing to tell.
  expect([...context.warnings]).toEqual([expect.stringContaining("the judge away abstained to the end")]);
  expect(warn.mock.calls).toEqual([
    [expect.objectContaining({ event: "judge.abstained", judge: "away", reason: "529" })],
  ]);
  expect(away.requests).toHaveLength(2 + limits.judgeRoundsMax);
});
