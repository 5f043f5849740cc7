// Episodes in plug-in worlds on the real bus: a scripted model behind the wire acts in the example world, its agent is
// killed in mid-episode, and another one goes on from the world's own snapshot, or by repeating what was done.
// Requirements: 6.16.episode, 6.16.resume, 6.16.harbor-import, 6.bad.world-dies, 5.1.ended-by-world
import { existsSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { CampaignId, EpisodeEnded, EpisodeId, RolloutTask, TaskId } from "@hindcast/shared";
import { type Bus, importHarborTask } from "@hindcast/shared/node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { collectTrajectory } from "../../coordinator/src/trajectory-collector.ts";
import { startAgent } from "../support/agents.ts";
import { anInstruction, aRolloutTask } from "../support/builders.ts";
import type { Emulator, RecordedRequest } from "../support/emulators/emulator.ts";
import { startOpenAiEmulator } from "../support/emulators/openai.ts";
import { aFolder } from "../support/hindcast.ts";
import { aNatsServer, type TestNats } from "../support/nats-server.ts";
import { type RawNats, rawNats, shortenAckWait } from "../support/raw-nats.ts";
import { mcpProcess } from "../support/worlds/mcp-todo.ts";
import { examplesFolder, faulty } from "../support/worlds/worlds.ts";

const never = new AbortController().signal;
const stepMs = 250;
/** A lease that outlasts a busy machine's pauses. */
const agent = { stepMs, leaseTtlMs: 4_000 };
const calls = [
  'add_item({"title": "plan"})',
  'add_item({"title": "pack"})',
  'complete_item({"number": 1})',
  'add_item({"title": 7})',
  "list_items()",
];

let nats: TestNats;
let coordinator: Bus;
let raw: RawNats;
let folder: ReturnType<typeof aFolder>;
let worldsFile: string;
let count = 0;

beforeAll(async () => {
  nats = await aNatsServer();
  coordinator = await nats.coordinator();
  raw = await rawNats(nats);
  await shortenAckWait(raw, 5_000);
  folder = aFolder();
  worldsFile = join(folder.path, "worlds.json");
  const worlds = {
    todo: { kind: "process", command: ["python3", join(examplesFolder, "todo_world.py")] },
    mcp: mcpProcess(),
    dying: { ...faulty("dies-once"), environment: { MARK: join(folder.path, "died") } },
    ending: { ...faulty("ends-slowly"), environment: { MARK: join(folder.path, "asked") } },
  };
  await writeFile(worldsFile, JSON.stringify({ worlds }));
});
afterAll(async () => {
  folder[Symbol.dispose]();
  await raw[Symbol.asyncDispose]();
  await nats[Symbol.asyncDispose]();
});

const promptOf = ({ body }: RecordedRequest): string => JSON.stringify(body["messages"]);

/** A model that makes the calls one after the other, as far as its history goes, and then stops. */
async function aPolicy(script: readonly string[]): Promise<Emulator> {
  const emulator = await startOpenAiEmulator();
  emulator.replyAlways((request) => {
    const done = promptOf(request).match(/<action>/g)?.length ?? 0;
    return { kind: "answer", text: `REASON: step ${done + 1}\nACTION: ${script[done] ?? 'stop("done")'}` };
  });
  return emulator;
}

function aTask(world: string, partial: Partial<RolloutTask> = {}): RolloutTask {
  count += 1;
  return aRolloutTask({
    campaignId: `c-${count}` as CampaignId,
    taskId: `task-${count}` as TaskId,
    episodeId: `ep-${count}` as EpisodeId,
    model: "openai:codestral-22b",
    instruction: anInstruction({ text: "Keep a list of things to do", asksForAnswer: true }),
    environment: { kind: "external", world, parameters: world === "todo" ? { items: [] } : {}, seed: 1 },
    ...partial,
  });
}

async function resultOf(task: RolloutTask): Promise<EpisodeEnded> {
  for await (const result of coordinator.results.watch(task.campaignId, AbortSignal.timeout(50_000))) {
    if (result.taskId === task.taskId && result.kind === "episode.ended") return result;
  }
  throw new Error("no result came");
}

async function untilSteps(task: RolloutTask, steps: number): Promise<void> {
  const recorded = async (): Promise<number> =>
    (await coordinator.trajectories.read(task.campaignId, task.episodeId)).filter(
      ({ record }) => record.kind === "step.recorded",
    ).length;
  await expect.poll(recorded, { timeout: 20_000, interval: 20 }).toBeGreaterThanOrEqual(steps);
}

async function worldProcesses(part: string): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")));
  return lines.filter((line) => line.includes(part));
}

