// Every query of the dashboards and every alert, asked of a Prometheus that scrapes the cluster of deploy/compose.yaml.
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import { alertGroups } from "../../deploy/monitoring/src/alerts/index.ts";
import { queriesOf } from "../../deploy/monitoring/src/dashboard.ts";
import { dashboards } from "../../deploy/monitoring/src/dashboards/index.ts";

const scrapedMsMax = 60_000;
/** Two coordinators, two agents and the index. */
const programs = 5;

const QueryResult = z.discriminatedUnion("status", [
  z.object({ status: z.literal("success"), data: z.looseObject({ result: z.array(z.unknown()) }) }),
  z.object({ status: z.literal("error"), error: z.string() }),
]);

/** @param prometheus its address. @returns how many queries there are, and how many had data */
export async function askEverything(prometheus: string): Promise<string> {
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
  const expressions = [
    ...dashboards.flatMap((dashboard) => queriesOf(dashboard, "1m")),
    ...Object.values(alertGroups).flatMap((alerts) => alerts.map(({ value }) => value)),
  ].filter((expression) => !/gnatsd_|jetstream_|job="nats"/.test(expression));
  const answers = await Promise.all(expressions.map(query));
  const alive = answers.filter((series) => series.length > 0).length;
  const firing = await query('ALERTS{alertstate="firing", severity="page"}');
  if (firing.length > 0) throw new Error(`${firing.length} alerts page somebody: ${JSON.stringify(firing)}`);
  return `${programs} programs; ${expressions.length} queries and alerts are answered, ${alive} with data; none pages`;
}
