// Requirements: 7.5.traces, 7.5.redaction, 7.5.collector
import { Task, type CampaignId, type Demonstration, type DocumentId } from "@hindcast/shared";
import {
  inDocumentSpan,
  inSpan,
  inTraceOf,
  ModelMetrics,
  observedModel,
  readConfig,
  silentLogger,
  startTracing,
  tracingVariables,
  type Tracing,
} from "@hindcast/shared/node";
import { Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import { runCampaign } from "../../coordinator/src/campaign-run.ts";
import { aStoredCampaign, demonstrationsOn } from "../support/campaign-records.ts";
import { aNatsServer } from "../support/nats-server.ts";
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from "../support/otlp-receiver.ts";
import { rawNats } from "../support/raw-nats.ts";
import { scriptedGenerator } from "../support/scripted-generator.ts";
import { startStages } from "../support/stages.ts";
import { scriptedPolicy, startWorker } from "../support/worker.ts";

const never = new AbortController().signal;
const commands = ["do-one", "do-two"];

async function tracingTo(
  { url }: { url: string },
  env: Record<string, string> = {},
  registry = new Registry(),
): Promise<Tracing> {
  const config = readConfig(tracingVariables, { OTEL_EXPORTER_OTLP_ENDPOINT: url, ...env });
  const tracing = await startTracing({ name: "coordinator", config, registry, logger: silentLogger });
  if (tracing === null) throw new Error("a collector is named, and tracing is off");
  return tracing;
}

interface Sent {
  task: unknown;
  traceparent: string;
}

/** A campaign on a server of its own: what it learned, and the tasks as they went over the bus. */
async function campaign(): Promise<{ demonstrations: Demonstration[]; tasks: Sent[] }> {
  await using nats = await aNatsServer();
  const bus = await nats.coordinator();
  const metrics = new ModelMetrics(new Registry());
  const tasks: Sent[] = [];
  await using raw = await rawNats(nats);
  raw.nats.subscribe("hindcast.task.>", {
    callback: (_error, message) => {
      tasks.push({ task: JSON.parse(message.string()), traceparent: message.headers?.get("traceparent") ?? "" });
    },
  });
  await raw.nats.flush();
  await using _worker = await startWorker(nats, { model: observedModel(scriptedPolicy(commands), metrics) });
  const generator = observedModel(scriptedGenerator(), metrics);
  const deps = { bus, model: () => generator, logger: silentLogger };
  await using _stages = startStages(deps);
  const { failure } = await runCampaign(await aStoredCampaign(bus, 1), deps, never);
  if (failure !== null) throw failure;
  const demonstrations = (await demonstrationsOn(bus)).map((learned) => ({ ...learned, createdAt: "" }));
  return { demonstrations, tasks };
}

const count = async (registry: Registry, outcome: string): Promise<number | undefined> =>
  (await registry.getSingleMetric("hindcast_trace_spans_total")?.get())?.values.find(
    ({ labels }) => labels.outcome === outcome,
  )?.value;

function oneTraceOf({ spans }: OtlpReceiver): ReceivedSpan[] {
  const first = spans.filter(({ name }) => name === "document");
  expect(first).toHaveLength(1);
  return spans.filter(({ traceId }) => traceId === first[0]?.traceId);
}

describe("traces", () => {
  it("follow a document to its demonstrations, and change nothing of what is stored", async () => {
    const untraced = await campaign();
    await using collector = await startOtlpReceiver();
    const registry = new Registry();
    const tracing = await tracingTo(collector, {}, registry);
    const traced = await campaign();
    await tracing.close();

    // One trace, whose spans all hang together.
    const trace = oneTraceOf(collector);
    const byId = new Map(trace.map((span) => [span.spanId, span]));
    expect(byId.size).toBe(trace.length);
    expect(trace.filter(({ parentSpanId }) => !byId.has(parentSpanId)).map(({ name }) => name)).toEqual(["document"]);
    const parentsOf = (name: string): Set<string | undefined> =>
      new Set(trace.filter((span) => span.name === name).map(({ parentSpanId }) => byId.get(parentSpanId)?.name));
    expect(parentsOf("task propose")).toEqual(new Set(["document"]));
    expect(parentsOf("task rollout")).toEqual(new Set(["document"]));
    expect(parentsOf("invoke_agent rollout-agent")).toEqual(new Set(["task rollout"]));
    expect(parentsOf("step")).toEqual(new Set(["invoke_agent rollout-agent"]));
    expect(parentsOf("chat scripted")).toEqual(new Set(["step"]));
    expect(parentsOf("execute_tool shell")).toEqual(new Set(["step"]));
    expect(parentsOf("task construct")).toEqual(new Set(["document"]));
    expect(parentsOf("construct backward")).toEqual(new Set(["construct"]));
    expect(parentsOf("vote")).toEqual(new Set(["construct"]));
    expect(parentsOf("chat generator")).toEqual(new Set(["propose", "construct", "construct backward", "vote"]));
    expect(parentsOf("task replay")).toEqual(new Set(["document"]));
    expect(parentsOf("demonstration")).toEqual(new Set(["document"]));

    // A demonstration comes of an episode and of a construction besides.
    const made = trace.filter(({ name }) => name === "demonstration");
    expect(made).toHaveLength(traced.demonstrations.length);
    expect(new Set(made.map(({ attributes }) => attributes["hindcast.demonstration.id"]))).toEqual(
      new Set(traced.demonstrations.map(({ id }) => id)),
    );
    for (const { links } of made)
      expect(links.map((id) => byId.get(id)?.name)).toEqual(["invoke_agent rollout-agent", "construct"]);
    expect(trace.find(({ name }) => name === "chat scripted")?.attributes).toMatchObject({
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "hindcast",
      "gen_ai.request.model": "scripted",
      "gen_ai.usage.input_tokens": 10,
      "gen_ai.usage.output_tokens": 5,
    });

    // The same ids, demonstrations and tasks as without; headers alone tell.
    expect(traced.demonstrations).toEqual(untraced.demonstrations);
    expect(traced.demonstrations.length).toBeGreaterThan(0);
    const bodies = ({ tasks }: typeof traced): string[] =>
      tasks.map(({ task }) => JSON.stringify({ ...Task.parse(task), leftUsd: null })).sort();
    expect(bodies(traced)).toEqual(bodies(untraced));
    expect(new Set(untraced.tasks.map(({ traceparent }) => traceparent))).toEqual(new Set([""]));
    const traceId = trace[0]?.traceId ?? "";
    for (const { traceparent } of traced.tasks) expect(traceparent.slice(3, 35)).toBe(traceId);

    // Not a word of what was said.
    for (const word of ["do-one", "do-two", "Prepare workspace", "Page 1", "Carry out", "reason 1"])
      expect(collector.raw.join("")).not.toContain(word);
    expect(await count(registry, "sent")).toBe(collector.spans.length);
  });

  it("are kept of the share of documents that the sampler says, whole or not at all", async () => {
    await using collector = await startOtlpReceiver();
    const env = { OTEL_TRACES_SAMPLER: "parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.5" };
    const tracing = await tracingTo(collector, env);
    const id = "c-0001" as CampaignId;
    for (const document of Array.from({ length: 40 }, (_, n) => `doc-${n}` as DocumentId)) {
      await inDocumentSpan(id, document, () => Promise.resolve());
      // As another process does, long after.
      await inTraceOf(id, document, () => inSpan("demonstration", {}, () => Promise.resolve()));
    }
    await tracing.close();
    const traces = Map.groupBy(collector.spans, ({ traceId }) => traceId);
    expect(traces.size).toBeGreaterThan(0);
    expect(traces.size).toBeLessThan(40);
    for (const spans of traces.values())
      expect(spans.map(({ name }) => name).sort()).toEqual(["demonstration", "document"]);
  });

  it("are off where nobody asks for them, and where they are turned off", async () => {
    const start = (env: Record<string, string>): Promise<Tracing | null> =>
      startTracing({
        name: "coordinator",
        config: readConfig(tracingVariables, env),
        registry: new Registry(),
        logger: silentLogger,
      });
    const named = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318" };
    expect(await start({})).toBeNull();
    expect(await start({ ...named, OTEL_SDK_DISABLED: "true" })).toBeNull();
    expect(await start({ ...named, OTEL_TRACES_EXPORTER: "none" })).toBeNull();
    expect(() => readConfig(tracingVariables, { OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318" })).toThrow(
      /OTEL_EXPORTER_OTLP_ENDPOINT is "collector:4318": expected an http or https URL/,
    );
  });

  it("that a collector refuses are counted, and the work goes on", async () => {
    await using collector = await startOtlpReceiver({ answer: 400 });
    const registry = new Registry();
    const tracing = await tracingTo(collector, {}, registry);
    expect((await campaign()).demonstrations.length).toBeGreaterThan(0);
    await tracing.close();
    expect(await count(registry, "failed")).toBeGreaterThan(0);
    expect(await count(registry, "sent")).toBe(0);
  });

  it("that nobody takes do not pile up, nor keep a process from ending", async () => {
    await using collector = await startOtlpReceiver({ answer: "never" });
    const registry = new Registry();
    const tracing = await tracingTo(collector, {}, registry);
    for (let n = 0; n < 4_000; n += 1) await inSpan("step", {}, () => Promise.resolve());
    // The first batch is with the collector, a queue is full behind it.
    expect(await count(registry, "dropped")).toBe(4_000 - 512 - 2_048);
    // Without a deadline this would take as long as the exporter's patience with each batch.
    await tracing.close();
    expect(await count(registry, "sent")).toBe(0);
  });
});
