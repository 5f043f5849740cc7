// Moves the large texts of a trajectory record into blobs and back, so that nobody else has to know where they lie.
import type { Observed } from "../../domain/observation.ts";
import type { BlobRef } from "../../domain/ids.ts";
import { limits } from "../../limits.ts";
import type { StoredObserved, StoredTrajectoryRecord, TrajectoryRecord } from "../../protocol/trajectory-record.ts";
import type { BlobStore } from "./bus.ts";

export async function withTextOutside(
  blobs: BlobStore,
  record: TrajectoryRecord,
  roomUntil?: AbortSignal,
): Promise<StoredTrajectoryRecord> {
  const put = (text: Uint8Array): Promise<BlobRef> => blobs.put(text, roomUntil === undefined ? {} : { roomUntil });
  if (record.kind === "episode.started") return { ...record, initial: await outside(put, record.initial) };
  if (record.kind !== "step.recorded") return record;
  return { ...record, step: { ...record.step, observed: await outside(put, record.step.observed) } };
}

/** @throws BUS_NOT_FOUND when the text's blob is gone */
export async function withTextInside(blobs: BlobStore, record: StoredTrajectoryRecord): Promise<TrajectoryRecord> {
  if (record.kind === "episode.started") return { ...record, initial: await inside(blobs, record.initial) };
  if (record.kind !== "step.recorded") return record;
  return { ...record, step: { ...record.step, observed: await inside(blobs, record.step.observed) } };
}

async function outside(put: (text: Uint8Array) => Promise<BlobRef>, observed: Observed): Promise<StoredObserved> {
  const { observation } = observed;
  if (observation.kind === "notice") return { ...observed, observation };
  const text = Buffer.from(observation.text);
  if (text.length <= limits.observationInlineBytesMax) return { ...observed, observation };
  return { ...observed, observation: { ...observation, text: { blob: await put(text) } } };
}

async function inside(blobs: BlobStore, observed: StoredObserved): Promise<Observed> {
  const { observation } = observed;
  if (observation.kind === "notice") return { ...observed, observation };
  const { text } = observation;
  if (typeof text === "string") return { ...observed, observation: { ...observation, text } };
  const bytes = Buffer.from(await blobs.get(text.blob));
  return { ...observed, observation: { ...observation, text: bytes.toString("utf8") } };
}
