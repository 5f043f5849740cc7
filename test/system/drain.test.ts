// Rollout agents as processes of their own on a real server, told to stop in mid-episode.
// Requirements: 3.4.drain, 3.4.resume, 3.5.no-leaks
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { EpisodeEnded, WorkerId } from "@hindcast/shared";
import type { Bus } from "@hindcast/shared/node";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { collectTrajectory } from "../../coordinator/src/trajectory-collector.ts";
import { aRolloutTask, someLimits } from "../support/builders.ts";
import type { Emulator } from "../support/emulators/emulator.ts";
import { startOpenAiEmulator } from "../support/emulators/openai.ts";
import { aNatsServer, type TestNats } from "../support/nats-server.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const never = new AbortController().signal;
const stepsPerEpisode = 4;
let nats: TestNats;
let bus: Bus;
let policy: Emulator;

beforeEach(async () => {
  nats = await aNatsServer();
  bus = await nats.coordinator();
  policy = await startOpenAiEmulator();
});
afterEach(async () => {
  await policy[Symbol.asyncDispose]();
  await nats[Symbol.asyncDispose]();
});

/** Each action takes this long and leaves a line behind. */
function actsFor(seconds: number): void {
  policy.replyAlways(({ body }) => {
    const done = JSON.stringify(body["messages"]).match(/<action>/g)?.length ?? 0;
    const action = done < stepsPerEpisode ? `sleep ${seconds}; echo ${done + 1} >> log.txt` : "stop()";
    return { kind: "answer", text: `REASON: one more line\nACTION: ${action}` };
  });
}

interface Agent {
  child: ChildProcess;
  exited: Promise<number | null>;
  /** Resolves with the first log line of this event. */
  logged: (event: string) => Promise<void>;
}

async function anAgent(id: string): Promise<Agent> {
  const { servers, credentials } = nats.options(id as WorkerId);
  const passwordFile = join(nats.directory, `${id}.password`);
  await writeFile(passwordFile, credentials.password, { mode: 0o600 });
  const child = spawn(process.execPath, ["--conditions=source", "rollout-agent/src/main.ts"], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
    env: {
      PATH: process.env["PATH"],
      HOME: process.env["HOME"],
      HINDCAST_NATS_URL: servers,
      HINDCAST_NATS_USER: credentials.user,
      HINDCAST_NATS_PASSWORD_FILE: passwordFile,
      HINDCAST_WORKER_ID: id,
      HINDCAST_OPENAI_BASE_URL: `${policy.url}/v1`,
      OPENAI_API_KEY: policy.apiKey,
    },
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  return {
    child,
    exited: once(child, "exit").then(([code]) => code as number | null),
    logged: (event) => expect.poll(() => output, { timeout: 20_000 }).toContain(`"event":"${event}"`),
  };
}

const task = aRolloutTask({ model: "openai:codestral-22b", limits: { ...someLimits, stepTimeMs: 60_000 } });
/** Starts and steps; a start counts as step 0. */
const recorded = async (): Promise<{ worker: string; step: number; at: number }[]> =>
  (await bus.trajectories.read(task.campaignId, task.episodeId)).flatMap(({ record }) => {
    if (record.kind !== "episode.started" && record.kind !== "step.recorded") return [];
    const step = record.kind === "step.recorded" ? record.step.index : 0;
    return [{ worker: record.workerId, step, at: Date.parse(record.recordedAt) }];
  });

/** No other process sleeps for just this long. */
const longSeconds = 45.25;

/** Processes in a sandbox have their command lines on the host too. */
const sleeping = (): boolean =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .some((name) => commandLine(name) === `sleep ${longSeconds}`);

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
  } catch {
    return "";
  }
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

async function ended(): Promise<EpisodeEnded> {
  for await (const result of bus.results.watch(task.campaignId, AbortSignal.timeout(60_000))) {
    if (result.kind === "episode.ended") return result;
  }
  throw new Error("no result came");
}

describe("SIGTERM to a rollout agent in mid-episode", () => {
  it("finishes the step, hands back and exits 0, and another agent goes on from there at once", async () => {
    actsFor(0.5);
    const first = await anAgent("w-1");
    await bus.tasks.publish(task, never);
    await expect.poll(async () => (await recorded()).length, { timeout: 30_000 }).toBe(2);
    first.child.kill("SIGTERM");
    expect(await first.exited).toBe(0);
    const before = await recorded();
    const stopped = Date.now();
    expect(await bus.results.get(task.campaignId, task.taskId)).toBeNull();

    const second = await anAgent("w-2");
    const end = await ended();
    expect(end).toMatchObject({ reason: "submitted", steps: stepsPerEpisode, workerId: "w-2" });
    const after = (await recorded()).slice(before.length);
    expect(after.map(({ step }) => step)).toEqual([0, ...range(before.at(-1)!.step + 1, stepsPerEpisode)]);
    // Long before the thirty seconds after which a dead worker's task comes again.
    expect(after[0]!.at - stopped).toBeLessThan(28_000);
    expect((await collectTrajectory(bus, end)).steps.map(({ index }) => index)).toEqual(range(1, stepsPerEpisode));
    // No answer was bought twice although two agents worked on it.
    expect(policy.requests).toHaveLength(stepsPerEpisode + 1);
    second.child.kill("SIGTERM");
    expect(await second.exited).toBe(0);
  });

  it("aborts the running step on a second signal, exits non-zero and leaves no sandbox behind", async () => {
    actsFor(longSeconds);
    const { child, exited, logged } = await anAgent("w-1");
    await bus.tasks.publish(task, never);
    await expect.poll(() => policy.requests.length, { timeout: 30_000 }).toBe(1);
    await expect.poll(sleeping, { timeout: 10_000 }).toBe(true);
    child.kill("SIGTERM");
    const signalled = Date.now();
    await logged("process.draining");
    child.kill("SIGTERM");
    expect(await exited).toBe(1);
    expect(Date.now() - signalled).toBeLessThan(15_000);
    await expect.poll(sleeping).toBe(false);
    expect((await recorded()).map(({ step }) => step)).toEqual([0]);
    expect(await bus.tasks.backlog("shell")).toMatchObject({ queued: 0 });
    const [again] = await (await nats.connect("w-2" as WorkerId)).tasks.lease("shell", 1, 5_000, never);
    expect(again?.deliveryCount).toBe(2);
  });
});
