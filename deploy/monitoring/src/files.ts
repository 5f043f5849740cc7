// Every file that is written from the descriptions here: Grafana's dashboards, Prometheus's rules in both forms, the
// proof of each rule for promtool, and the runbook. `node deploy/monitoring/src/main.ts` writes them; a test compares.
import { stringify } from "yaml";
import { type Alert, expressionOf, type Series } from "./alert.ts";
import { alertGroups } from "./alerts/index.ts";
import { buildDashboard } from "./dashboard.ts";
import { dashboards } from "./dashboards/index.ts";

const generated = "# Written by deploy/monitoring/src/main.ts from the alerts in deploy/monitoring/src/alerts.\n";
export const rulesFile = "hindcast.rules.yaml";

/** By path below deploy/monitoring. */
export function monitoringFiles(): Map<string, string> {
  const yaml = (value: unknown): string =>
    `${generated}${stringify(value, { lineWidth: 0, aliasDuplicateObjects: false })}`;
  return new Map([
    ...dashboards.map((spec): [string, string] => [
      `dashboards/${spec.uid}.json`,
      `${JSON.stringify(buildDashboard(spec), null, 2)}\n`,
    ]),
    [`alerts/${rulesFile}`, yaml(ruleGroups())],
    ["alerts/prometheus-rule.yaml", yaml(prometheusRule())],
    ["alerts/hindcast.rules.test.yaml", yaml(ruleTests())],
    ["runbook.md", runbook()],
  ]);
}

function ruleGroups(): object {
  return {
    groups: Object.entries(alertGroups).map(([name, alerts]) => ({
      name: `hindcast-${name}`,
      rules: alerts.map((alert) => ({
        alert: alert.name,
        expr: expressionOf(alert),
        ...(alert.forMinutes === 0 ? {} : { for: `${alert.forMinutes}m` }),
        labels: { severity: alert.severity },
        annotations: { summary: alert.summary, runbook: `deploy/monitoring/runbook.md#${anchorOf(alert)}` },
      })),
    })),
  };
}

/** For the Prometheus operator. */
function prometheusRule(): object {
  return {
    apiVersion: "monitoring.coreos.com/v1",
    kind: "PrometheusRule",
    metadata: { name: "hindcast", labels: { "app.kubernetes.io/part-of": "hindcast" } },
    spec: ruleGroups(),
  };
}

function ruleTests(): object {
  const alerts = Object.values(alertGroups).flat();
  return {
    rule_files: [rulesFile],
    evaluation_interval: "1m",
    tests: alerts.flatMap((alert) => [
      ruleTest(alert, { how: "fires", series: alert.fires, firing: 1 }),
      ruleTest(alert, { how: "stays quiet", series: alert.staysQuiet, firing: 0 }),
    ]),
  };
}

function ruleTest(
  { name, atMinutes }: Alert,
  { how, series, firing }: { how: string; series: readonly Series[]; firing: 0 | 1 },
): object {
  return {
    name: `${name} ${how}`,
    interval: "1m",
    input_series: series,
    // How many fire, because a label of theirs may be a value that is computed.
    promql_expr_test: [
      {
        expr: `count(ALERTS{alertname="${name}", alertstate="firing"}) or vector(0)`,
        eval_time: `${atMinutes}m`,
        exp_samples: [{ labels: "{}", value: firing }],
      },
    ],
  };
}

function anchorOf({ name }: Alert): string {
  return name.toLowerCase();
}

function runbook(): string {
  const groups = Object.entries(alertGroups).map(([group, alerts]) => {
    const entries = alerts.map(
      (alert) =>
        `### ${alert.name}\n\n\`${expressionOf(alert)}\`${alert.forMinutes === 0 ? "" : ` for ${alert.forMinutes} min`} (${alert.severity})\n\n` +
        `- **Means**: ${alert.means}\n- **Look at**: ${alert.lookAt}\n- **Do**: ${alert.act}`,
    );
    return `## ${group}\n\n${entries.join("\n\n")}`;
  });
  const head =
    "# Runbook\n\nWhat each alert means, what to look at and what to do. Written from `deploy/monitoring/src/alerts`; " +
    "a `page` is for now, a `ticket` for working hours.";
  return `${[head, ...groups].join("\n\n")}\n`;
}
