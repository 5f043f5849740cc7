// Replay: an accepted window is re-executed from its start state in a fresh sandbox. One task serves all windows that
// start at the same observation: it runs to the longest of them, and a window is verified when the states agreed to
// its end.
import { HindcastError, observedAt } from "@hindcast/shared";
import type { ReplayEnded, ReplayTask, ReplayVerdict, TaskId, Trajectory } from "@hindcast/shared";
import { deriveId } from "@hindcast/shared/node";
import pMap from "p-map";
import type { Candidate } from "./backward-construction.ts";
import type { CampaignContext } from "./campaign-context.ts";
import type { Episode } from "./rollout.ts";

/** Replays of one episode that are queued at once. */
const replaysInFlightMax = 8;

/** A candidate with the episode that it was cut from. */
export interface EpisodeCandidate extends Candidate {
  episode: Episode;
}

/** The verdict of each candidate; all of them come from one episode. */
export async function verifyByReplay<T extends EpisodeCandidate>(
  context: CampaignContext,
  candidates: readonly T[],
): Promise<Map<T, ReplayVerdict>> {
  if (!context.settings.verifyByReplay) return new Map(candidates.map((candidate) => [candidate, "unchecked"]));
  const starts = Map.groupBy(candidates, (candidate) => startIndex(candidate));
  const verdicts = new Map<T, ReplayVerdict>();
  await pMap(
    starts,
    async ([, group]) => {
      const longest = group.reduce((a, b) => (endIndex(b) > endIndex(a) ? b : a));
      const ended = await runFitting(context, replayTask(context, longest));
      for (const candidate of group) verdicts.set(candidate, verdictOf(ended, candidate));
    },
    { concurrency: replaysInFlightMax },
  );
  return verdicts;
}

/** Null for a replay whose actions are too large for one message. */
async function runFitting(context: CampaignContext, task: ReplayTask): Promise<ReplayEnded | null> {
  try {
    return await context.tasks.run(task);
  } catch (error) {
    if (!(error instanceof HindcastError && error.code === "PROTOCOL_TOO_LARGE")) throw error;
    context.warnings.add(`replays that do not fit a message were not made: ${error.message}`);
    return null;
  }
}

/** The index, in the episode as it was recorded, of the window's first observation. */
export function startIndex({ trajectory }: Candidate): number {
  return (trajectory.steps[0]?.index ?? 1) - 1;
}

export function endIndex({ trajectory }: Candidate): number {
  return trajectory.steps.at(-1)?.index ?? 0;
}

function verdictOf(ended: ReplayEnded | null, candidate: Candidate): ReplayVerdict {
  if (ended === null || ended.outcome === "not-replayable") return "not-replayable";
  return ended.agreedTo >= endIndex(candidate) ? "verified" : "diverged";
}

/**
 * Replays the steps as recorded, removed duplicates included: they did happen. Where no image was stored at the window's
 * start, it begins at the newest one before.
 */
function replayTask(context: CampaignContext, candidate: EpisodeCandidate): ReplayTask {
  const { task, trajectory } = candidate.episode;
  const windowStart = startIndex(candidate);
  const to = endIndex(candidate);
  const from = indexOfImage(trajectory, windowStart);
  const start = observedAt(trajectory, from);
  return {
    v: 1,
    kind: "replay",
    taskId: deriveId("task", context.id, task.episodeId, "replay", windowStart, to) as TaskId,
    campaignId: context.id,
    episodeId: task.episodeId,
    pool: task.pool,
    environment: task.environment,
    limits: task.limits,
    traceparent: task.traceparent,
    from,
    snapshot: start.snapshot,
    startStateHash: start.stateHash,
    steps: trajectory.steps.slice(from, to).map(({ turn: { action }, observed: { observation, stateHash } }) => ({
      action,
      stateHash,
      exitCode: observation.kind === "shell" ? observation.exitCode : null,
    })),
  };
}

/** The largest index up to `start` whose state can be restored; 0, the task's own start state, always can. */
function indexOfImage(trajectory: Trajectory, start: number): number {
  for (let index = start; index > 0; index -= 1) {
    if (observedAt(trajectory, index).snapshot !== null) return index;
  }
  return 0;
}
