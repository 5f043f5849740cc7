// What Hindcast adds to a step: episodes of a scripted policy in a world without a world, against a bare acknowledged
// publish of a record of the same size, both against one NATS server that syncs every write, in turns in one process.
import { cpus } from "node:os";
import { styleText } from "node:util";
import type { EnvironmentKind, EpisodeId, RolloutTask, TaskId, TrajectoryRecord, WorkerId } from "@hindcast/shared";
import { type Bus, createScriptedModel, silentLogger } from "@hindcast/shared/node";
import { createEnvironmentProvider } from "../../rollout-agent/src/environment/index.ts";
import { runAttempt } from "../../rollout-agent/src/episode/attempt.ts";
import type { SandboxProvider } from "../../rollout-agent/src/sandbox/sandbox.ts";
import { aRolloutTask, someLimits } from "../support/builders.ts";
import { aNatsServer, testWorkers } from "../support/nats-server.ts";
import { machine, option, quantile } from "./statistics.ts";

const stepsPerEpisode = 20;
const episodes = option("episodes", 30);
const observationBytes = option("observation-bytes", 2_000);

const noSandboxes: SandboxProvider = {
  name: "none",
  problems: () => Promise.resolve([]),
  open: () => Promise.reject(new Error("this benchmark opens no sandbox")),
};

interface Samples {
  /** From one recorded step to the next. */
  step: number[];
  /** The acknowledged publish within it. */
  publish: number[];
  /** Storing the state's snapshot within it. */
  snapshot: number[];
  /** The same publish with nothing around it. */
  bare: number[];
}

await using nats = await aNatsServer();
await nats.coordinator();
const workerId = testWorkers[0] as WorkerId;
const bus = await nats.connect(workerId);
const samples: Samples = { step: [], publish: [], snapshot: [], bare: [] };
for (let n = 0; n < episodes; n += 1) {
  const records = await anEpisode(n);
  for (const record of records) {
    const startedAt = performance.now();
    await bus.trajectories.append({ ...record, attempt: 2 });
    samples.bare.push(performance.now() - startedAt);
  }
}
print();

async function anEpisode(n: number): Promise<TrajectoryRecord[]> {
  const records: TrajectoryRecord[] = [];
  let last = 0;
  const timed: Pick<Bus, "blobs"> & { trajectories: Pick<Bus["trajectories"], "append"> } = {
    trajectories: {
      append: async (record) => {
        const startedAt = performance.now();
        const bytes = await bus.trajectories.append(record);
        const now = performance.now();
        if (record.kind === "step.recorded") {
          samples.publish.push(now - startedAt);
          samples.step.push(now - last);
          records.push(record);
        }
        last = now;
        return bytes;
      },
    },
    blobs: {
      get: (ref) => bus.blobs.get(ref),
      put: async (bytes) => {
        const startedAt = performance.now();
        const ref = await bus.blobs.put(bytes);
        samples.snapshot.push(performance.now() - startedAt);
        return ref;
      },
    },
  };
  const task: RolloutTask = aRolloutTask({
    taskId: `task-${n}` as TaskId,
    episodeId: `ep-${n}` as EpisodeId,
    environment: { kind: "no-op", outputBytes: observationBytes },
    limits: { ...someLimits, stepsMax: stepsPerEpisode + 1 },
  });
  const model = createScriptedModel(`scripted:${stepsPerEpisode}`);
  const deps = {
    bus: timed as Bus,
    workerId,
    environments: (kind: EnvironmentKind) => createEnvironmentProvider(kind, { sandboxes: noSandboxes }),
    model: () => model,
    logger: silentLogger,
    drain: new AbortController().signal,
  };
  const end = await runAttempt(deps, { task, deliveryCount: 1, fencingToken: 1 }, new AbortController().signal);
  if (end === "handed-back" || end.steps !== stepsPerEpisode)
    throw new Error(`the episode ended wrong: ${JSON.stringify(end)}`);
  return records;
}

function print(): void {
  const ours = samples.step.map(
    (step, i) => step - (samples.publish[i] ?? 0) - (samples.snapshot[i + Math.floor(i / stepsPerEpisode) + 1] ?? 0),
  );
  const rows = {
    "bare publish": samples.bare,
    "whole step": samples.step,
    "publish in the step": samples.publish,
    "snapshot in the step": samples.snapshot,
    "our code in the step": ours,
  };
  const ratio = quantile(samples.step, 0.5) / quantile(samples.bare, 0.5);
  const figures = Object.fromEntries(
    Object.entries(rows).map(([name, all]) => [
      name,
      { p50: quantile(all, 0.5), p99: quantile(all, 0.99), samples: all.length },
    ]),
  );
  if (process.argv.includes("--json")) {
    console.log(
      JSON.stringify({
        benchmark: "step-overhead",
        machine: machine(cpus()),
        episodes,
        stepsPerEpisode,
        observationBytes,
        milliseconds: figures,
        ratio,
      }),
    );
    return;
  }
  console.log(styleText("bold", `Per-step overhead, ${observationBytes}-byte observations (${machine(cpus())})`));
  for (const [name, { p50, p99, samples: count }] of Object.entries(figures)) {
    console.log(
      `${name.padEnd(22)} p50 ${p50.toFixed(2).padStart(7)} ms   p99 ${p99.toFixed(2).padStart(7)} ms   (${count} samples)`,
    );
  }
  console.log(`a step takes ${ratio.toFixed(2)} × a bare publish at the median`);
}
