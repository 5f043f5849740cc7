// Requirements: 7.5.cluster
import type { CampaignRecord } from "@hindcast/shared";
import { silentLogger } from "@hindcast/shared/node";
import { Registry } from "prom-client";
import { expect, it } from "vitest";
import { type ClusterMetricsOptions, observeCluster } from "./cluster-metrics.ts";
import { CoordinatorMetrics } from "./coordinator-metrics.ts";
import { Funnel } from "./funnel.ts";

function aBus(backlog: () => Promise<{ queued: number; working: number }>): ClusterMetricsOptions["bus"] {
  const states = ["running", "finished", "finished"];
  const records = { entries: () => Promise.resolve(states.map((state) => ({ value: { state } as CampaignRecord }))) };
  return {
    tasks: { inspect: async () => ({ ...(await backlog()), workingMax: 128_000, oldestQueuedMs: 90_000 }) },
    storage: {
      usage: () => Promise.resolve([{ stream: "RESULTS", messages: 7, bytes: 700, bytesMax: null, ageMsMax: null }]),
    },
    records: () => records as never,
  };
}

it("queues, streams and campaigns are read when they are scraped", async () => {
  const registry = new Registry();
  const bus = aBus(() => Promise.resolve({ queued: 3, working: 2 }));
  observeCluster({ registry, bus, pools: ["shell"], logger: silentLogger });
  const text = await registry.metrics();
  expect(text).toContain('hindcast_tasks{pool="shell",state="queued"} 3\n');
  expect(text).toContain('hindcast_tasks_working_limit{pool="shell"} 128000\n');
  expect(text).toContain('hindcast_queue_oldest_seconds{pool="shell"} 90\n');
  expect(text).toContain('hindcast_stream_messages{stream="RESULTS"} 7\n');
  expect(text).toContain('hindcast_campaigns{state="finished"} 2\n');
  expect(text).toContain('hindcast_campaigns{state="failed"} 0\n');
  expect(text).toContain("hindcast_bus_reading_failed 0\n");
});

it("what NATS does not tell in time is absent, and the scrape still comes", async () => {
  const registry = new Registry();
  let answers = 1;
  const silent = new Promise<never>(() => undefined);
  const bus = aBus(() => (answers-- > 0 ? Promise.resolve({ queued: 3, working: 2 }) : silent));
  observeCluster({ registry, bus, pools: ["shell"], logger: silentLogger, readMs: 20 });
  expect(await registry.metrics()).toContain("hindcast_tasks{");
  const text = await registry.metrics();
  expect(text).not.toContain("hindcast_tasks{");
  expect(text).toContain("hindcast_bus_reading_failed 1\n");
});

it("what NATS does not tell is asked for once, however often it is scraped, and again once it is told", async () => {
  const registry = new Registry();
  const answers: (() => void)[] = [];
  const bus = aBus(() => new Promise((resolve) => answers.push(() => resolve({ queued: 3, working: 2 }))));
  observeCluster({ registry, bus, pools: ["shell"], logger: silentLogger, readMs: 20 });
  for (let scrape = 0; scrape < 3; scrape += 1) {
    expect(await registry.metrics()).toContain("hindcast_bus_reading_failed 1\n");
  }
  expect(answers).toHaveLength(1);
  answers[0]?.();
  await expect.poll(async () => (await registry.metrics(), answers.length)).toBe(2);
});

it("funnels of led campaigns are shown without names in their buckets; those of ended ones stay", async () => {
  const registry = new Registry();
  const metrics = new CoordinatorMetrics(registry);
  const [here, elsewhere] = [new Funnel(), new Funnel()];
  here.count("candidates", "rejected by offline:judge", 2);
  here.count("candidates", "rejected by gemini:x");
  elsewhere.count("tasks", "declined: needs network");
  const [end, letGo] = [metrics.leads(here), metrics.leads(elsewhere)];
  expect(await registry.metrics()).toContain('hindcast_funnel_items{stage="tasks",bucket="declined"} 1\n');
  end(true);
  letGo(false);
  const text = await registry.metrics();
  expect(text).toContain('hindcast_funnel_items{stage="candidates",bucket="rejected"} 3\n');
  expect(text).not.toContain("declined");
  expect(text).toContain("hindcast_campaigns_led 0\n");
});

it("rulings say how the judges agreed", async () => {
  const registry = new Registry();
  const metrics = new CoordinatorMetrics(registry);
  const ruled = (outcome: "accepted" | "rejected" | "open", ...answers: ("yes" | "no" | "abstain")[]): void =>
    metrics.ruled({ outcome, rule: null, verdicts: answers.map((answer) => ({ judge: "j", answer }) as never) });
  ruled("accepted", "yes", "yes");
  ruled("rejected", "yes", "no");
  ruled("rejected", "no");
  ruled("open", "yes", "abstain");
  const text = await registry.metrics();
  for (const agreement of ["unanimous", "overruled", "first-no", "abstained"]) {
    expect(text).toContain(`hindcast_committee_agreement_total{agreement="${agreement}"} 1\n`);
  }
  expect(text).toContain('hindcast_committee_votes_total{judge="j",answer="yes"} 4\n');
});
