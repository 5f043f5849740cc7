import { HindcastError } from "@hindcast/shared";
import type { EpisodeEnded, Trajectory } from "@hindcast/shared";
import { assembleAttempt, type Bus, trajectoryDigest } from "@hindcast/shared/node";

/**
 * The trajectory behind a terminal record. It counts only when the winning attempt's steps are contiguous, written
 * under the record's fencing token, and match its count and digest: what a zombie wrote beside it is left out.
 * @throws BUS_CONFLICT when the stored steps are not the ones that the record vouches for.
 */
export async function collectTrajectory(bus: Pick<Bus, "trajectories">, ended: EpisodeEnded): Promise<Trajectory> {
  const records = await bus.trajectories.read(ended.campaignId, ended.episodeId);
  const assembled = assembleAttempt(records, ended.attempt, ended.fencingToken);
  const stored = assembled?.stepBytes.slice(0, ended.steps) ?? [];
  if (assembled === null || stored.length !== ended.steps || trajectoryDigest(stored) !== ended.digest) {
    throw new HindcastError({
      code: "BUS_CONFLICT",
      boundary: "bus",
      message: `the stored steps of ${ended.episodeId}, attempt ${ended.attempt}, are not the ${ended.steps} that its terminal record vouches for`,
    });
  }
  return { initial: assembled.trajectory.initial, steps: assembled.trajectory.steps.slice(0, ended.steps) };
}
