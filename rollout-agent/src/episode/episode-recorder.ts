// Writes an attempt's records, one after the other, each acknowledged by the stream before the next is made.
import { limits } from "@hindcast/shared";
import type { BlobRef, EpisodeStarted, Observed, RolloutTask, Sha256, Step, WorkerId } from "@hindcast/shared";
import { type Bus, trajectoryDigest } from "@hindcast/shared/node";
import type { EnvironmentState } from "../environment/environment.ts";
import { fitEffects } from "./fit-effects.ts";
import { putImage } from "./snapshot-images.ts";

export interface RecorderOptions {
  bus: Pick<Bus, "trajectories" | "blobs">;
  task: RolloutTask;
  workerId: WorkerId;
  attempt: number;
  fencingToken: number;
  /** Stored bytes of steps that an earlier attempt recorded and this one keeps. */
  inheritedBytes?: readonly Uint8Array[];
}

export class EpisodeRecorder {
  readonly #options: RecorderOptions;
  readonly #stepBytes: Uint8Array[];

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#stepBytes = [...(options.inheritedBytes ?? [])];
  }

  async started(initial: Observed, resumedFrom: EpisodeStarted["resumedFrom"]): Promise<void> {
    await this.#options.bus.trajectories.append({ ...this.#head(), kind: "episode.started", initial, resumedFrom });
  }

  /** @throws PROTOCOL_TOO_LARGE before anything is sent when the step does not fit a message. */
  async step(step: Step): Promise<void> {
    this.#stepBytes.push(await this.#options.bus.trajectories.append({ ...this.#head(), kind: "step.recorded", step }));
  }

  /** Stores the state's image as a blob and gives the record's form of it. */
  async observed(state: EnvironmentState, signal: AbortSignal): Promise<Observed> {
    const { snapshot, observation, stateHash, effects, effectsOmitted } = state;
    const image = await snapshot(signal);
    const ref: BlobRef | null =
      image === null || image.length > limits.snapshotBytesMax ? null : await putImage(this.#options.bus.blobs, image);
    return { observation, stateHash, effects: fitEffects(effects), effectsOmitted, snapshot: ref };
  }

  get digest(): Sha256 {
    return trajectoryDigest(this.#stepBytes);
  }

  #head(): Omit<EpisodeStarted, "kind" | "initial" | "resumedFrom"> {
    const { task, workerId, attempt, fencingToken } = this.#options;
    return {
      v: 1,
      campaignId: task.campaignId,
      taskId: task.taskId,
      episodeId: task.episodeId,
      attempt,
      workerId,
      fencingToken,
      recordedAt: new Date().toISOString(),
    };
  }
}
