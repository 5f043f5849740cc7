// Requirements: 3.6.kinds, 3.bad.answers
import type { EpisodeId } from "@hindcast/shared";
import { describe, expect, it } from "vitest";
import { anInstruction, aTrajectory } from "../../test/support/builders.ts";
import { aContext } from "../../test/support/campaign-context.ts";
import { scriptedGenerator } from "../../test/support/scripted-generator.ts";
import { type Candidate, constructBackward, summarise } from "./backward-construction.ts";

const trajectory = aTrajectory({ command: "one", state: "s1" }, { command: "two", state: "s2" });

describe("summaries", () => {
  it("are replaced by the action where the generator gives none, and the campaign says so", async () => {
    const generator = scriptedGenerator({
      "summarise-transition": ({ messages }) =>
        /<action>\W+n?one\b/.test(JSON.stringify(messages)) ? { completion: { stop: "refusal" } } : "Ran two.",
    });
    const context = aContext({ generator });
    expect(await summarise(context, trajectory)).toEqual(["`one` was run.", "Ran two."]);
    expect([...context.warnings]).toEqual([expect.stringContaining("no summary of some transitions (refusal)")]);
  });

  it("that are all there are nothing to warn of", async () => {
    const context = aContext({ generator: scriptedGenerator() });
    await summarise(context, trajectory);
    expect(context.warnings.size).toBe(0);
  });
});

describe("the instruction to replicate", () => {
  const replicate = (summary: string): Promise<Candidate | null> =>
    constructBackward(
      aContext({ generator: scriptedGenerator() }),
      {
        task: { episodeId: "ep-1" as EpisodeId, instruction: anInstruction() },
        trajectory,
        summaries: [summary, "Ran two."],
      },
      { window: { from: 0, to: 2 }, kind: "replicate" },
    );

  it("names every step", async () => {
    const candidate = await replicate("Ran one.");
    expect(candidate?.instruction.text).toBe("Replicate the following: Ran one. Then: Ran two.");
  });

  it("is none where not every step fits", async () => {
    expect(await replicate("x".repeat(7_980))).toBeNull();
  });
});
