// Every query of the dashboards and every alert, asked of a Prometheus that scrapes the cluster of deploy/compose.yaml.
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import { alertGroups } from "../../deploy/monitoring/src/alerts/index.ts";
import { queriesOf } from "../../deploy/monitoring/src/dashboard.ts";
import { dashboards } from "../../deploy/monitoring/src/dashboards/index.ts";

const scrapedMsMax = 120_000;
/** Of compose/prometheus.yaml. */
const scrapeMs = 15_000;
/** Two coordinators, two agents and the index. */
const programs = 5;

const QueryResult = z.discriminatedUnion("status", [
  z.object({ status: z.literal("success"), data: z.looseObject({ result: z.array(z.unknown()) }) }),
  z.object({ status: z.literal("error"), error: z.string() }),
]);

export interface QueriesOptions {
  /** Its address. */
  prometheus: string;
  hasExporter: boolean;
}

/** @returns how many queries there are. @throws Error with those that are refused or have no data, and with alerts that page */
export async function askEverything({ prometheus, hasExporter }: QueriesOptions): Promise<string> {
  const url = `${prometheus}/api/v1/query`;
  const query = async (expression: string): Promise<unknown[]> => {
    const response = await fetch(url, { method: "POST", body: new URLSearchParams({ query: expression }) });
    const answer = QueryResult.parse(await response.json());
    if (answer.status === "error") throw new Error(`${expression}: ${answer.error}`);
    return answer.data.result;
  };
  for (const deadline = Date.now() + scrapedMsMax; ; await pause(1_000)) {
    const up = await query('up{job="hindcast"} == 1');
    if (up.length === programs && (await query("hindcast_build_info")).length === programs) break;
    if (Date.now() > deadline) throw new Error(`${up.length} of ${programs} programs are scraped`);
  }
  const all = [
    ...dashboards.flatMap((dashboard) => queriesOf(dashboard, "1m")),
    ...Object.values(alertGroups).flatMap((alerts) => alerts.map(({ value }) => value)),
  ];
  const expressions = all.filter((expression) => hasExporter || !/gnatsd_|jetstream_|job="nats"/.test(expression));
  for (const deadline = Date.now() + scrapedMsMax; ; await pause(scrapeMs)) {
    const answers = await Promise.all(
      expressions.map(async (expression) => ({ expression, series: await query(expression) })),
    );
    const dead = answers.filter(({ series }) => series.length === 0).map(({ expression }) => expression);
    if (dead.length === 0) break;
    if (Date.now() > deadline)
      throw new Error(`${dead.length} of ${expressions.length} have no data: ${dead.join("; ")}`);
  }
  const firing = await query('ALERTS{alertstate="firing", severity="page"}');
  if (firing.length > 0) throw new Error(`${firing.length} alerts page somebody: ${JSON.stringify(firing)}`);
  const left = all.length - expressions.length;
  const without = left === 0 ? "" : `, but ${left} of NATS's exporter, which is not there`;
  return `${programs} programs; all ${expressions.length} queries and alerts have data${without}; none pages`;
}
