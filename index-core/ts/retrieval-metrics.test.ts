// What a scrape of the service tells, whoever else scrapes and whatever does not answer.
// Requirements: 4.8.metrics
import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { aService, searchOf } from "../../test/support/retrieval-service.ts";
import { aScriptedIndex } from "../../test/support/scripted-index.ts";
import { RetrievalMetrics } from "./retrieval-metrics.ts";

test("metrics say how the index is, with bounded labels", async () => {
  const { ask, registry } = aService();
  await ask("search", searchOf([{ query: "q" }]));
  const text = await registry.metrics();
  for (const line of [
    "hindcast_retrieval_recall 0.97",
    "hindcast_retrieval_recall_sampled_total 10",
    "hindcast_retrieval_recall_wanted_total 100",
    "hindcast_retrieval_recall_found_total 97",
    'hindcast_retrieval_searches_total{strategy="graph"} 6',
    "hindcast_retrieval_repaired_links_total 4",
    "hindcast_retrieval_dead_ratio 0.25",
    "hindcast_retrieval_scan_rows 2",
    "hindcast_retrieval_resident_bytes 1000",
    "hindcast_retrieval_mapped_bytes 2000",
    "hindcast_retrieval_lag 0",
    'hindcast_retrieval_batch_requests_count{kind="search"} 1',
  ]) {
    expect(text).toContain(`${line}\n`);
  }
  // Scraped again, what the index counts is not added twice.
  expect(await registry.metrics()).toContain('hindcast_retrieval_searches_total{strategy="graph"} 6\n');
});

test("two scrapes at once do not add to each other", async () => {
  const { registry } = aService();
  for (const text of await Promise.all([registry.metrics(), registry.metrics()])) {
    expect(text).toContain('hindcast_retrieval_searches_total{strategy="graph"} 6\n');
    expect(text).toContain("hindcast_retrieval_repaired_links_total 4\n");
  }
});

test("a lag that NATS does not tell holds up no scrape, and is asked for once", async () => {
  const registry = new Registry();
  const metrics = new RetrievalMetrics(registry);
  const answers: ((lag: number) => void)[] = [];
  const lag = (): Promise<number> => new Promise((resolve) => answers.push(resolve));
  metrics.observe(aScriptedIndex(), { appliedSequence: 7, lag }, 20);
  for (let scrape = 0; scrape < 3; scrape += 1) {
    const text = await registry.metrics();
    expect(text).toContain("hindcast_retrieval_lag Nan\n");
    expect(text).toContain("hindcast_retrieval_sequence 7\n");
  }
  expect(answers).toHaveLength(1);
  answers[0]?.(3);
  await expect.poll(async () => (await registry.metrics(), answers.length)).toBe(2);
});
