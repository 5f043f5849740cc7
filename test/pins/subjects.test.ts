// What other languages and stored data depend on. A change here is a change of the protocol, not a refactoring.
// Requirements: 3.3.queue, 3.3.traps, 4.8.metrics
import { readFileSync } from "node:fs";
import {
  buckets,
  type CampaignId,
  type DemonstrationId,
  type EpisodeId,
  limits,
  retrievalServiceName,
  RetrievalRequest,
  stagePool,
  streams,
  subjects,
  type TaskId,
  Task,
  taskConsumer,
  TaskResult,
  TrajectoryRecord,
  type WorkerId,
} from "@hindcast/shared";
import { RetrievalMetrics } from "@hindcast/index-core";
import { Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import type { z } from "zod";
import { aScriptedIndex } from "../support/scripted-index.ts";
import { consumerDefinition, streamDefinitions } from "../../shared/src/node/bus/topology.ts";

const text = readFileSync(new URL("../../shared/docs/protocol.md", import.meta.url), "utf8");

/** Rows of the Markdown table whose header starts with `first`, without header and rule. */
function table(first: string): string[][] {
  const lines = text.split("\n");
  const start = lines.findIndex((line) => new RegExp(`^\\| ${first} +\\|`).test(line));
  const rows = lines.slice(
    start + 2,
    lines.findIndex((line, at) => at > start && !line.startsWith("|")),
  );
  return rows.map((row) =>
    row
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const seconds = (nanoseconds: number | undefined): number => (nanoseconds ?? 0) / 1e9;

describe("the names on the bus", () => {
  it("are these", () => {
    const [c, t, e, w, d] = ["c-1", "task-1", "ep-1", "w-1", "demo-1"] as [
      CampaignId,
      TaskId,
      EpisodeId,
      WorkerId,
      DemonstrationId,
    ];
    expect({
      task: subjects.task("shell", c, t),
      tasksOfPool: subjects.tasksOfPool("shell"),
      tasksOfCampaign: subjects.tasksOfCampaign("shell", c),
      tasks: subjects.tasks,
      trajectory: subjects.trajectory(w, c, e, 2),
      trajectoriesOfEpisode: subjects.trajectoriesOfEpisode(c, e),
      trajectoriesOfCampaign: subjects.trajectoriesOfCampaign(c),
      trajectories: subjects.trajectories,
      result: subjects.result(c, t),
      resultsOfCampaign: subjects.resultsOfCampaign(c),
      results: subjects.results,
      demonstration: subjects.demonstration("shell", d),
      demonstrations: subjects.demonstrations,
      graph: subjects.graph("1-0-abc", "shell", "0-131072", "begin"),
      graphs: subjects.graphs,
      deadLetter: subjects.deadLetter("TASKS", 7),
      deadLetters: subjects.deadLetters,
      retrievalSearch: subjects.retrievalSearch,
      retrievalGet: subjects.retrievalGet,
      retrievalStats: subjects.retrievalStats,
      retrievalExplain: subjects.retrievalExplain,
      retrievalHealth: subjects.retrievalHealth,
      retrievalVectors: subjects.retrievalVectors,
      retrievalPartition: subjects.retrievalPartition(3, "search"),
      retrievalPartitions: subjects.retrievalPartitions,
      control: subjects.control("campaign"),
      controls: subjects.controls,
      admission: subjects.admission("reserve"),
      workerControl: subjects.workerControl(w),
      audit: subjects.audit("pause"),
      audits: subjects.audits,
      progress: subjects.progress(c),
    }).toEqual({
      task: "hindcast.task.shell.c-1.task-1",
      tasksOfPool: "hindcast.task.shell.>",
      tasksOfCampaign: "hindcast.task.shell.c-1.>",
      tasks: "hindcast.task.>",
      trajectory: "hindcast.trajectory.w-1.c-1.ep-1.2",
      trajectoriesOfEpisode: "hindcast.trajectory.*.c-1.ep-1.*",
      trajectoriesOfCampaign: "hindcast.trajectory.*.c-1.>",
      trajectories: "hindcast.trajectory.>",
      result: "hindcast.result.c-1.task-1",
      resultsOfCampaign: "hindcast.result.c-1.>",
      results: "hindcast.result.>",
      demonstration: "hindcast.demonstration.shell.demo-1",
      demonstrations: "hindcast.demonstration.>",
      graph: "hindcast.graph.1-0-abc.shell.0-131072.begin",
      graphs: "hindcast.graph.>",
      deadLetter: "hindcast.dead.TASKS.7",
      deadLetters: "hindcast.dead.>",
      retrievalSearch: "hindcast.retrieval.search",
      retrievalGet: "hindcast.retrieval.get",
      retrievalStats: "hindcast.retrieval.stats",
      retrievalExplain: "hindcast.retrieval.explain",
      retrievalHealth: "hindcast.retrieval.health",
      retrievalVectors: "hindcast.retrieval.vectors",
      retrievalPartition: "hindcast.retrieval.partition.3.search",
      retrievalPartitions: "hindcast.retrieval.partition.>",
      control: "hindcast.control.campaign",
      controls: "hindcast.control.*",
      admission: "hindcast.admission.reserve",
      workerControl: "hindcast.worker.w-1.control",
      audit: "hindcast.audit.pause",
      audits: "hindcast.audit.>",
      progress: "hindcast.progress.c-1",
    });
    expect(streams).toEqual({
      tasks: "TASKS",
      trajectories: "TRAJECTORIES",
      results: "RESULTS",
      demonstrations: "DEMONSTRATIONS",
      advisories: "ADVISORIES",
      deadLetters: "DEAD_LETTERS",
      audit: "AUDIT",
    });
    expect(buckets).toEqual({
      leases: "LEASES",
      workers: "WORKERS",
      journal: "JOURNAL",
      vectors: "VECTORS",
      campaigns: "CAMPAIGNS",
      batches: "BATCHES",
      blobs: "BLOBS",
      indexes: "INDEXES",
      budgets: "BUDGETS",
      lanes: "LANES",
    });
    expect(taskConsumer("shell")).toBe("workers-shell");
    expect(retrievalServiceName).toBe("hindcast-retrieval");
  });
});

describe("docs/protocol.md", () => {
  it("shows the subjects of the code", () => {
    const [pool, c, t, e, w, d] = ["<pool>", "<campaign>", "<task>", "<episode>", "<worker>", "<demonstration>"] as [
      string,
      CampaignId,
      TaskId,
      EpisodeId,
      WorkerId,
      DemonstrationId,
    ];
    const trajectory = subjects.trajectory(w, c, e, 0).replace(/0$/, "<attempt>");
    expect(table("Subject").map(([subject]) => subject?.replaceAll("`", ""))).toEqual([
      subjects.task(pool, c, t),
      trajectory,
      subjects.result(c, t),
      subjects.demonstration("<environment>", d),
      subjects.graph("<group>", "<environment>", "<from>-<to>", "begin").replace("begin", "<phase>"),
      subjects.deadLetter("<stream>", 0).replace(/0$/, "<sequence>"),
      subjects.control("<verb>"),
      subjects.admission("reserve").replace(/reserve$/, "<verb>"),
      subjects.workerControl(w),
      subjects.audit("<verb>"),
      subjects.retrievalSearch,
      subjects.retrievalGet,
      subjects.retrievalStats,
      subjects.retrievalExplain,
      subjects.retrievalHealth,
      subjects.retrievalVectors,
      subjects.retrievalPartition(0, "search").replace("0.search", "<i>.<verb>"),
      subjects.progress(c),
    ]);
  });

  it("shows the streams of the code", () => {
    const definitions = streamDefinitions({ pools: ["shell"], replicas: 3, tasksBytesMax: 1 });
    const rows = definitions.map((stream) => [
      stream.name,
      stream.retention,
      stream.max_msgs_per_subject === 1
        ? stream.discard_new_per_subject === true
          ? "1, second refused"
          : "1, newest kept"
        : "–",
      stream.discard,
      (stream.max_age ?? 0) === 0 ? "–" : `${seconds(stream.max_age) / 86_400} d`,
    ]);
    expect(table("Stream").map((row) => row.slice(0, 5))).toEqual(rows);
    expect(definitions.every((stream) => stream.storage === "file" && stream.num_replicas === 3)).toBe(true);
    expect(definitions.every((stream) => seconds(stream.duplicate_window) === 120)).toBe(true);
  });

  it("shows the consumer of the code", () => {
    const consumer = consumerDefinition("shell");
    expect(table("Consumer setting")).toEqual([
      ["ack_wait", `${seconds(consumer.ack_wait)} s`],
      ["max_deliver", String(consumer.max_deliver)],
      ["max_ack_pending", String(consumer.max_ack_pending)],
      ["max_waiting", String(consumer.max_waiting)],
      ["max_batch", String(consumer.max_batch)],
    ]);
    expect(consumer.ack_policy).toBe("explicit");
    expect(seconds(consumerDefinition(stagePool).ack_wait) * 1_000).toBe(limits.stageAckWaitMs);
  });

  it("shows the caps of the code", () => {
    const rows = table("Name");
    expect(rows.length).toBeGreaterThan(5);
    expect(rows).toEqual(rows.map(([name]) => [name, String(limits[name as keyof typeof limits])]));
  });

  it("shows the metrics of the code, with their types", async () => {
    const registry = new Registry();
    const metrics = new RetrievalMetrics(registry);
    metrics.observe(aScriptedIndex(), { appliedSequence: 0, lag: () => Promise.resolve(0) });
    const shown = new Map(table("Metric").map(([name, type]) => [name, type]));
    const made = await registry.getMetricsAsJSON();
    expect(shown).toEqual(new Map(made.map(({ name, type }) => [name, String(type)])));
  });

  it("shows the layout of vector frames as the code writes it", () => {
    const offsets = (first: string): (string | undefined)[] => table(first).map(([at]) => at);
    expect(offsets("Question at").slice(0, 8)).toEqual(["0", "1", "2", "4", "6", "8", "12", "16"]);
    expect(offsets("Answer at").slice(0, 8)).toEqual(["0", "1", "2", "4", "8", "12", "16", "24"]);
  });

  it("shows messages that the code reads and would write the same", () => {
    const schemas: z.ZodType[] = [Task, TrajectoryRecord, TaskResult, RetrievalRequest];
    const examples = [...text.matchAll(/```json\n(.+?)\n```/gs)].map(
      (match) => JSON.parse(match[1] ?? "") as { kind: string },
    );
    expect(examples.map(({ kind }) => kind)).toEqual([
      "rollout",
      "replay",
      "propose",
      "construct",
      "episode.started",
      "step.recorded",
      "episode.ended",
      "replay.ended",
      "stage.ended",
      "retrieval.search",
    ]);
    for (const example of examples) {
      const schema = schemas.find((candidate) => candidate.safeParse(example).success);
      expect(schema?.parse(example), example.kind).toEqual(example);
    }
  });
});
