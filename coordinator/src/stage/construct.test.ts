// Requirements: 3.6.windows
import type { ConstructTask, EpisodeId, WindowPolicy } from "@hindcast/shared";
import { expect, it } from "vitest";
import { anInstruction, aTrajectory } from "../../../test/support/builders.ts";
import { aContext, someSettings } from "../../../test/support/campaign-context.ts";
import { scriptedGenerator } from "../../../test/support/scripted-generator.ts";
import { constructFrom } from "./construct.ts";

it.each<[WindowPolicy, string[]]>([
  [{ kind: "faithful" }, ["0-1", "0-2", "1-2"]],
  // What ends in a command that failed is our rule's to reject, and not the paper's.
  [{ kind: "bounded", windowsMax: 20 }, ["0-1"]],
])("windows of %j are asked about: %j", async (windowPolicy, windows) => {
  const generator = scriptedGenerator();
  const context = aContext({
    generator,
    judges: [generator],
    settings: { ...someSettings, windowPolicy, instructionKinds: ["new-task"] },
  });
  const episode = aTrajectory({ command: "good", state: "s1" }, { command: "bad", state: "s2", exitCode: 1 });
  const task = { episodeId: "ep-1" as EpisodeId, instruction: anInstruction() } as ConstructTask;
  const { accepted } = await constructFrom(context, task, episode);
  expect(accepted.map(({ from, to }) => `${from}-${to}`)).toEqual(windows);
});
