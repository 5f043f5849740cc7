import { EndReason, sumCost, type CampaignReport, type FunnelStage, type GainResult } from "@hindcast/shared";
import { bar, intervalPlot } from "./bars.ts";
import { formatCount, formatCountOf, formatDuration, formatPercent, formatRate, formatUsd } from "./format.ts";
import { gainVerdict, undecidedSentence, type GainVerdict } from "./gain-verdict.ts";
import { penFor, type Pen, type Style } from "./style.ts";
import { renderTable } from "./table.ts";
import { printableLine, wrap } from "./text-width.ts";

export interface ReportOptions extends Style {
  /** Where the data lies: what each place is, and its path. */
  places?: readonly { what: string; path: string }[];
}

/** The result of a campaign for people: funnel, ends, measured gain, cost, throughput, places, warnings. */
export function renderReport(report: CampaignReport, options: ReportOptions): string {
  const pen = penFor(options);
  const titled = (title: string): string =>
    report.isOffline ? `${title} ${pen.glyphs.dash} offline rules, no LLM` : title;
  return [
    funnelTable(report.funnel, titled("Funnel"), pen),
    emptySentence(report, pen),
    outcomeTable(report, titled("Episodes by how they ended"), pen),
    gainSection(report.gain, titled, pen),
    costTable(report, titled("Model calls and cost"), pen),
    summaryTable(report, options.places ?? [], titled("Throughput and data"), pen),
    warningLines(report.warnings, pen),
  ]
    .filter((section) => section !== "")
    .join("\n\n");
}

function funnelTable(funnel: readonly FunnelStage[], title: string, pen: Pen): string {
  const max = Math.max(0, ...funnel.map(({ total }) => total));
  const cells = barCells(pen);
  return renderTable(
    {
      title,
      columns: [
        { header: "stage" },
        { header: "count", align: "right" },
        { header: "" },
        { header: "where they went", isFlexible: true },
      ],
      rows: funnel.map((stage) => [
        printableLine(stage.name),
        formatCount(stage.total),
        pen.paint.cyan(bar(stage.total, max, cells, pen)),
        bucketsText(stage, pen),
      ]),
    },
    pen,
  );
}

/** Why the rest is zeros. */
function emptySentence({ funnel, isOffline }: CampaignReport, pen: Pen): string {
  if (funnel.find(({ name }) => name === "tasks")?.total !== 0) return "";
  const rule = " The offline rules find tasks only where a sentence says what a command beside it is for.";
  return wrap(`No task came of these documents.${isOffline ? rule : ""}`, pen.width)
    .map((line) => pen.paint.yellow(line))
    .join("\n");
}

function bucketsText({ total, counts }: FunnelStage, pen: Pen): string {
  const buckets = Object.entries(counts).filter(([, count]) => count > 0);
  const sum = buckets.reduce((all, [, count]) => all + count, 0);
  const text = buckets
    .map(([name, count]) => `${printableLine(name)} ${formatCount(count)}`)
    .join(` ${pen.glyphs.dot} `);
  return sum === total ? text : `${text} (these add up to ${formatCount(sum)}, not ${formatCount(total)})`;
}

/** Who answers for an end. The last group is never counted as a failed task. */
function answersFor(reason: EndReason): string {
  switch (reason) {
    case "submitted":
    case "refused":
    case "format-limit":
    case "loop":
      return "policy";
    case "step-limit":
    case "token-limit":
    case "cost-limit":
    case "time-limit":
    case "output-limit":
      return "limit";
    case "cancelled":
      return "operator";
    case "unavailable":
    case "infrastructure":
      return "surroundings";
  }
}

function outcomeTable({ outcomes, funnel }: CampaignReport, title: string, pen: Pen): string {
  const ends = EndReason.options.filter((reason) => outcomes[reason] > 0);
  const sum = ends.reduce((all, reason) => all + outcomes[reason], 0);
  const episodes = funnel.find(({ name }) => name === "episodes")?.total ?? sum;
  return renderTable(
    {
      title,
      columns: [
        { header: "end" },
        { header: "answers for it" },
        { header: "episodes", align: "right" },
        { header: "share", align: "right" },
        { header: "" },
      ],
      rows: ends.map((reason) => [
        reason,
        answersFor(reason),
        formatCount(outcomes[reason]),
        formatPercent(outcomes[reason] / sum),
        pen.paint.cyan(bar(outcomes[reason], sum, barCells(pen), pen)),
      ]),
      footer: [
        ["sum", "", formatCount(sum), sum === 0 ? "" : formatPercent(1)],
        ...(episodes === sum ? [] : [[`not equal to the ${formatCount(episodes)} episodes of the funnel`]]),
      ],
    },
    pen,
  );
}

const kinds: Record<GainResult["kind"], string> = {
  "instance-disjoint": "the same features with other names, values, wording and start states",
  "document-disjoint": "features of documents that nothing was learned from",
};

function gainSection(gains: readonly GainResult[], titled: (title: string) => string, pen: Pen): string {
  if (gains.length === 0) return titled("Measured gain: not measured, no task was held out");
  return gains.map((gain) => gainTable(gain, titled, pen)).join("\n\n");
}

