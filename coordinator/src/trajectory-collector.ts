// Which of an episode's stored steps count: those that its terminal record vouches for, whatever else lies beside them.
// The campaign, the export and the viewer ask here, so that none of them takes the newest attempt for the accepted one.
import { HindcastError } from "@hindcast/shared";
import type { EpisodeEnded, Trajectory } from "@hindcast/shared";
import { assembleAttempt, type Bus, type StoredRecord, trajectoryDigest } from "@hindcast/shared/node";

/** The trajectory behind a terminal record, or why the stored steps are none. */
export type Accepted = { trajectory: Trajectory } | { problem: string };

/**
 * The trajectory behind a terminal record. It counts only when the record's attempt was started under the record's
 * fencing token, its steps are contiguous and written under that token, and they match the record's count and digest:
 * what a zombie wrote beside it, before or after, is left out.
 */
export function acceptedTrajectory(records: readonly StoredRecord[], ended: EpisodeEnded): Accepted {
  const { attempt, fencingToken, episodeId } = ended;
  const isStarted = records.some(
    ({ record }) =>
      record.kind === "episode.started" && record.attempt === attempt && record.fencingToken === fencingToken,
  );
  if (!isStarted) {
    return { problem: `no attempt ${attempt} of ${episodeId} was started under fencing token ${fencingToken}` };
  }
  const assembled = assembleAttempt(records, attempt, fencingToken);
  const stored = assembled?.stepBytes.slice(0, ended.steps) ?? [];
  if (assembled === null || stored.length !== ended.steps || trajectoryDigest(stored) !== ended.digest) {
    const steps = `the ${ended.steps} that its terminal record vouches for`;
    return { problem: `the stored steps of ${episodeId}, attempt ${attempt}, are not ${steps}` };
  }
  const { initial, steps } = assembled.trajectory;
  return { trajectory: { initial, steps: steps.slice(0, ended.steps) } };
}

/** @throws BUS_CONFLICT when the stored steps are not the ones that the record vouches for. */
export async function collectTrajectory(
  bus: { trajectories: Pick<Bus["trajectories"], "read"> },
  ended: EpisodeEnded,
): Promise<Trajectory> {
  const accepted = acceptedTrajectory(await bus.trajectories.read(ended.campaignId, ended.episodeId), ended);
  if ("trajectory" in accepted) return accepted.trajectory;
  throw new HindcastError({ code: "BUS_CONFLICT", boundary: "bus", message: accepted.problem });
}
