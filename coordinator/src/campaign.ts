// Data synthesis: the paper's Algorithm 1. For each document, instructions; for each instruction, a rollout; for each
// window of what happened, the instruction that it accomplishes; of those, the ones that the filter keeps. The leader of
// the campaign walks through it; rollouts and replays are the agents' work, the other stages any coordinator's.
import type { Document } from "@hindcast/shared";
import { inTraceOf } from "@hindcast/shared/node";
import pMap, { pMapSkip } from "p-map";
import type { CampaignContext } from "./campaign-context.ts";
import { storeDemonstration } from "./demonstration-store.ts";
import { verifyByReplay } from "./replay-verification.ts";
import { rollOut } from "./rollout.ts";
import { type ProposedInstruction, proposeInstructions } from "./self-instruct.ts";
import type { InstructionDeduplicator } from "./similarity/instruction-deduplicator.ts";
import { construct } from "./stage/construct.ts";

/** Rollout tasks that are queued or running at once; the work queue's own size limit is the outer bound. */
const episodesInFlightMax = 256;

/** An instruction that led to at least one demonstration: what evaluation varies. */
export type LearnedInstruction = ProposedInstruction;

/** Algorithm 1. @returns the instructions that something was learned from, in proposal order. */
export async function synthesise(
  context: CampaignContext,
  documents: readonly Document[],
  known: InstructionDeduplicator,
): Promise<LearnedInstruction[]> {
  const instructions = proposeInstructions(context, documents, known);
  return await pMap(
    instructions,
    async (proposed) => {
      const learned = await inTraceOf(context.id, proposed.document.id, () => learnFrom(context, proposed));
      return learned > 0 ? proposed : pMapSkip;
    },
    { concurrency: episodesInFlightMax },
  );
}

/** The body of Algorithm 1's loop over instructions. @returns how many demonstrations came of it. */
async function learnFrom(context: CampaignContext, proposed: ProposedInstruction): Promise<number> {
  const episode = await rollOut(context, proposed);
  if (episode === null) return 0;
  const accepted = await construct(context, episode);
  context.report("backward-construction", context.funnel.total("windows"), context.funnel.total("windows"));
  context.report("committee", context.funnel.total("candidates"), context.funnel.total("candidates"));

  const replays = await verifyByReplay(context, accepted);
  let demonstrations = 0;
  for (const candidate of accepted) {
    const replay = replays.get(candidate) ?? "unchecked";
    context.funnel.count("replay", replay);
    context.metrics?.replayed(replay);
    demonstrations += Number(await storeDemonstration(context, candidate, replay));
  }
  context.report("index", context.funnel.total("demonstrations"), context.funnel.total("demonstrations"));
  return demonstrations;
}
