// Every metric of every process, once: what the processes make, what the documentation shows, what dashboards and alerts
// may name.
import type { ProcessName } from "../metric-definition.ts";
import { agentCatalogue } from "./agent.ts";
import { coordinatorCatalogue } from "./coordinator.ts";
import { admissionClientCatalogue, leaseCatalogue, modelCatalogue, processCatalogue } from "./process.ts";
import { retrievalCatalogue } from "./retrieval.ts";

export const metricCatalogue = {
  ...processCatalogue,
  ...admissionClientCatalogue,
  ...leaseCatalogue,
  ...modelCatalogue,
  ...agentCatalogue,
  ...coordinatorCatalogue,
  ...retrievalCatalogue,
} as const;
export type MetricCatalogue = typeof metricCatalogue;
export type MetricName = keyof MetricCatalogue;

const common = { ...processCatalogue, ...admissionClientCatalogue };
const worker = { ...common, ...leaseCatalogue, ...modelCatalogue };

/** The metrics that each process exposes, beside those of Node.js (`process_*`, `nodejs_*`). */
export const metricsOfProcess: Record<ProcessName, readonly MetricName[]> = {
  coordinator: namesOf({ ...worker, ...coordinatorCatalogue }),
  "rollout-agent": namesOf({ ...worker, ...agentCatalogue }),
  "index-core": namesOf({ ...common, ...retrievalCatalogue }),
};

function namesOf(part: Partial<MetricCatalogue>): MetricName[] {
  return Object.keys(part) as MetricName[];
}
