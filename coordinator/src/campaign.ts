// Data synthesis: the paper's Algorithm 1. For each document, instructions; for each instruction, a rollout; for each
// window of what happened, the instruction that it accomplishes; of those, the ones that the filter keeps.
import type { Document, Trajectory } from "@hindcast/shared";
import pMap from "p-map";
import { type Candidate, constructBackward, summarise } from "./backward-construction.ts";
import type { CampaignContext } from "./campaign-context.ts";
import { storeDemonstration } from "./demonstration-store.ts";
import { withoutDuplicateStates } from "./duplicate-states.ts";
import { filter } from "./filter.ts";
import { rollOut } from "./rollout.ts";
import { rejectedByRule } from "./rules.ts";
import { type ProposedInstruction, proposeInstructions } from "./self-instruct.ts";
import type { InstructionDeduplicator } from "./similarity/instruction-deduplicator.ts";
import { chooseWindows, subTrajectory, type Window } from "./windows.ts";

/** Rollout tasks that are queued or running at once; the work queue's own size limit is the outer bound. */
const episodesInFlightMax = 256;

/** An instruction that led to at least one demonstration: what evaluation varies. */
export interface LearnedInstruction extends ProposedInstruction {
  demonstrations: number;
}

/** Algorithm 1. @returns the instructions that something was learned from, in proposal order. */
export async function synthesise(
  context: CampaignContext,
  documents: readonly Document[],
  known: InstructionDeduplicator,
): Promise<LearnedInstruction[]> {
  const instructions = proposeInstructions(context, documents, known);
  const learned = await pMap(instructions, (instruction) => learnFrom(context, instruction), {
    concurrency: episodesInFlightMax,
  });
  return learned.filter(({ demonstrations }) => demonstrations > 0);
}

/** The body of Algorithm 1's loop over instructions. */
async function learnFrom(context: CampaignContext, proposed: ProposedInstruction): Promise<LearnedInstruction> {
  const episode = await rollOut(context, proposed);
  if (episode === null) return { ...proposed, demonstrations: 0 };
  const trajectory = withoutDuplicateStates(episode.trajectory);
  const windows = windowsWorthAsking(context, trajectory, episode.task.episodeId);
  const summaries = windows.length === 0 ? [] : await summarise(context, trajectory);

  const candidates: Candidate[] = [];
  for (const window of windows) {
    for (const kind of context.settings.instructionKinds) {
      const candidate = await constructBackward(context, { episode, trajectory, summaries }, { window, kind });
      if (candidate === null) context.funnel.count("candidates", "no usable instruction");
      else candidates.push(candidate);
    }
  }
  context.report("backward-construction", context.funnel.total("windows"), context.funnel.total("windows"));

  const accepted = await filter(context, candidates);
  let demonstrations = 0;
  for (const each of accepted) demonstrations += Number(await storeDemonstration(context, each));
  context.report("index", context.funnel.total("demonstrations"), context.funnel.total("demonstrations"));
  return { ...proposed, demonstrations };
}

/** The policy's windows without those that a rule rejects; every one of them is counted. */
function windowsWorthAsking(context: CampaignContext, trajectory: Trajectory, episodeId: string): Window[] {
  const { funnel, settings, random } = context;
  const chosen = chooseWindows(trajectory, settings.windowPolicy, random.derive("windows", episodeId));
  return chosen.filter((window) => {
    const rule = rejectedByRule(subTrajectory(trajectory, window));
    funnel.count("windows", rule === null ? "constructed" : `rule: ${rule}`);
    return rule === null;
  });
}
