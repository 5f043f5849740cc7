// A campaign of any size that is made as it is read: what an export reads from a bus, without a bus.
import type { Demonstration, DemonstrationId, EpisodeEnded, EpisodeId, TaskId, Trajectory } from "@hindcast/shared";
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

/** What `readDemonstrations` and `ExportSources` ask of a bus. */
export function manyOnABus(options: ManyOptions): Pick<Bus, "demonstrations" | "results" | "trajectories"> {
  const bus = {
    demonstrations: {
      async *names() {
        await Promise.resolve();
        for (let n = 0; n < options.episodes; n += 1) {
          for (let k = 0; k < options.demonstrationsPerEpisode; k += 1) {
            const id = `demo-${sha256Hex(`${n} ${k}`).slice(0, 16)}-${n}-${k}` as DemonstrationId;
            yield { id, environment: "shell" };
          }
        }
      },
      get: ({ id }: { id: string }) => {
        const [n, k] = id.split("-").slice(2).map(Number);
        return Promise.resolve(manyDemonstration(n ?? 0, k ?? 0, options));
      },
    },
    results: {
      get: (_campaign: string, task: string) => Promise.resolve(manyEnded(Number(task.split("-")[1]), options)),
    },
    trajectories: {
      read: (_campaign: string, episode: string) => {
        const episodeId = episode as EpisodeId;
        const steps = stepsOf(Number(episode.split("-")[1]), options);
        const records = [
          anEpisodeStarted({ episodeId }),
          ...steps.map((step) => aStepRecorded(step.index, { episodeId, step })),
        ];
        return Promise.resolve(records.map((record) => ({ record, bytes: new Uint8Array() })));
      },
    },
  };
  return bus as unknown as Pick<Bus, "demonstrations" | "results" | "trajectories">;
}