function gainTable(gain: GainResult, titled: (title: string) => string, pen: Pen): string {
  const { verdict, sentence } = gainVerdict(gain);
  const undecided = undecidedSentence(gain);
  const after = [
    ...wrap(sentence, pen.width).map(verdictPaint(verdict, pen)),
    ...(undecided === null ? [] : wrap(undecided, pen.width)),
  ];
  const title = titled(`Measured gain, ${gain.kind}: ${kinds[gain.kind]} (${formatCountOf(gain.tasks, "task")})`);
  const arm = (name: string, result: GainResult["on"]): string[] => [
    name,
    `${formatCount(result.successes)} of ${formatCount(result.decided)}`,
    formatPercent(result.rate),
    result.interval === null ? "" : result.interval.map((end) => (end * 100).toFixed(1)).join(" to "),
    result.rate === null || result.interval === null
      ? ""
      : intervalPlot(result.rate, result.interval, barCells(pen), pen),
    result.meanSteps === null ? "" : result.meanSteps.toFixed(1),
  ];
  const table = renderTable(
    {
      title,
      columns: [
        { header: "retrieval" },
        { header: "solved", align: "right" },
        { header: "rate", align: "right" },
        { header: "95 % interval", align: "right" },
        { header: "" },
        { header: "mean steps", align: "right" },
      ],
      rows: [arm("off", gain.off), arm("on", gain.on)],
    },
    pen,
  );
  return [table, ...after].join("\n");
}

function verdictPaint(verdict: GainVerdict["verdict"], { paint }: Pen): (line: string) => string {
  if (verdict === "helped") return paint.green;
  return verdict === "hurt" ? paint.red : paint.yellow;
}

function costTable({ costs }: CampaignReport, title: string, pen: Pen): string {
  const sum = (value: (cost: CampaignReport["costs"][number]) => number): string =>
    formatCount(costs.reduce((all, cost) => all + value(cost), 0));
  const total = sumCost(costs.map(({ costUsd }) => costUsd));
  const known = costs.reduce((all, { costUsd }) => all + (costUsd ?? 0), 0);
  const unpriced = [
    ...new Set(costs.filter(({ costUsd }) => costUsd === null).map(({ model }) => printableLine(model))),
  ];
  const table = renderTable(
    {
      title,
      columns: [
        { header: "purpose" },
        { header: "model", isFlexible: true },
        { header: "calls", align: "right" },
        { header: "journal", align: "right" },
        { header: "input", align: "right" },
        { header: "cached", align: "right" },
        { header: "output", align: "right" },
        { header: "cost", align: "right" },
      ],
      rows: costs.map(({ purpose, model, calls, journaled, usage, costUsd }) => [
        printableLine(purpose),
        printableLine(model),
        formatCount(calls),
        formatCount(journaled),
        formatCount(usage.inputTokens + usage.cacheWriteTokens),
        formatCount(usage.cacheReadTokens),
        formatCount(usage.outputTokens),
        formatUsd(costUsd),
      ]),
      footer: [
        [
          "sum",
          "",
          sum(({ calls }) => calls),
          sum(({ journaled }) => journaled),
          sum(({ usage }) => usage.inputTokens + usage.cacheWriteTokens),
          sum(({ usage }) => usage.cacheReadTokens),
          sum(({ usage }) => usage.outputTokens),
          formatUsd(total),
        ],
      ],
    },
    pen,
  );
  const batched = costs.reduce((all, cost) => all + cost.batched, 0);
  const inBatches = `${formatCount(batched)} of the calls were bought in batches, at the batch price.`;
  const notes = batched === 0 ? [] : wrap(inBatches, pen.width);
  if (unpriced.length === 0) return [table, ...notes].join("\n");
  const note = `Known part: ${formatUsd(known)}. No price is known for ${unpriced.join(", ")}; set one to see the sum.`;
  return [table, ...notes, ...wrap(note, pen.width)].join("\n");
}

function summaryTable(
  { campaignId, durationMs, steps, stepsPerSecond, indexed }: CampaignReport,
  places: NonNullable<ReportOptions["places"]>,
  title: string,
  pen: Pen,
): string {
  return renderTable(
    {
      title,
      columns: [{ header: "" }, { header: "", isFlexible: true }],
      rows: [
        ["campaign", campaignId],
        ["duration", formatDuration(durationMs)],
        ["steps", `${formatCount(steps)} (${formatRate(stepsPerSecond)})`],
        ["in the index", indexed === null ? "unknown" : formatCountOf(indexed, "demonstration")],
        ...places.map(({ what, path }) => [what, printableLine(path)]),
      ],
    },
    pen,
  );
}

function warningLines(warnings: readonly string[], pen: Pen): string {
  return warnings
    .flatMap((warning) => wrap(`Warning: ${printableLine(warning)}`, pen.width).map((line) => pen.paint.yellow(line)))
    .join("\n");
}

function barCells({ width }: Pen): number {
  return Math.min(24, Math.max(6, Math.floor(width / 5)));
}
