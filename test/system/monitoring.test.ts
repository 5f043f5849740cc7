// Requirements: 7.5.catalogue, 7.5.bounded, 7.6.queries, 7.6.rules
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  isNamed,
  type MetricDefinition,
  metricCatalogue,
  type MetricName,
  metricsOfProcess,
} from "@hindcast/shared/node";
import { describe, expect, it } from "vitest";
import { alertGroups } from "../../deploy/monitoring/src/alerts/index.ts";
import { queriesOf } from "../../deploy/monitoring/src/dashboard.ts";
import { dashboards } from "../../deploy/monitoring/src/dashboards/index.ts";
import { natsExporterFlags } from "../../deploy/monitoring/src/nats-exporter.ts";
import { natsExporter } from "../support/built-tools.ts";
import { startAnthropicEmulator } from "../support/emulators/anthropic.ts";
import { anthropicAnswer } from "../support/emulators/policy-behind-the-wire.ts";
import { aFolder, hindcast, startHindcast } from "../support/hindcast.ts";
import { ended, findProgram, freePort, startPrometheus } from "../support/prometheus.ts";

const alertsFolder = new URL("../../deploy/monitoring/alerts/", import.meta.url).pathname;
const hasPrometheus = findProgram("prometheus") !== null && findProgram("promtool") !== null;
const exporter = process.env.HINDCAST_NATS_EXPORTER ?? findProgram("prometheus-nats-exporter") ?? natsExporter;
const processNames = ["coordinator", "index-core", "rollout-agent"] as const;
type ProcessName = (typeof processNames)[number];

const manual = `# git settings

Set the pager that git uses:

\`\`\`sh
git config core.pager less
\`\`\`
`;

/** The operator's port of each process, as its log says. */
function portsIn(folder: string): Map<string, number> {
  const logs = join(folder, ".hindcast/logs");
  const ports = readdirSync(logs).flatMap((file): [string, number][] => {
    const found = /"event":"admin.listening","port":(\d+)/.exec(readFileSync(join(logs, file), "utf8"));
    return found === null ? [] : [[file.replace(/\.log$/, ""), Number(found[1])]];
  });
  return new Map(ports);
}

function natsMonitor(folder: string): string {
  const file = readdirSync(folder, { recursive: true, encoding: "utf8" }).find((name) => name.endsWith(".ports"));
  const ports = JSON.parse(readFileSync(join(folder, file ?? ""), "utf8")) as { monitoring: string[] };
  return ports.monitoring[0] ?? "";
}

const processOf = (name: string): ProcessName =>
  processNames.find((process) => name.startsWith(process)) ?? "rollout-agent";

/** The metrics of a scrape with the label values that it has, without those of Node.js. */
function metricsIn(text: string): Map<string, Map<string, Set<string>>> {
  const metrics = new Map(
    [...text.matchAll(/^# TYPE (hindcast_\w+) /gm)].map(([, name = ""]) => [name, new Map<string, Set<string>>()]),
  );
  for (const [, series = "", labels = ""] of text.matchAll(/^(hindcast_\w+)\{([^}]*)\}/gm)) {
    const name = metrics.has(series) ? series : series.replace(/_(bucket|sum|count)$/, "");
    for (const [, label = "", value = ""] of labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
      const known = metrics.get(name);
      if (label !== "le") known?.set(label, (known.get(label) ?? new Set()).add(value));
    }
  }
  return metrics;
}

describe.skipIf(!hasPrometheus)("monitoring (needs prometheus and promtool: apt-get install prometheus)", () => {
  it("every alert's rule is valid, fires when it should and stays quiet when it should not", () => {
    const promtool = (...args: string[]): string =>
      execFileSync("promtool", args, { cwd: alertsFolder, encoding: "utf8" });
    expect(promtool("check", "rules", "hindcast.rules.yaml")).toContain("SUCCESS");
    expect(promtool("test", "rules", "hindcast.rules.test.yaml")).toContain("SUCCESS");
  });

  it("a real cluster exposes the catalogue, and every query and alert has data in a real Prometheus", async () => {
    using folder = aFolder();
    await using provider = await startAnthropicEmulator();
    provider.replyAlways(anthropicAnswer);
    writeFileSync(join(folder.path, "settings.md"), manual);
    const env = {
      ANTHROPIC_API_KEY: provider.apiKey,
      HINDCAST_ANTHROPIC_BASE_URL: provider.url,
    };
    const owner = startHindcast(["--json", "up"], { cwd: folder.path, env });
    await owner.untilEvent("cluster.running");
    const ports = portsIn(folder.path);
    expect(new Set([...ports.keys()].map(processOf))).toEqual(new Set(processNames));

    const data = join(folder.path, "prometheus");
    mkdirSync(data);
    const targets = [{ job: "hindcast", addresses: [...ports.values()].map((port) => `127.0.0.1:${port}`) }];
    const exporterPort = await freePort();
    const exporting =
      exporter === null
        ? null
        : spawn(
            exporter,
            [...natsExporterFlags, "-a", "127.0.0.1", "-p", String(exporterPort), natsMonitor(folder.path)],
            {
              stdio: "ignore",
            },
          );
    if (exporting !== null) targets.push({ job: "nats", addresses: [`127.0.0.1:${exporterPort}`] });
    try {
      await using prometheus = await startPrometheus(data, targets, join(alertsFolder, "hindcast.rules.yaml"));
      const run = await hindcast(["--json", "run", "--docs", "settings.md"], { cwd: folder.path, env });
      expect(run.code, run.stderr).toBe(0);

      for (const [name, port] of ports) {
        const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
        const metrics = metricsIn(text);
        expect([...metrics.keys()].toSorted(), name).toEqual([...metricsOfProcess[processOf(name)]].toSorted());
        for (const [metric, labels] of metrics) expectBounded(metric as MetricName, labels);
        for (const path of ["healthz", "readyz"]) {
          expect((await fetch(`http://127.0.0.1:${port}/${path}`)).status).toBe(200);
        }
      }

      const ofNats = (expression: string): boolean => /gnatsd_|jetstream_|job="nats"/.test(expression);
      const expressions = [
        ...dashboards.flatMap((dashboard) => queriesOf(dashboard, "1m")),
        ...Object.values(alertGroups).flatMap((alerts) => alerts.map(({ value }) => value)),
      ].filter((expression) => exporter !== null || !ofNats(expression));
      const without = async (): Promise<string[]> => {
        const asked = await Promise.all(
          expressions.map(async (expression) => ({ expression, series: await prometheus.query(expression) })),
        );
        return asked.filter(({ series }) => series.length === 0).map(({ expression }) => expression);
      };
      await expect.poll(without, { timeout: 30_000, interval: 1_000 }).toEqual([]);
      expect(await prometheus.query('ALERTS{alertstate="firing", severity="page"}')).toEqual([]);
    } finally {
      if (exporting !== null) await ended(exporting);
      owner.child.kill("SIGINT");
      await owner.done;
    }
  });
});

function expectBounded(name: MetricName, labels: ReadonlyMap<string, ReadonlySet<string>>): void {
  const { labels: defined }: MetricDefinition = metricCatalogue[name];
  for (const [label, values] of labels) {
    const allowed = defined[label];
    expect(allowed, `${name} has a label ${label}`).toBeDefined();
    if (allowed === undefined) continue;
    if (isNamed(allowed)) expect(values.size, `${name} ${label}`).toBeLessThanOrEqual(allowed.max + 1);
    else expect(allowed, `${name} ${label}`).toEqual(expect.arrayContaining([...values]));
  }
}
