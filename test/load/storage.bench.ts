// What storing costs: bytes per step by stream, and the memory that listing, resuming and exporting a large campaign take.
// The campaign is written straight into the streams, in pipelined publishes, because agents would take hours.
// `--episodes 100000` are a million steps.
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { styleText } from "node:util";
import { CampaignId, encode, type EpisodeId, subjects, TaskResult, TrajectoryRecord } from "@hindcast/shared";
import { Demonstration } from "@hindcast/shared";
import pMap from "p-map";
import { exportDataset } from "../../coordinator/src/export/export-dataset.ts";
import { ExportSources, readDemonstrations } from "../../coordinator/src/export/read-demonstrations.ts";
import { TaskRunner } from "../../coordinator/src/task-runner.ts";
import { manyDemonstration, manyEnded, stepsOf } from "../support/many-demonstrations.ts";
import { anEpisodeStarted, aStepRecorded, task } from "../support/messages.ts";
import { aNatsServer } from "../support/nats-server.ts";
import { rawNats } from "../support/raw-nats.ts";
import { machine, option } from "./statistics.ts";

const episodes = option("episodes", 2_000);
const stepsPerEpisode = option("steps", 10);
const observationBytes = option("observation-bytes", 1_000);
const publishesInFlight = 64;
const MiB = 1024 * 1024;
const campaign = CampaignId.parse("c-0001");
const options = { episodes, stepsPerEpisode, demonstrationsPerEpisode: 1, observationBytes };

interface Measured {
  what: string;
  seconds: number;
  /** The most that was resident while it ran, and how much that was above the start. */
  residentMiB: number;
  addedMiB: number;
}

await using nats = await aNatsServer();
const bus = await nats.coordinator();
await using raw = await rawNats(nats);
const measured: Measured[] = [];

await measure("write", async () => {
  await pMap(range(episodes), writeEpisode, { concurrency: publishesInFlight });
});
await measure("list", async () => {
  let listed = 0;
  for await (const result of bus.results.each(campaign)) listed += result.kind === "episode.ended" ? 1 : 0;
  if (listed !== episodes) throw new Error(`listed ${listed} of ${episodes} episodes`);
});
await measure("resume", async () => {
  const stop = new AbortController();
  const tasks = new TaskRunner(bus, stop.signal);
  const following = tasks.follow(campaign).catch(() => undefined);
  await pMap(range(episodes), (n) => tasks.run(task(n)), { concurrency: publishesInFlight });
  stop.abort(new Error("measured"));
  await following;
});
const folder = await mkdtemp(join(tmpdir(), "hindcast-storage-"));
try {
  await measure("export", async () => {
    const { signal } = new AbortController();
    const sources = new ExportSources(bus, signal);
    const demonstrations = sources.through(readDemonstrations(bus, { signal }));
    await exportDataset({ demonstrations, episodes: sources.episodes(), directory: join(folder, "data") });
  });
} finally {
  await rm(folder, { recursive: true, force: true });
}
await print();

async function writeEpisode(n: number): Promise<void> {
  const episodeId = `ep-${n}` as EpisodeId;
  const subject = subjects.trajectory(aStepRecorded(1).workerId, campaign, episodeId, 1);
  const records: TrajectoryRecord[] = [
    anEpisodeStarted({ episodeId }),
    ...stepsOf(n, options).map((step) => aStepRecorded(step.index, { episodeId, step })),
  ];
  for (const record of records) await raw.jetstream.publish(subject, encode(TrajectoryRecord, record));
  const ended = manyEnded(n, options);
  await raw.jetstream.publish(subjects.result(campaign, ended.taskId), encode(TaskResult, ended));
  const demonstration = manyDemonstration(n, 0, options);
  const place = subjects.demonstration(demonstration.environment, demonstration.id);
  await raw.jetstream.publish(place, encode(Demonstration, demonstration));
}

function* range(count: number): Generator<number> {
  for (let n = 0; n < count; n += 1) yield n;
}

async function measure(what: string, work: () => Promise<void>): Promise<void> {
  const startedAt = performance.now();
  const before = process.memoryUsage().rss;
  let most = before;
  const looking = setInterval(() => {
    most = Math.max(most, process.memoryUsage().rss);
  }, 100);
  try {
    await work();
  } finally {
    clearInterval(looking);
  }
  const seconds = (performance.now() - startedAt) / 1_000;
  measured.push({ what, seconds, residentMiB: most / MiB, addedMiB: (most - before) / MiB });
}

async function print(): Promise<void> {
  const steps = episodes * stepsPerEpisode;
  const usage = (await bus.storage.usage()).filter(({ bytes }) => bytes > 0);
  const bytesPerStep = Object.fromEntries(usage.map(({ stream, bytes }) => [stream, bytes / steps]));
  if (process.argv.includes("--json")) {
    const about = { benchmark: "storage", machine: machine(cpus()), episodes, stepsPerEpisode, observationBytes };
    console.log(JSON.stringify({ ...about, bytesPerStep, measured }));
    return;
  }
  console.log(styleText("bold", `${steps} steps with observations of ${observationBytes} bytes (${machine(cpus())})`));
  for (const [stream, bytes] of Object.entries(bytesPerStep)) {
    console.log(`${stream.padEnd(16)} ${bytes.toFixed(0).padStart(8)} bytes per step`);
  }
  for (const { what, seconds, residentMiB, addedMiB } of measured) {
    console.log(
      `${what.padEnd(16)} ${seconds.toFixed(1).padStart(8)} s   ${residentMiB.toFixed(0).padStart(6)} MiB resident, ` +
        `${addedMiB.toFixed(0).padStart(5)} more than before`,
    );
  }
}
