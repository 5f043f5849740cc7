// Writes an attempt's records, one after the other, each acknowledged by the stream before the next is made.
import type {
  Artifact,
  AttemptDiverged,
  BlobRef,
  EpisodeStarted,
  HindcastError,
  Observed,
  RolloutTask,
  Sha256,
  Step,
  WorkerId,
} from "@hindcast/shared";
import { type Bus, trajectoryDigest } from "@hindcast/shared/node";
import type { EnvironmentState, WorldFile } from "../environment/environment.ts";
import { fitEffects } from "./fit-effects.ts";
import { putImage } from "./snapshot-images.ts";

export interface RecorderOptions {
  bus: Pick<Bus, "blobs"> & { trajectories: Pick<Bus["trajectories"], "append"> };
  task: RolloutTask;
  workerId: WorkerId;
  attempt: number;
  fencingToken: number;
  /** Which delivery of the task's message this is. */
  delivery: number;
  /** Asked before each step is written. @throws once the lease is lost */
  assertHeld?: (() => void) | undefined;
  /** The attempt's: a full stream is waited for until it aborts. */
  signal?: AbortSignal;
}

export class EpisodeRecorder {
  readonly #options: RecorderOptions;
  readonly #stepBytes: Uint8Array[] = [];

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  async begun(): Promise<void> {
    const { bus, delivery, signal } = this.#options;
    await bus.trajectories.append({ ...this.#head(), kind: "attempt.begun", delivery }, signal);
  }

  async diverged(what: Pick<AttemptDiverged, "from" | "step" | "detail">): Promise<void> {
    const { bus, signal } = this.#options;
    await bus.trajectories.append({ ...this.#head(), kind: "attempt.diverged", ...what }, signal);
  }

  async failed(error: HindcastError): Promise<void> {
    const { bus, delivery } = this.#options;
    await bus.trajectories.append({ ...this.#head(), kind: "attempt.failed", delivery, error: error.toWire() });
  }

  async yielded(): Promise<void> {
    await this.#options.bus.trajectories.append({ ...this.#head(), kind: "attempt.yielded" });
  }

  /** Goes on where an earlier attempt stopped: its steps stand, and their bytes count in the digest. */
  inherit(stepBytes: readonly Uint8Array[]): void {
    this.#stepBytes.push(...stepBytes);
  }

  async started(initial: Observed, resumedFrom: EpisodeStarted["resumedFrom"]): Promise<void> {
    const { bus, signal } = this.#options;
    await bus.trajectories.append({ ...this.#head(), kind: "episode.started", initial, resumedFrom }, signal);
  }

  /** @throws PROTOCOL_TOO_LARGE before anything is sent when the step does not fit a message. */
  async step(step: Step): Promise<void> {
    const { bus, assertHeld, signal } = this.#options;
    assertHeld?.();
    this.#stepBytes.push(await bus.trajectories.append({ ...this.#head(), kind: "step.recorded", step }, signal));
  }

  /** The record's form of `o_index`. Its image is stored as a blob where the task asks for one at this step. */
  async observed(state: EnvironmentState, index: number, signal: AbortSignal): Promise<Observed> {
    const { observation, stateHash, effects, effectsOmitted } = state;
    const { snapshotEverySteps } = this.#options.task.limits;
    const snapshot = index % snapshotEverySteps === 0 ? await this.#storedImage(await state.snapshot(signal)) : null;
    const artifacts = await this.stored(state.artifacts ?? []);
    const kept = fitEffects(effects);
    return {
      observation,
      stateHash,
      effects: kept,
      effectsOmitted: effectsOmitted + effects.length - kept.length,
      snapshot,
      ...(artifacts.length > 0 && { artifacts }),
    };
  }

  /** Files of the world as records name them. */
  async stored(files: readonly WorldFile[]): Promise<Artifact[]> {
    const { blobs } = this.#options.bus;
    return await Promise.all(
      files.map(async ({ name, mediaType, bytes }) => ({ name, mediaType, blob: await blobs.put(bytes, this.#room) })),
    );
  }

  async #storedImage(image: Uint8Array | null): Promise<BlobRef | null> {
    const { bus, task } = this.#options;
    return image === null || image.length > task.limits.snapshotBytesMax
      ? null
      : await putImage(bus.blobs, image, this.#room);
  }

  get #room(): { roomUntil?: AbortSignal } {
    const { signal } = this.#options;
    return signal === undefined ? {} : { roomUntil: signal };
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
