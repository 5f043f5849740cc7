// What storing costs: bytes per step by stream, and the memory that listing, resuming and exporting a large campaign take, each in
// a process of its own beside one that does nothing.
// The campaign is written straight into the streams, in pipelined publishes, because agents would take hours.
// `--episodes 100000` are a million steps; `--publish` writes the tables into test/RELIABILITY.md.
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify, styleText } from "node:util";
import {
  CampaignId,
  Demonstration,
  encode,
  type EpisodeId,
  subjects,
  TaskResult,
  TrajectoryRecord,
} from "@hindcast/shared";
import { type Bus, type BusOptions, connectBus, type StreamUsage } from "@hindcast/shared/node";
import { exportDataset } from "../../coordinator/src/export/export-dataset.ts";
import { ExportSources } from "../../coordinator/src/export/export-sources.ts";
import { TaskRunner } from "../../coordinator/src/task-runner.ts";
import { manyDemonstration, manyEnded, stepsOf } from "../support/many-demonstrations.ts";
import { anEpisodeStarted, aStepRecorded, task } from "../support/messages.ts";
import { aNatsServer } from "../support/nats-server.ts";
import { type RawNats, rawNats } from "../support/raw-nats.ts";
import { publishText } from "../chaos/reliability-file.ts";
import { machine, option } from "./statistics.ts";

const episodes = option("episodes", 2_000);
const stepsPerEpisode = option("steps", 10);
const observationBytes = option("observation-bytes", 1_000);
const inFlightMax = 64;
const campaign = CampaignId.parse("c-0001");
const options = { episodes, stepsPerEpisode, demonstrationsPerEpisode: 1, observationBytes };

interface Measured {
  what: string;
  seconds: number;
  /** The most that was ever resident, of a process that did nothing else. */
  residentMiB: number;
}

const phases: Record<string, (bus: Bus) => Promise<void>> = {
  nothing: () => Promise.resolve(),
  list: async (bus) => {
    let listed = 0;
    for await (const result of bus.results.each(campaign)) listed += result.kind === "episode.ended" ? 1 : 0;
    if (listed !== episodes) throw new Error(`listed ${listed} of ${episodes} episodes`);
  },
  resume: async (bus) => {
    const stop = new AbortController();
    const tasks = new TaskRunner(bus, stop.signal);
    const following = tasks.follow(campaign).catch(() => undefined);
    await eachAtOnce((n) => tasks.run(task(n)));
    stop.abort(new Error("measured"));
    await following;
  },
  export: async (bus) => {
    const folder = await mkdtemp(join(tmpdir(), "hindcast-storage-"));
    const { signal } = new AbortController();
    await using sources = new ExportSources(bus, { folder, signal });
    try {
      await exportDataset({
        demonstrations: sources.demonstrations(),
        episodes: sources.episodes(),
        directory: join(folder, "data"),
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

const phaseAt = process.argv.indexOf("--phase");
if (phaseAt === -1) await measureAll();
else await measureHere(process.argv[phaseAt + 1] ?? "", process.argv[phaseAt + 2] ?? "");

async function measureAll(): Promise<void> {
  await using nats = await aNatsServer();
  const bus = await nats.coordinator();
  await using raw = await rawNats(nats);
  await eachAtOnce((n) => writeEpisode(raw, n));
  const measured: Measured[] = [];
  for (const phase of Object.keys(phases)) {
    const more = ["--phase", phase, JSON.stringify(nats.options("coordinator"))];
    const { stdout } = await promisify(execFile)(process.execPath, [
      ...process.execArgv,
      ...process.argv.slice(1),
      ...more,
    ]);
    measured.push(JSON.parse(stdout) as Measured);
  }
  const usage = (await bus.storage.usage()).filter(({ bytes }) => bytes > 0);
  print(usage, measured);
}

async function measureHere(what: string, options: string): Promise<void> {
  const bus = await connectBus(JSON.parse(options) as BusOptions);
  const startedAt = performance.now();
  await phases[what]?.(bus);
  const seconds = (performance.now() - startedAt) / 1_000;
  await bus.close();
  console.log(
    JSON.stringify({ what, seconds, residentMiB: process.resourceUsage().maxRSS / 1_024 } satisfies Measured),
  );
}

/** Work on every episode, so many at once. */
async function eachAtOnce(work: (n: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < episodes) await work(next++);
  };
  await Promise.all(Array.from({ length: inFlightMax }, lane));
}

async function writeEpisode(raw: RawNats, n: number): Promise<void> {
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

function print(usage: readonly StreamUsage[], measured: readonly Measured[]): void {
  const steps = episodes * stepsPerEpisode;
  const bytesPerStep = Object.fromEntries(usage.map(({ stream, bytes }) => [stream, bytes / steps]));
  if (process.argv.includes("--json")) {
    const about = { benchmark: "storage", machine: machine(cpus()), episodes, stepsPerEpisode, observationBytes };
    console.log(JSON.stringify({ ...about, bytesPerStep, measured }));
    return;
  }
  if (process.argv.includes("--publish")) publishText("storage", markdownOf(bytesPerStep, measured));
  console.log(styleText("bold", `${steps} steps with observations of ${observationBytes} bytes (${machine(cpus())})`));
  for (const [stream, bytes] of Object.entries(bytesPerStep)) {
    console.log(`${stream.padEnd(16)} ${bytes.toFixed(0).padStart(8)} bytes per step`);
  }
  for (const { what, seconds, residentMiB } of measured) {
    console.log(
      `${what.padEnd(16)} ${seconds.toFixed(1).padStart(8)} s   ${residentMiB.toFixed(0).padStart(6)} MiB resident`,
    );
  }
}

function markdownOf(bytesPerStep: Record<string, number>, measured: readonly Measured[]): string {
  const steps = (episodes * stepsPerEpisode).toLocaleString("en");
  return [
    `\`npm run bench -- storage --episodes ${episodes}\` on ${new Date().toISOString().slice(0, 10)}, ${machine(cpus())}: ${steps} steps with observations of ${observationBytes} bytes.`,
    "",
    "| stream | bytes per step |",
    "| --- | ---: |",
    ...Object.entries(bytesPerStep).map(
      ([stream, bytes]) => `| ${stream} | ${Math.round(bytes).toLocaleString("en")} |`,
    ),
    "",
    "| in a process of its own | seconds | most resident, MiB |",
    "| --- | ---: | ---: |",
    ...measured.map(
      ({ what, seconds, residentMiB }) => `| ${what} | ${seconds.toFixed(1)} | ${residentMiB.toFixed(0)} |`,
    ),
  ].join("\n");
}
