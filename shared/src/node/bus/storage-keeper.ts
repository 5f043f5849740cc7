import type { CampaignId } from "../../domain/ids.ts";
import { streams, subjects } from "../../protocol/subjects.ts";
import type { ObjectBlobStore } from "./blob-store.ts";
import type { GarbageCollected, Storage, StreamUsage } from "./bus.ts";
import type { Connection } from "./connection.ts";
import { collectGarbage } from "./garbage-collector.ts";
import { patiently } from "./patience.ts";
import { keptStreams, streamOf } from "./retention.ts";

/** Beside what settings limit: demonstrations, which nothing does, and the queue, whose limit is the coordinators' own. */
const shown = [...keptStreams.map((kept) => streamOf[kept]), streams.demonstrations, streams.tasks];

export class StorageKeeper implements Storage {
  readonly #connection: Connection;
  readonly #blobs: ObjectBlobStore;

  constructor(connection: Connection, blobs: ObjectBlobStore) {
    this.#connection = connection;
    this.#blobs = blobs;
  }

  async usage(): Promise<StreamUsage[]> {
    return await Promise.all(shown.map((stream) => this.#usageOf(stream)));
  }

  async forget(campaign: CampaignId): Promise<number> {
    const steps = await this.#purge(streams.trajectories, subjects.trajectoriesOfCampaign(campaign));
    return steps + (await this.#purge(streams.results, subjects.resultsOfCampaign(campaign)));
  }

  async collectGarbage(options: { ageMs: number; isDryRun: boolean }): Promise<GarbageCollected> {
    return await collectGarbage(this.#connection, this.#blobs, options);
  }

  async #usageOf(stream: string): Promise<StreamUsage> {
    const { state, config } = await patiently(this.#connection, `inspect ${stream}`, () =>
      this.#connection.manager.streams.info(stream),
    );
    return {
      stream,
      messages: state.messages,
      bytes: state.bytes,
      bytesMax: config.max_bytes > 0 ? config.max_bytes : null,
      ageMsMax: config.max_age > 0 ? config.max_age / 1e6 : null,
    };
  }

  async #purge(stream: string, filter: string): Promise<number> {
    const { purged } = await patiently(this.#connection, `remove ${filter} from ${stream}`, () =>
      this.#connection.manager.streams.purge(stream, { filter }),
    );
    return purged;
  }
}
