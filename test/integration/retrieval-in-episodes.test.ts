// An agent with retrieval on and the real retrieval service: what a step saw is in its record.
// Requirements: 3.8.recorded, 3.8.service, 3.4.episode
import { DemonstrationIndex, DemonstrationProjection, RetrievalMetrics, RetrievalService } from "@hindcast/index-core";
import type { CampaignId, EpisodeEnded, EpisodeId, RolloutTask, TaskId } from "@hindcast/shared";
import { type Bus, silentLogger } from "@hindcast/shared/node";
import { Registry } from "prom-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { collectTrajectory } from "../../coordinator/src/trajectory-collector.ts";
import { aRolloutTask } from "../support/builders.ts";
import { aNatsServer, type TestNats } from "../support/nats-server.ts";
import { aDemonstrationOf, type DemonstrationWords } from "../support/retrieval.ts";
import { startWorker, type TestWorker } from "../support/worker.ts";

const never = new AbortController().signal;
const retrieval = { observationBased: 2, modelBased: 2, tokenBudget: 8_000, perTrajectoryMax: 1 };
let nats: TestNats;
let bus: Bus;

beforeEach(async () => {
  nats = await aNatsServer();
  bus = await nats.coordinator();
});
afterEach(() => nats[Symbol.asyncDispose]());

async function aRetrievalService(): Promise<AsyncDisposable> {
  const own = await nats.connect("index-core");
  const index = await DemonstrationIndex.open();
  const stop = new AbortController();
  const metrics = new RetrievalMetrics(new Registry());
  const projection = new DemonstrationProjection({
    log: own.demonstrations,
    index: index.trusting,
    logger: silentLogger,
    onRejected: (reason) => metrics.rejectedFor(reason),
  });
  const following = projection.run(stop.signal);
  await projection.catchUp(stop.signal);
  const service = await own.serveMicro(new RetrievalService({ index: index.trusting, projection, metrics }).describe());
  return {
    [Symbol.asyncDispose]: async () => {
      await service[Symbol.asyncDispose]();
      stop.abort();
      await following;
      await own.close();
    },
  };
}

async function ended(task: RolloutTask): Promise<EpisodeEnded> {
  for await (const result of bus.results.watch(task.campaignId, AbortSignal.timeout(20_000))) {
    if (result.taskId === task.taskId && result.kind === "episode.ended") return result;
  }
  throw new Error("no result came");
}

/** Puts a demonstration of an earlier campaign into the log. */
async function learnt(name: string, words: DemonstrationWords): Promise<void> {
  await bus.demonstrations.put(aDemonstrationOf(name, { campaign: "c-earlier", ...words }));
}

const promptsOf = ({ model }: TestWorker): string =>
  JSON.stringify(model.requests.filter(({ purpose }) => purpose === "act").map(({ messages }) => messages));

describe("an episode with retrieval on", () => {
  it("records at each step which demonstrations the policy saw, and shows it those and no others", async () => {
    const task = aRolloutTask({
      retrieval,
      excludeFromRetrieval: { taskIds: ["task-held" as TaskId], documentIds: [] },
    });
    await learnt("seen", { instruction: "Create the file alpha.txt" });
    await learnt("own", { instruction: "Create the file alpha.txt as this episode did", episode: task.episodeId });
    await learnt("twin", { instruction: "Create the file alpha.txt just now", campaign: task.campaignId });
    await learnt("held", { instruction: "Create the file alpha.txt for another", task: "task-held" });
    await using _service = await aRetrievalService();
    await using worker = await startWorker(nats, { commands: ["do-one", "do-two"], query: "create the file alpha" });
    await bus.tasks.publish(task, never);

    const result = await ended(task);
    const { steps } = await collectTrajectory(bus, result);
    const turns = [...steps.map(({ turn }) => turn), result.closing!];
    expect(turns).toHaveLength(3);
    for (const { retrieved, calls } of turns) {
      expect(retrieved.map(({ demonstrationId }) => demonstrationId)).toEqual(["demo-seen"]);
      // The call that wrote the query is the step's too.
      expect(calls.map(({ purpose }) => purpose)).toEqual(["retrieval-query", "act"]);
    }
    // Three turns of two calls, ten tokens each: the queries count against the episode's limits like any other call.
    expect(result.usage.inputTokens).toBe(60);
    expect(promptsOf(worker)).toContain("Create the file alpha.txt");
    expect(promptsOf(worker)).not.toMatch(/as this episode did|just now|for another/);
  });

  it("records nothing and asks for nothing with retrieval off", async () => {
    await learnt("seen", { instruction: "Create the file alpha.txt" });
    await using _service = await aRetrievalService();
    await using worker = await startWorker(nats, { commands: ["do-one"] });
    const task = aRolloutTask({ retrieval: null });
    await bus.tasks.publish(task, never);
    const { steps } = await collectTrajectory(bus, await ended(task));
    expect(steps.map(({ turn }) => turn.retrieved)).toEqual([[]]);
    expect(worker.model.asked("retrieval-query")).toBe(0);
    expect(promptsOf(worker)).not.toContain("alpha.txt");
  });

  it("waits for a retrieval service that is away and never acts without what it was to see", async () => {
    await learnt("seen", { instruction: "Create the file alpha.txt" });
    await using worker = await startWorker(nats, { commands: ["do-one"] });
    const task = aRolloutTask({
      campaignId: "c-0002" as CampaignId,
      episodeId: "ep-2" as EpisodeId,
      retrieval: { ...retrieval, modelBased: 0 },
    });
    await bus.tasks.publish(task, never);
    await expect.poll(() => worker.log.includes("close")).toBe(true);
    expect(worker.model.asked("act")).toBe(0);
    await using _service = await aRetrievalService();
    expect(await ended(task)).toMatchObject({ reason: "submitted", steps: 1 });
  });
});
