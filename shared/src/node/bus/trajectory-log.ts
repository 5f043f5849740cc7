import type { CampaignId, EpisodeId } from "../../domain/ids.ts";
import { messageOf } from "../../errors.ts";
import { decode, encode } from "../../protocol/envelope.ts";
import { streams, subjects } from "../../protocol/subjects.ts";
import { StoredTrajectoryRecord, type TrajectoryRecord } from "../../protocol/trajectory-record.ts";
import { ObjectBlobStore } from "./blob-store.ts";
import type { TrajectoryLog } from "./bus.ts";
import type { Connection } from "./connection.ts";
import { withTextInside, withTextOutside } from "./observation-text.ts";
import { store } from "./store.ts";
import { lastMessage, readAll } from "./stored.ts";
import type { StoredRecord } from "../trajectory-assembly.ts";

export class JetStreamTrajectoryLog implements TrajectoryLog {
  readonly #connection: Connection;
  readonly #blobs: ObjectBlobStore;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#blobs = new ObjectBlobStore(connection);
  }

  async append(record: TrajectoryRecord, roomUntil?: AbortSignal): Promise<Uint8Array> {
    const bytes = encode(StoredTrajectoryRecord, await withTextOutside(this.#blobs, record, roomUntil));
    await store(this.#connection, {
      stream: streams.trajectories,
      subject: subjects.trajectory(record.workerId, record.campaignId, record.episodeId, record.attempt),
      bytes,
      messageId: recordMessageId(record),
      roomUntil,
    });
    return bytes;
  }

  async read(campaign: CampaignId, episode: EpisodeId): Promise<StoredRecord[]> {
    const stored: Uint8Array[] = [];
    const filter = subjects.trajectoriesOfEpisode(campaign, episode);
    for await (const { bytes } of readAll(this.#connection, streams.trajectories, filter)) stored.push(bytes);
    return await this.restore(episode, stored);
  }

  async *stored(campaign: CampaignId): AsyncGenerator<{ episodeId: EpisodeId; bytes: Uint8Array }> {
    const filter = subjects.trajectoriesOfCampaign(campaign);
    for await (const { subject, bytes } of readAll(this.#connection, streams.trajectories, filter)) {
      yield { episodeId: subject.split(".")[4] as EpisodeId, bytes };
    }
  }

  async restore(episode: EpisodeId, stored: readonly Uint8Array[]): Promise<StoredRecord[]> {
    const records: StoredRecord[] = [];
    const seen = new Set<string>();
    for (const bytes of stored) {
      const record = this.#read(episode, bytes);
      if (record === null) continue;
      // A retry after an outage longer than the server's duplicate window is stored twice; the first copy counts.
      const key = recordMessageId(record);
      if (seen.has(key)) continue;
      seen.add(key);
      records.push({ record: await withTextInside(this.#blobs, record), bytes });
    }
    return records;
  }

  async newest(campaign: CampaignId): Promise<number> {
    const filter = subjects.trajectoriesOfCampaign(campaign);
    return (await lastMessage(this.#connection, streams.trajectories, filter))?.sequence ?? 0;
  }

  /**
   * A record that cannot be read stays in its stream for a reader that knows it; here it is reported and passed over. A
   * step that is missing leaves a gap, and an attempt with a gap is no evidence.
   */
  #read(episode: EpisodeId, bytes: Uint8Array): StoredTrajectoryRecord | null {
    try {
      return decode(StoredTrajectoryRecord, bytes);
    } catch (error) {
      this.#connection.report(`unreadable trajectory record of ${episode}: ${messageOf(error)}`);
      return null;
    }
  }
}

/**
 * `<episode>:<attempt>:<token>:<n>`; n is 0 for the start, the index of a step, `<task>:<kind>` for any other record.
 * Without the token the server would take a new owner's record for a repetition of what a zombie wrote under the same
 * attempt.
 */
function recordMessageId(record: StoredTrajectoryRecord): string {
  return `${record.episodeId}:${record.attempt}:${record.fencingToken}:${placeOf(record)}`;
}

function placeOf(record: StoredTrajectoryRecord): number | string {
  switch (record.kind) {
    case "episode.started":
      return 0;
    case "step.recorded":
      return record.step.index;
    default:
      return `${record.taskId}:${record.kind}`;
  }
}
