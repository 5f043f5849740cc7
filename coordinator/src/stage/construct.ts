// The inner loops of Algorithm 1 for one episode: for each window of what happened, the instruction that it
// accomplishes; of those, the ones that the committee accepts, with their reasons in the new instruction's words.
import type { ConstructTask, TaskId, Trajectory } from "@hindcast/shared";
import { type Attempt, deriveId, inSpan } from "@hindcast/shared/node";
import pMap from "p-map";
import { type Candidate, constructBackward, rewriteReasonTexts, summarise } from "../backward-construction.ts";
import { callsAtOnce, type CampaignContext, type StageContext } from "../campaign-context.ts";
import { withoutDuplicateStates } from "../duplicate-states.ts";
import { acceptedByCommittee } from "../filter.ts";
import type { EpisodeCandidate } from "../replay-verification.ts";
import type { Episode } from "../rollout.ts";
import { rejectedByRule } from "../rules.ts";
import { chooseWindows, subTrajectory, type Window } from "../windows.ts";
import type { ConstructedPair, ConstructOutput } from "./stage-output.ts";
import { stagePoolOf } from "./stage-pools.ts";
import { runStage } from "./stage-runner.ts";

/** Of the calls that it makes. */
const purposes = ["summarise-transition", "new-task-instruction", "judge", "rewrite-reason"] as const;

/** A candidate that every judge accepted. */
export interface JudgedCandidate extends EpisodeCandidate, Pick<ConstructedPair, "ruling" | "reasons"> {
  /** Which attempt at the stage it is of. */
  constructedBy: Attempt | null;
}

/** What the committee accepted of an episode, whichever coordinator asked it. */
export async function construct(context: CampaignContext, episode: Episode): Promise<JudgedCandidate[]> {
  let constructedBy: Attempt | null = null;
  const product = await runStage(context, constructTask(context, episode), (ended) => (constructedBy = ended));
  if (product === null) return [];
  const trajectory = withoutDuplicateStates(episode.trajectory);
  return product.accepted.map(({ from, to, instruction, answer, ruling, reasons }) => {
    const window = { from, to };
    const summaries = product.summaries.slice(from, to);
    return {
      episode,
      constructedBy,
      window,
      trajectory: subTrajectory(trajectory, window),
      summaries,
      instruction,
      answer,
      ruling,
      reasons,
    };
  });
}

function constructTask({ id, settings, ledger }: CampaignContext, { task }: Episode): ConstructTask {
  return {
    v: 1,
    kind: "construct",
    taskId: deriveId("task", id, task.episodeId, "construct") as TaskId,
    campaignId: id,
    pool: stagePoolOf(settings, purposes),
    traceparent: task.traceparent,
    settings,
    leftUsd: ledger.leftUsd,
    rollout: task.taskId,
    episodeId: task.episodeId,
    instruction: task.instruction,
  };
}

/** The work itself, on the coordinator that leased the task. */
export async function constructFrom(
  context: StageContext,
  task: ConstructTask,
  episode: Trajectory,
): Promise<NonNullable<ConstructOutput["product"]>> {
  const trajectory = withoutDuplicateStates(episode);
  const windows = windowsWorthAsking(context, trajectory, task.episodeId);
  const summaries = windows.length === 0 ? [] : await summarise(context, trajectory);

  const wanted = windows.flatMap((window) => context.settings.instructionKinds.map((kind) => ({ window, kind })));
  const constructed = (each: (typeof wanted)[number]): Promise<Candidate | null> => {
    const { window, kind } = each;
    const attributes = { "hindcast.window.from": window.from, "hindcast.window.to": window.to, "hindcast.kind": kind };
    return inSpan("construct backward", { attributes }, () =>
      constructBackward(context, { task, trajectory, summaries }, each),
    );
  };
  const constructions = await pMap(wanted, (each) => constructed(each), {
    concurrency: callsAtOnce(context, "new-task-instruction", 1),
  });
  const candidates = constructions.filter((candidate): candidate is Candidate => candidate !== null);
  context.funnel.count("candidates", "no usable instruction", wanted.length - candidates.length);

  const accepted: ConstructedPair[] = await pMap(
    await acceptedByCommittee(context, candidates),
    async ({ candidate, ruling }) => {
      const { window, instruction, answer } = candidate;
      return { ...window, instruction, answer, ruling, reasons: await rewriteReasonTexts(context, candidate) };
    },
    { concurrency: callsAtOnce(context, "rewrite-reason", 1) },
  );
  return { summaries, accepted };
}

/** The policy's windows without those that a rule rejects; every one of them is counted. */
function windowsWorthAsking(context: StageContext, trajectory: Trajectory, episodeId: string): Window[] {
  const { funnel, settings, random } = context;
  const chosen = chooseWindows(trajectory, settings.windowPolicy, random.derive("windows", episodeId));
  return chosen.filter((window) => {
    // The paper's filter is the committee and the removal of duplicate states alone.
    const rule = settings.windowPolicy.kind === "faithful" ? null : rejectedByRule(subTrajectory(trajectory, window));
    funnel.count("windows", rule === null ? "constructed" : `rule: ${rule}`);
    return rule === null;
  });
}
