// From the stored records of an episode to the one trajectory that counts. Agents resume with it, the coordinator
// collects with it, the CLI shows with it: the rule which steps stand exists once.
import { createHash } from "node:crypto";
import type { Sha256 } from "../domain/ids.ts";
import type { Observed } from "../domain/observation.ts";
import type { Step, Trajectory } from "../domain/trajectory.ts";
import { sha256Hex } from "./derive-id.ts";
import type { EpisodeStarted, StepRecorded, TrajectoryRecord } from "../protocol/trajectory-record.ts";

export interface StoredRecord {
  record: TrajectoryRecord;
  bytes: Uint8Array;
}

export interface AssembledTrajectory {
  attempt: number;
  fencingToken: number;
  trajectory: Trajectory;
  /** Stored bytes of each step, in order: what the digest is made of. */
  stepBytes: Uint8Array[];
}

/** SHA-256 over the steps' stored bytes, each led by its own SHA-256, so that borders cannot shift. */
export function trajectoryDigest(stepBytes: readonly Uint8Array[]): Sha256 {
  const hash = createHash("sha256");
  for (const bytes of stepBytes) hash.update(sha256Hex(bytes)).update(bytes);
  return hash.digest("hex") as Sha256;
}

/**
 * The trajectory of `attempt`: the steps that it inherited (`resumedFrom`) and its own, contiguous from 1.
 * Where two writers share an attempt number, `fencingToken` says whose records count; without it the newest token does.
 * Of a record that is stored twice the first copy counts. What was stored after a later holder of the lease had begun
 * does not: it is a zombie's, and whoever reads the records after it must come to the same steps as who read them before.
 * @param records in the order of the stream
 * @returns null when the attempt has no first record or its steps have a gap: it is not evidence of anything.
 */
export function assembleAttempt(
  records: readonly StoredRecord[],
  attempt: number,
  fencingToken?: number,
): AssembledTrajectory | null {
  const ofAttempt = records.filter(({ record }) => record.attempt === attempt);
  const starts = ofAttempt
    .map(({ record }) => record)
    .filter((record): record is EpisodeStarted => record.kind === "episode.started");
  const token = fencingToken ?? Math.max(...starts.map((record) => record.fencingToken));
  const started = starts.find((record) => record.fencingToken === token);
  if (started === undefined) return null;

  const own = beforeLaterHolders(records, token).filter(
    ({ record }) => record.attempt === attempt && record.fencingToken === token,
  );
  const inherited = inheritedSteps(records, started);
  if (inherited === null) return null;
  const steps: Step[] = [...inherited.steps];
  const stepBytes: Uint8Array[] = [...inherited.bytes];
  const seen = new Set<number>();
  for (const { record, bytes } of own) {
    if (!isStep(record) || seen.has(record.step.index)) continue;
    if (record.step.index !== steps.length + 1) return null;
    seen.add(record.step.index);
    steps.push(record.step);
    stepBytes.push(bytes);
  }
  return { attempt, fencingToken: token, trajectory: { initial: inherited.initial, steps }, stepBytes };
}

/** Up to the first record of a later holder that follows one of `token`'s: tokens of before a restored backup may be higher. */
function beforeLaterHolders(records: readonly StoredRecord[], token: number): readonly StoredRecord[] {
  const first = records.findIndex(({ record }) => record.fencingToken === token);
  const later = records.findIndex(({ record }, at) => at > first && record.fencingToken > token);
  return later === -1 ? records : records.slice(0, later);
}

function isStep(record: TrajectoryRecord): record is StepRecorded {
  return record.kind === "step.recorded";
}

function inheritedSteps(
  records: readonly StoredRecord[],
  started: EpisodeStarted,
): { initial: Observed; steps: Step[]; bytes: Uint8Array[] } | null {
  if (started.resumedFrom === null) return { initial: started.initial, steps: [], bytes: [] };
  const { attempt, step, fencingToken } = started.resumedFrom;
  if (attempt >= started.attempt) return null;
  const earlier = assembleAttempt(records, attempt, fencingToken);
  if (earlier === null || earlier.trajectory.steps.length < step) return null;
  return {
    initial: earlier.trajectory.initial,
    steps: earlier.trajectory.steps.slice(0, step),
    bytes: earlier.stepBytes.slice(0, step),
  };
}

/** The newest attempt that can be read as a whole: what a new attempt may resume from. */
export function newestAttempt(records: readonly StoredRecord[]): AssembledTrajectory | null {
  const attempts = [...new Set(records.map(({ record }) => record.attempt))].sort((a, b) => b - a);
  for (const attempt of attempts) {
    const assembled = assembleAttempt(records, attempt);
    if (assembled !== null) return assembled;
  }
  return null;
}
