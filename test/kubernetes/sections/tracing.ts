// The component `tracing`: a document is followed through the pods of a cluster to its demonstration.
import { setTimeout as pause } from "node:timers/promises";
import { type ReceivedSpan, startOtlpReceiver } from "../../support/otlp-receiver.ts";
import {
  agentsNamespace,
  applyCredentials,
  applyOverlay,
  busNamespace,
  openInstallation,
  removeInstallation,
  untilReady,
} from "../installation.ts";
import { kubectl } from "../kubectl.ts";
import { nodeService } from "../node-service.ts";
import type { Section } from "../section.ts";
import { variantFolder } from "../variant.ts";

/** The name and port that the component sends to. */
const collector = { name: "opentelemetry-collector", namespace: "monitoring", port: 4318 };
const queueMs = 15_000;
/** From a document to what it taught. */
const stages = ["document", "task propose", "task rollout", "invoke_agent", "step", "execute_tool", "demonstration"];

export const tracing: Section = {
  title: "Traced",
  intro:
    "The overlay `local` with the component `tracing`, sampling all; the collector is a receiver of the tests on the node, behind the Service that the component names.",
  missing: () => Promise.resolve(null),
  run: async (rows, { documents }) => {
    await removeInstallation();
    await applyCredentials();
    await using receiver = await startOtlpReceiver({ host: "0.0.0.0" });
    await using _service = await nodeService({ ...collector, target: Number(new URL(receiver.url).port) });
    await rows.add("apply the overlay with the component, every pod ready", async () => {
      using variant = variantFolder({ overlay: "local", components: ["tracing"] });
      await applyOverlay(variant.path);
      for (const [ns, workload] of workloads) await sampleAll(ns, workload);
      return `${await untilReady()} pods`;
    });
    await using hindcast = await openInstallation(documents);
    await rows.add("a campaign, and its documents' traces", async () => {
      const learned = await hindcast.campaign(41);
      // What is queued for the collector is a moment behind.
      await pause(queueMs);
      return `${learned}; ${followed(receiver.spans)}`;
    });
  },
};

const workloads = [
  [busNamespace, "deployment/coordinator"],
  [busNamespace, "deployment/index-replica"],
  [busNamespace, "statefulset/index-core"],
  [agentsNamespace, "deployment/rollout-agent-shell"],
] as const;

const sampleAll = (ns: string, workload: string): Promise<string> =>
  kubectl(["-n", ns, "set", "env", workload, "OTEL_TRACES_SAMPLER_ARG=1"]);

/** @throws Error with what is missing of every document's trace */
function followed(spans: readonly ReceivedSpan[]): string {
  const traces = [...Map.groupBy(spans, ({ traceId }) => traceId).values()].filter((trace) =>
    trace.some(({ name }) => name.startsWith("document")),
  );
  const whole = traces.filter((trace) => stages.every((stage) => trace.some(({ name }) => name.startsWith(stage))));
  if (whole.length === 0) {
    const seen = new Set(spans.map(({ name }) => name.split(" ").slice(0, 2).join(" ")));
    throw new Error(
      `of ${traces.length} documents none was followed to a demonstration; there are ${[...seen].join(", ")}`,
    );
  }
  const services = new Set(whole.flat().map((span) => span.service));
  return `${whole.length} of ${traces.length} documents followed from proposal to demonstration, ${spans.length} spans of ${[...services].toSorted().join(", ")}`;
}
