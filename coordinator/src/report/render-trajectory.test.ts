// Requirements: 3.13.report, 3.8.recorded
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { aDemonstration, anEpisode, aShellObservation } from "../../../test/support/export-check/demonstrations.ts";
import { renderDemonstration, renderTrajectory } from "./render-trajectory.ts";
import { displayWidth } from "./text-width.ts";

const { trajectory, ended, instruction } = anEpisode();

describe("renderTrajectory", () => {
  it("shows the end, and what each step saw, did, changed, retrieved and cost", () => {
    expect(`\n${renderTrajectory(trajectory, ended, { width: 80, instruction })}\n`).toMatchInlineSnapshot(`
      "
      Episode ep-1
      instruction  Set the license to MIT.
      task         task-1, attempt 1
      ended        submitted
      answer       MIT
      evaluation   success: the end states are equal
      steps        2 steps in 12.3 s
      paid         2,180 tokens, unknown

      Start
          [working directory /workspace]
          [exit code 0]

      Step 1  retrieval 4 ms · model 800 ms · environment 22 ms · 1,090 tokens, $0.01
        saw demo-7 at observation 2: observation-bm25, rank 1, score 3.250
        The field is set first.
        $ npm pkg set license=MIT
          [working directory /workspace]
          [exit code 0]
          ~ /workspace/package.json

      Step 2  retrieval 4 ms · model 800 ms · environment 22 ms · 0 tokens, $0.00
        Then it is read back.
        $ npm pkg get license
          [working directory /workspace]
          "MIT"
          [exit code 0]

      End  1,090 tokens, unknown
        Done.
        stop("MIT")
      "
    `);
  });

  it("says when no language model took part", () => {
    const offline = { ...trajectory, steps: trajectory.steps.slice(1) };
    expect(renderTrajectory(offline, { ...ended, closing: null }, { width: 80 })).toMatch(
      /^Episode ep-1 — offline rules, no LLM\n/,
    );
    expect(renderTrajectory(trajectory, ended, { width: 80 })).not.toContain("LLM");
  });

  it("shows an episode that has not ended yet", () => {
    expect(renderTrajectory({ ...trajectory, steps: [] }, null, { width: 80 })).toMatchInlineSnapshot(`
      "Start
          [working directory /workspace]
          [exit code 0]"
    `);
  });

  it("cuts a long observation but keeps its last line, which holds the exit code", () => {
    const long = { ...trajectory.initial, observation: aShellObservation({ text: "line\n".repeat(500), exitCode: 7 }) };
    const lines = renderTrajectory({ initial: long, steps: [] }, null, { width: 80, observationLinesMax: 5 }).split(
      "\n",
    );
    expect(lines).toHaveLength(7);
    expect(lines.slice(-2)).toEqual(["    … 497 lines not shown", "    [exit code 7]"]);
  });

  it("lets no output of the sandbox move the cursor, and keeps every line within the width", () => {
    const words = fc.string({ unit: "binary", maxLength: 200 });
    fc.assert(
      fc.property(words, words, fc.integer({ min: 20, max: 120 }), (text, reason, width) => {
        const [step] = trajectory.steps;
        const observed = { ...step!.observed, observation: aShellObservation({ text, workingDirectory: text }) };
        const turn = { ...step!.turn, reason, action: { kind: "shell" as const, command: `\u001B]0;x\u0007${text}` } };
        const rendered = renderTrajectory({ initial: observed, steps: [{ ...step!, turn, observed }] }, ended, {
          width,
          instruction: text,
        });
        for (const line of rendered.split("\n")) {
          expect(line).not.toMatch(/\p{Control}/u);
          expect(displayWidth(line)).toBeLessThanOrEqual(width);
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe("renderDemonstration", () => {
  it("shows the instruction, where it comes from, and the steps", () => {
    expect(`\n${renderDemonstration(aDemonstration(), { width: 80 })}\n`).toMatchInlineSnapshot(`
      "
      demo-1 — offline rules, no LLM
      Set the package's license to MIT and say what it is now.
      new-task, score 4.5, replay verified · commands/npm-pkg.md · ep-1 observations 1
      to 3
          [working directory /workspace]
        \`npm pkg set\` writes a field of package.json.
        $ npm pkg set license=MIT
          [working directory /workspace]
          [exit code 0]
        The field is read back.
        $ npm pkg get license
          [working directory /workspace]
          "MIT"
          [exit code 0]
        stop("MIT")
      "
    `);
  });
});
