import { HindcastError } from "@hindcast/shared";
import type { EpisodeEnded, Trajectory } from "@hindcast/shared";
import { assembleAttempt, type Bus, trajectoryDigest } from "@hindcast/shared/node";

/**
 * The trajectory behind a terminal record. It counts only when the record's attempt was started under the record's
 * fencing token, its steps are contiguous and written under that token, and they match the record's count and digest:
 * what a zombie wrote beside it, before or after, is left out.
 * @throws BUS_CONFLICT when the stored steps are not the ones that the record vouches for.
 */
export async function collectTrajectory(bus: Pick<Bus, "trajectories">, ended: EpisodeEnded): Promise<Trajectory> {
  const records = await bus.trajectories.read(ended.campaignId, ended.episodeId);
  const { attempt, fencingToken, episodeId } = ended;
  const isStarted = records.some(
    ({ record }) =>
      record.kind === "episode.started" && record.attempt === attempt && record.fencingToken === fencingToken,
  );
  if (!isStarted) {
    throw notVouchedFor(`no attempt ${attempt} of ${episodeId} was started under fencing token ${fencingToken}`);
  }
  const assembled = assembleAttempt(records, attempt, fencingToken);
  const stored = assembled?.stepBytes.slice(0, ended.steps) ?? [];
  if (assembled === null || stored.length !== ended.steps || trajectoryDigest(stored) !== ended.digest) {
    throw notVouchedFor(
      `the stored steps of ${episodeId}, attempt ${attempt}, are not the ${ended.steps} that its terminal record vouches for`,
    );
  }
  return { initial: assembled.trajectory.initial, steps: assembled.trajectory.steps.slice(0, ended.steps) };
}

function notVouchedFor(message: string): HindcastError {
  return new HindcastError({ code: "BUS_CONFLICT", boundary: "bus", message });
}
