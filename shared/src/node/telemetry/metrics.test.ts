// Requirements: 7.5.bounded, 7.5.catalogue
import { Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import { noUsage } from "../../domain/usage.ts";
import { HindcastError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Completion, CompletionRequest, Model } from "../model/model.ts";
import { type MetricName, metricCatalogue, metricsOfProcess } from "./catalogue/index.ts";
import { LeaseMetrics } from "./lease-metrics.ts";
import { isNamed, type MetricDefinition } from "./metric-definition.ts";
import { CounterMetric } from "./metrics.ts";
import { ModelMetrics, roleOf } from "./model-metrics.ts";
import { observedModel } from "./observed-model.ts";
import { ProcessMetrics } from "./process-metrics.ts";

const entries = Object.entries(metricCatalogue) as [MetricName, MetricDefinition][];
/** Time series that one process may come to: Prometheus holds millions, and there are hundreds of processes. */
const seriesMax = 120_000;

describe("the catalogue", () => {
  it("follows Prometheus's conventions", () => {
    for (const [name, { type, help, buckets }] of entries) {
      expect(name).toMatch(/^hindcast_[a-z]+(_[a-z]+)*$/);
      expect(name.endsWith("_total"), name).toBe(type === "counter");
      expect(help, name).toMatch(/\.$/);
      expect(buckets === undefined, name).toBe(type !== "histogram");
      expect(buckets ?? [], name).toEqual([...(buckets ?? [])].toSorted((a, b) => a - b));
    }
  });

  it("bounds the time series of every metric, and of every process", () => {
    for (const names of Object.values(metricsOfProcess)) {
      const series = names.map((name) => {
        const { labels, buckets }: MetricDefinition = metricCatalogue[name];
        const sets = Object.values(labels).map((values) => (isNamed(values) ? values.max + 1 : values.length));
        return sets.reduce((product, size) => product * size, 1) * ((buckets?.length ?? -2) + 3);
      });
      expect(series.reduce((sum, each) => sum + each, 0)).toBeLessThan(seriesMax);
    }
  });

  it("has no label that could be an id", () => {
    const labels = new Set(entries.flatMap(([, { labels: of }]) => Object.keys(of)));
    for (const label of labels) expect(label).not.toMatch(/id$|campaign|task|episode|worker/i);
  });
});

describe("labels", () => {
  it("count what a configuration names beyond the cap as other", async () => {
    const registry = new Registry();
    const counter = new CounterMetric(registry, "hindcast_model_unpriced_calls_total");
    for (let i = 0; i < limits.labelValuesMax + 5; i += 1) counter.inc({ model: `openai:m-${i}` });
    counter.inc({ model: "openai:m-0" });
    const { values = [] } = (await registry.getSingleMetric("hindcast_model_unpriced_calls_total")?.get()) ?? {};
    expect(values).toHaveLength(limits.labelValuesMax + 1);
    expect(values.find(({ labels }) => labels.model === "other")?.value).toBe(5);
    expect(values.find(({ labels }) => labels.model === "openai:m-0")?.value).toBe(2);
  });

  it("count a value outside the closed set as other, whatever a cast let through", async () => {
    const registry = new Registry();
    new CounterMetric(registry, "hindcast_lane_retry_total").inc({ reason: "task-4711" as "timeout" });
    expect(await registry.metrics()).toContain('hindcast_lane_retry_total{reason="other"} 1\n');
  });
});

const request = { purpose: "judge" } as CompletionRequest;
const never = new AbortController().signal;
const completion: Completion = {
  text: "",
  thinking: null,
  stop: "end",
  usage: { ...noUsage, inputTokens: 70, cacheReadTokens: 30, outputTokens: 5 },
  costUsd: 0.25,
  resolvedModel: "m",
  requestHash: "h",
  journaled: false,
  durationMs: 1_500,
  attempts: 1,
};

function aModel(complete: Model["complete"]): { model: Model; registry: Registry } {
  const registry = new Registry();
  const inner: Model = { id: "anthropic:m", provider: "anthropic", isOffline: false, complete };
  return { model: observedModel(inner, new ModelMetrics(registry)), registry };
}

describe("model calls", () => {
  it("are counted with tokens and dollars by model, role and purpose; journaled ones cost nothing again", async () => {
    let journaled = false;
    const { model, registry } = aModel(() => Promise.resolve({ ...completion, journaled }));
    await model.complete(request, never);
    journaled = true;
    await model.complete(request, never);
    const text = await registry.metrics();
    const of = 'model="anthropic:m",role="judge",purpose="judge"';
    expect(text).toContain(`hindcast_model_calls_total{${of},outcome="bought"} 1\n`);
    expect(text).toContain(`hindcast_model_calls_total{${of},outcome="journaled"} 1\n`);
    expect(text).toContain(`hindcast_model_tokens_total{${of},kind="input"} 70\n`);
    expect(text).toContain(`hindcast_model_tokens_total{${of},kind="cache-read"} 30\n`);
    expect(text).toContain(`hindcast_model_cost_usd_total{${of}} 0.25\n`);
    expect(text).toContain('hindcast_model_call_seconds_count{model="anthropic:m",role="judge"} 1\n');
  });

  it("count failures by code, and an abort as none", async () => {
    const refusal = new HindcastError({ code: "MODEL_OVERLOADED", boundary: "model", message: "busy" });
    const stop = new AbortController();
    const { model, registry } = aModel((_, signal) => Promise.reject(signal.aborted ? signal.reason : refusal));
    await expect(model.complete(request, never)).rejects.toBe(refusal);
    stop.abort(new Error("stopped"));
    await expect(model.complete(request, stop.signal)).rejects.toThrow("stopped");
    const text = await registry.metrics();
    expect(text).toContain('hindcast_model_failures_total{model="anthropic:m",code="MODEL_OVERLOADED"} 1\n');
    expect(text).not.toContain("INTERNAL");
  });

  it("belong to one role each", () => {
    expect(new Set(Object.values(roleOf))).toEqual(new Set(["generator", "policy", "judge"]));
  });
});

it("leases are counted by what they are on, and those that are held are shown", async () => {
  const registry = new Registry();
  const metrics = new LeaseMetrics(registry);
  for (const what of ["acquired", "acquired", "held", "lost"] as const) metrics.lease({ what, name: "episode.ep-1" });
  const text = await registry.metrics();
  expect(text).toContain('hindcast_leases_held{on="episode"} 1\n');
  expect(text).toContain('hindcast_lease_acquisitions_total{on="episode",outcome="held"} 1\n');
  expect(text).toContain('hindcast_leases_lost_total{on="episode"} 1\n');
});

it("a process shows what runs, its state, its delay and whether it has the bus", async () => {
  const registry = new Registry();
  const metrics = new ProcessMetrics(registry, "coordinator", () => "draining");
  metrics.connected();
  expect(await registry.metrics()).toContain("hindcast_bus_connected 1\n");
  metrics.status("disconnected");
  metrics.status("error something");
  const text = await registry.metrics();
  expect(text).toMatch(/hindcast_build_info\{process="coordinator",version="\d+\.\d+\.\d+",node="v\d+/);
  expect(text).toContain('hindcast_process_state{state="draining"} 1\n');
  expect(text).toContain('hindcast_process_state{state="running"} 0\n');
  expect(text).toMatch(/hindcast_event_loop_delay_seconds\{quantile="0.99"\} \d/);
  expect(text).toContain("hindcast_bus_connected 0\n");
  expect(text).toContain("hindcast_bus_disconnects_total 1\n");
  expect(text).toContain("hindcast_bus_errors_total 1\n");
  registry.clear();
});