it.each([
  { world: "todo", resumedBy: "its snapshot", program: "todo_world.py", script: calls },
  {
    world: "mcp",
    resumedBy: "repeating what was done",
    program: "mcp-todo-process.ts",
    script: [
      'add_item({"title": "plan"})',
      'add_item({"title": "pack"})',
      "fail()",
      'add_item({"title": 7})',
      "list_items()",
    ],
  },
])(
  "an episode in the world $world whose agent is killed -9 is resumed by $resumedBy",
  async ({ world, program, script }) => {
    await using policy = await aPolicy(script);
    const reference = { kind: "external" as const, expected: { open: ["pack"], done: ["plan"] } };
    const task = aTask(world, { reference });
    await using first = await startAgent(nats, policy, { ...agent, id: "w-1", worldsFile });
    await coordinator.tasks.publish(task, never);
    await untilSteps(task, 2);
    await delay(stepMs / 2);
    first.signal("SIGKILL");
    await using _second = await startAgent(nats, policy, { ...agent, id: "w-2", worldsFile });
    const ended = await resultOf(task);
    expect(ended).toMatchObject({ reason: "submitted", answer: "done", steps: 5, workerId: "w-2", error: null });
    expect(ended.evaluation).toMatchObject(
      world === "todo" ? { verdict: "success", score: 1 } : { verdict: "unknown" },
    );
    const { initial, steps } = await collectTrajectory(coordinator, ended);
    expect(initial.snapshot !== null).toBe(world === "todo");
    expect(steps.map(({ turn }) => turn.action.kind)).toEqual(Array.from({ length: 5 }, () => "tool"));
    expect(steps[3]?.observed.observation).toMatchObject({ kind: "text", isError: true });
    expect(steps[4]?.observed.observation.text).toBe(world === "todo" ? "1. [x] plan\n2. [ ] pack" : "plan\npack");
    const records = await coordinator.trajectories.read(task.campaignId, task.episodeId);
    const resumed = records
      .flatMap(({ record }) => (record.kind === "episode.started" ? [record.resumedFrom] : []))
      .at(-1);
    expect(resumed?.step).toBeGreaterThanOrEqual(2);
    expect(records.filter(({ record }) => record.kind === "attempt.diverged")).toEqual([]);
    // Every call of the model was paid for once, and it was told of the world's tools.
    expect(policy.requests.length).toBe(new Set(policy.requests.map(promptOf)).size);
    expect(policy.requests[0] && promptOf(policy.requests[0])).toContain("add_item: Adds an");
    await expect.poll(() => worldProcesses(program)).toEqual([]);
  },
  120_000,
);

it("a world that dies is opened anew, and its episode goes on", async () => {
  await using policy = await aPolicy(["anything({})"]);
  const task = aTask("dying", { reference: { kind: "world-reward" } });
  await using _agent = await startAgent(nats, policy, { ...agent, stepMs: 0, worldsFile });
  await coordinator.tasks.publish(task, never);
  const ended = await resultOf(task);
  expect(ended).toMatchObject({ reason: "submitted", steps: 1, evaluation: { verdict: "success" } });
  const records = await coordinator.trajectories.read(task.campaignId, task.episodeId);
  expect(records.flatMap(({ record }) => (record.kind === "attempt.failed" ? [record.error] : []))).toEqual([
    expect.objectContaining({ code: "ENVIRONMENT_LOST", message: expect.stringContaining("the disk is full") }),
  ]);
});

it("an episode that its world has ended ends without another turn where its agent is killed before it is judged", async () => {
  await using policy = await aPolicy(["anything({})"]);
  const task = aTask("ending", { reference: { kind: "external", expected: "all" } });
  await using first = await startAgent(nats, policy, { ...agent, id: "w-1", worldsFile });
  await coordinator.tasks.publish(task, never);
  await expect.poll(() => existsSync(join(folder.path, "asked")), { timeout: 20_000, interval: 20 }).toBe(true);
  first.signal("SIGKILL");
  const turns = policy.requests.length;
  await using _second = await startAgent(nats, policy, { ...agent, id: "w-2", worldsFile });
  const ended = await resultOf(task);
  expect(ended).toMatchObject({
    reason: "submitted",
    answer: null,
    closing: null,
    steps: 1,
    workerId: "w-2",
    evaluation: { verdict: "success" },
  });
  expect((await collectTrajectory(coordinator, ended)).steps.map(({ terminated }) => terminated)).toEqual([true]);
  expect(policy.requests.length).toBe(turns);
});

it("a world that no agent here knows makes its task unavailable, by name", async () => {
  await using policy = await aPolicy([]);
  const task = aTask("somewhere-else");
  await using _agent = await startAgent(nats, policy, { ...agent, stepMs: 0, worldsFile });
  await coordinator.tasks.publish(task, never);
  expect(await resultOf(task)).toMatchObject({
    reason: "unavailable",
    error: { code: "ENVIRONMENT_UNAVAILABLE", message: expect.stringContaining('"somewhere-else"') },
  });
});

it("a Harbor task is imported, solved and judged by its own verifier", async () => {
  const text = (lines: string[]): Uint8Array => Buffer.from(`${lines.join("\n")}\n`);
  const files = new Map([
    ["task.toml", text(['schema_version = "1.4"', "[verifier]", "timeout_sec = 30"])],
    ["instruction.md", text(["Sort /app/list.txt."])],
    ["environment/Dockerfile", text(["FROM ubuntu:24.04", "WORKDIR /app", "COPY list.txt ."])],
    ["environment/list.txt", text(["b", "a"])],
    ["tests/test.sh", text(["sort -c /app/list.txt && echo 1 > /logs/verifier/reward.txt"])],
  ]);
  const imported = importHarborTask({ name: "sort", files }, { python: null, node: null });
  if (imported.kind !== "task") throw new Error(imported.reason);
  const { instruction, environment, reference } = imported.task;
  await using policy = await aPolicy(["sort -o /app/list.txt /app/list.txt"]);
  const task = aTask("", { instruction: anInstruction({ text: instruction }), environment, reference });
  await using _agent = await startAgent(nats, policy, { ...agent, stepMs: 0, worldsFile });
  await coordinator.tasks.publish(task, never);
  expect(await resultOf(task)).toMatchObject({
    reason: "submitted",
    steps: 1,
    evaluation: { verdict: "success", evaluator: "harbor", score: 1 },
  });
});
