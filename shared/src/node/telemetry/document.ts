// The metric catalogue as documentation: one table for what all processes share and one for each process.
import { type MetricName, metricCatalogue, metricsOfProcess } from "./catalogue/index.ts";
import { isNamed, type LabelValues, type MetricDefinition } from "./metric-definition.ts";

const title = "# Metrics";
const introduction = `Generated from \`shared/src/node/telemetry/catalogue\`; a test keeps it equal. Each process answers \`/metrics\`, \`/healthz\` and
\`/readyz\` on \`HINDCAST_METRICS_PORT\`, and adds Node.js's own \`process_*\` and \`nodejs_*\`. A label has the values shown, or
at most so many as are said, the rest being counted as \`other\`: never an id. Queues, streams and campaigns are exposed
alike by every coordinator: take the maximum over instances, not the sum.`;
const processes = ["coordinator", "rollout-agent", "index-core"] as const;

/** Markdown; the formatter aligns it. */
export function metricsDocument(): string {
  const shared = metricsOfProcess.coordinator.filter((name) => metricsOfProcess["index-core"].includes(name));
  const working = metricsOfProcess.coordinator.filter(
    (name) => metricsOfProcess["rollout-agent"].includes(name) && !shared.includes(name),
  );
  const parts: [string, readonly MetricName[]][] = [
    ["Every process", shared],
    ["Coordinators and agents", working],
    ...processes.map((process): [string, readonly MetricName[]] => [
      process,
      metricsOfProcess[process].filter((name) => !shared.includes(name) && !working.includes(name)),
    ]),
  ];
  return `${[title, introduction, ...parts.map(([heading, names]) => `## ${heading}\n\n${table(names)}`)].join("\n\n")}\n`;
}

function table(names: readonly MetricName[]): string {
  const rows = names.map((name) => {
    const { type, labels, help }: MetricDefinition = metricCatalogue[name];
    const shown = Object.entries(labels).map(([label, values]) => `${label}: ${valuesText(values)}`);
    return `| ${name} | ${type} | ${unitOf(name)} | ${shown.join("; ")} | ${help} |`;
  });
  return ["| Metric | Type | Unit | Labels | Meaning |", "| --- | --- | --- | --- | --- |", ...rows].join("\n");
}

const valuesShownMax = 8;

function valuesText(values: LabelValues): string {
  if (isNamed(values)) return `${values.namedBy}, ${values.max} at most`;
  if (values.length <= valuesShownMax) return values.join(", ");
  return `${values.slice(0, 3).join(", ")}, … (${values.length})`;
}

/** By Prometheus's conventions the name ends in it. */
export function unitOf(name: string): string {
  const bare = name.replace(/_total$/, "");
  return ["seconds", "bytes", "usd", "ratio"].find((unit) => bare.endsWith(`_${unit}`)) ?? "";
}
