// A campaign of any size that is made as it is read: what an export reads from a bus, without a bus.
import {
  decode,
  Demonstration,
  encode,
  type EpisodeEnded,
  type EpisodeId,
  type TaskId,
  type Trajectory,
  TrajectoryRecord,
} from "@hindcast/shared";
import { type Bus, sha256Hex, trajectoryDigest } from "@hindcast/shared/node";
import { aShellObservation, aStep, stateHash } from "./builders.ts";
import { aDemonstration, anEpisodeEnded, anEpisodeStarted, aStepRecorded } from "./messages.ts";

export interface ManyOptions {
  episodes: number;
  stepsPerEpisode: number;
  demonstrationsPerEpisode: number;
  observationBytes: number;
}

/** Text that differs from step to step and hardly compresses. */
export function someText(of: string, bytes: number): string {
  let text = "";
  for (let n = 0; text.length < bytes; n += 1) text += sha256Hex(`${of} ${n}`);
  return text.slice(0, bytes);
}

export function stepsOf(n: number, { stepsPerEpisode, observationBytes }: ManyOptions): Trajectory["steps"] {
  return Array.from({ length: stepsPerEpisode }, (_, i) =>
    aStep(i + 1, { command: `cat ${n}/${i}`, state: `${n} ${i}`, text: someText(`${n} ${i}`, observationBytes) }),
  );
}

/** Demonstration `k` of episode `n`; its id says nothing of the order in which it was stored. */
export function manyDemonstration(n: number, k: number, options: ManyOptions): Demonstration {
  const base = aDemonstration(`${sha256Hex(`${n} ${k}`).slice(0, 16)}-${n}-${k}`);
  const steps = stepsOf(n, options).map(({ turn, observed }) => ({
    reason: "because",
    action: turn.action,
    observation: observed.observation,
    stateHash: observed.stateHash,
    summary: "It printed a file.",
  }));
  const [episodeId, taskId] = [`ep-${n}` as EpisodeId, `task-${n}` as TaskId];
  const lineage = { ...base.lineage, documentSource: `manual-${n % 50}.md`, episodeId, taskId };
  return {
    ...base,
    initial: aShellObservation({ exitCode: null }),
    initialStateHash: stateHash("start"),
    steps,
    lineage,
  };
}

export function manyEnded(n: number, options: ManyOptions): EpisodeEnded {
  return anEpisodeEnded({
    taskId: `task-${n}` as TaskId,
    episodeId: `ep-${n}` as EpisodeId,
    steps: options.stepsPerEpisode,
    digest: trajectoryDigest(Array.from({ length: options.stepsPerEpisode }, () => new Uint8Array())),
  });
}

/** What `ExportSources` asks of a bus. */
export function manyOnABus(options: ManyOptions): Pick<Bus, "demonstrations" | "results" | "trajectories"> {
  const { episodes, demonstrationsPerEpisode } = options;
  const bus = {
    demonstrations: {
      async *stored() {
        await Promise.resolve();
        for (let n = 0; n < episodes; n += 1) {
          for (let k = 0; k < demonstrationsPerEpisode; k += 1) {
            const demonstration = manyDemonstration(n, k, options);
            yield { id: demonstration.id, environment: "shell", bytes: encode(Demonstration, demonstration) };
          }
        }
      },
      restore: (_id: string, bytes: Uint8Array) => decode(Demonstration, bytes),
    },
    results: {
      async *each() {
        await Promise.resolve();
        for (let n = 0; n < episodes; n += 1) yield manyEnded(n, options);
      },
    },
    trajectories: {
      async *stored() {
        await Promise.resolve();
        for (let n = 0; n < episodes; n += 1) {
          const episodeId = `ep-${n}` as EpisodeId;
          const steps = stepsOf(n, options).map((step) => aStepRecorded(step.index, { episodeId, step }));
          for (const record of [anEpisodeStarted({ episodeId }), ...steps]) {
            yield { episodeId, bytes: encode(TrajectoryRecord, record) };
          }
        }
      },
      restore: (_episode: string, stored: readonly Uint8Array[]) =>
        Promise.resolve(stored.map((bytes) => ({ record: decode(TrajectoryRecord, bytes), bytes: new Uint8Array() }))),
    },
  };
  return bus as unknown as Pick<Bus, "demonstrations" | "results" | "trajectories">;
}
