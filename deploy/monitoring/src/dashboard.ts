// From a plain description of a dashboard to Grafana's JSON, by Grafana's own builders. Every panel has a description, a
// unit and queries; nothing else of Grafana's is used, so that what a dashboard shows can be read in its own file.
import {
  type Dashboard,
  DashboardBuilder,
  DatasourceVariableBuilder,
  RowBuilder,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { DataqueryBuilder } from "@grafana/grafana-foundation-sdk/prometheus";
import { PanelBuilder as StatBuilder } from "@grafana/grafana-foundation-sdk/stat";
import { PanelBuilder as TimeseriesBuilder } from "@grafana/grafana-foundation-sdk/timeseries";

export interface Query {
  /** PromQL; rates are over `$__rate_interval`, which Grafana fits to the scrape interval, sums over what is shown: `$__range`. */
  expr: string;
  /** Labels in `{{…}}`. */
  legend: string;
}

export interface PanelSpec {
  title: string;
  description: string;
  kind: "lines" | "number";
  /** Of Grafana's units: `short`, `s`, `bytes`, `percentunit`, `currencyUSD`, `ops`. */
  unit: string;
  queries: readonly Query[];
}

export interface DashboardSpec {
  /** Names file and address; stays for ever. */
  uid: string;
  title: string;
  rows: readonly { title: string; panels: readonly PanelSpec[] }[];
}

/** Names of a panel's queries. */
const refIds = "ABCDEFGH";
/** The data source that the reader chooses at the top. */
const datasource = { type: "prometheus", uid: "${datasource}" };
/** Grafana's grid has 24 columns. */
const width = { lines: 8, number: 4 } as const;
const height = { lines: 8, number: 4 } as const;

export function buildDashboard({ uid, title, rows }: DashboardSpec): Dashboard {
  const dashboard = new DashboardBuilder(`Hindcast / ${title}`)
    .uid(uid)
    .tags(["hindcast"])
    .time({ from: "now-1h", to: "now" })
    .refresh("30s")
    .timezone("browser")
    .withVariable(new DatasourceVariableBuilder("datasource").label("Prometheus").type("prometheus"));
  for (const row of rows) {
    dashboard.withRow(new RowBuilder(row.title));
    for (const panel of row.panels) dashboard.withPanel(buildPanel(panel));
  }
  return dashboard.build();
}

function buildPanel({ title, description, kind, unit, queries }: PanelSpec): StatBuilder | TimeseriesBuilder {
  const panel = kind === "number" ? new StatBuilder() : new TimeseriesBuilder().fillOpacity(10).lineWidth(1);
  panel.title(title).description(description).unit(unit).datasource(datasource).span(width[kind]).height(height[kind]);
  for (const [at, { expr, legend }] of queries.entries()) {
    const refId = refIds.charAt(at);
    panel.withTarget(new DataqueryBuilder().expr(expr).legendFormat(legend).refId(refId).datasource(datasource));
  }
  return panel;
}

/** Every query of a dashboard, as it is sent when `$__rate_interval` and `$__range` are `interval`. */
export function queriesOf({ rows }: DashboardSpec, interval: string): string[] {
  return rows.flatMap(({ panels }) =>
    panels.flatMap(({ queries }) =>
      queries.map(({ expr }) => expr.replaceAll("$__rate_interval", interval).replaceAll("$__range", interval)),
    ),
  );
}

/** A panel of lines. */
export function lines(
  title: string,
  of: Pick<PanelSpec, "unit" | "description">,
  queries: readonly Query[],
): PanelSpec {
  return { title, ...of, kind: "lines", queries };
}

/** A panel with one number now. */
export function number(title: string, of: Pick<PanelSpec, "unit" | "description">, expr: string): PanelSpec {
  return { title, ...of, kind: "number", queries: [{ expr, legend: title }] };
}

/** Median and 99th percentile of a histogram, by `by`. */
export function quantiles(metric: string, by = ""): Query[] {
  const group = by === "" ? "le" : `le, ${by}`;
  const legend = by === "" ? "" : ` {{${by}}}`;
  return [0.5, 0.99].map((quantile) => ({
    expr: `histogram_quantile(${quantile}, sum by (${group}) (rate(${metric}_bucket[$__rate_interval])))`,
    legend: `p${quantile * 100}${legend}`,
  }));
}

/** Events per second of a counter, by `by`. */
export function rateBy(metric: string, by: string): Query {
  return { expr: `sum by (${by}) (rate(${metric}[$__rate_interval]))`, legend: legendOf(by) };
}

/** What every coordinator exposes alike. */
export function maxBy(metric: string, by: string): Query {
  return { expr: `max by (${by}) (${metric})`, legend: legendOf(by) };
}

export function sumBy(metric: string, by: string): Query {
  return { expr: `sum by (${by}) (${metric})`, legend: legendOf(by) };
}

function legendOf(by: string): string {
  return by
    .split(", ")
    .map((label) => `{{${label}}}`)
    .join(" ");
}
