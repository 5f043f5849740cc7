// The result of a campaign as one HTML file without a script, a font or any other thing from elsewhere: it can be mailed,
// attached to an issue, or kept beside the data for years.
import { EndReason, sumCost, type CampaignReport, type FunnelStage, type GainResult } from "@hindcast/shared";
import { formatCount, formatCountOf, formatDuration, formatPercent, formatRate, formatUsd } from "./format.ts";
import { gainVerdict, undecidedSentence } from "./gain-verdict.ts";
import { html, type Html } from "./html.ts";
import { printableLine } from "./text-width.ts";

const style = `
:root { color-scheme: light dark; --ink: light-dark(#1c2330, #e3e8f0); --soft: light-dark(#5c6677, #98a3b5);
  --line: light-dark(#dfe3ea, #333b49); --fill: light-dark(#2f6fb5, #6aa7e8); --paper: light-dark(#fff, #14181f); }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2.2rem; } small, .soft { color: var(--soft); font-weight: normal; }
table { border-collapse: collapse; } td, th { padding: .2rem .8rem .2rem 0; text-align: left; border-bottom: 1px solid var(--line); }
.n { text-align: right; font-variant-numeric: tabular-nums; } tfoot td { font-weight: 600; }
.helped { color: light-dark(#1a7f37, #57c675); } .hurt { color: light-dark(#b3261e, #ff8a80); }
svg { display: block; width: 100%; height: auto; } svg text { fill: var(--ink); font: 13px system-ui, sans-serif; } svg .soft { fill: var(--soft); }
svg rect, svg circle { fill: var(--fill); } svg line { stroke: var(--fill); stroke-width: 2; } svg .axis { stroke: var(--line); stroke-width: 1; }`;

/** The same numbers and sentences as `renderReport`, drawn. */
export function renderHtmlReport(report: CampaignReport): string {
  const heading = (title: string): Html =>
    html`<h2>${title}${report.isOffline ? html` <small>— offline rules, no LLM</small>` : ""}</h2>`;
  const page = html`<!doctype html>
    <html lang="en">
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width" />
      <title>Campaign ${report.campaignId}</title>
      <style>
        ${style}
      </style>
      <h1>Campaign ${report.campaignId}</h1>
      <p>
        ${formatCountOf(report.steps, "step")} in ${formatDuration(report.durationMs)}
        (${formatRate(report.stepsPerSecond)});
        ${report.indexed === null ? "unknown how much" : formatCountOf(report.indexed, "demonstration")} in the index.
      </p>
      ${report.warnings.map((warning) => html`<p class="hurt">Warning: ${printableLine(warning)}</p>`)}
      ${heading("Funnel")} ${funnelChart(report.funnel)} ${heading("Measured gain on held-out tasks")}
      ${report.gain.length === 0 ? html`<p>Not measured: no task was held out.</p>` : report.gain.map(gainChart)}
      ${heading("Episodes by how they ended")} ${outcomeTable(report)} ${heading("Model calls and cost")}
      ${costTable(report)}
    </html> `;
  return page.text;
}

const chartWidth = 900;
const rowHeight = 44;
const labelWidth = 130;

function funnelChart(funnel: readonly FunnelStage[]): Html {
  const max = Math.max(1, ...funnel.map(({ total }) => total));
  const room = chartWidth - labelWidth - 90;
  const rows = funnel.map(({ name, total, counts }, index) => {
    const y = index * rowHeight;
    const width = total === 0 ? 0 : Math.max(1, (total / max) * room);
    const buckets = Object.entries(counts)
      .filter(([, count]) => count > 0)
      .map(([bucket, count]) => `${printableLine(bucket)} ${formatCount(count)}`)
      .join(" · ");
    return html`<text x="0" y="${y + 16}">${printableLine(name)}</text>
      <rect x="${labelWidth}" y="${y + 4}" width="${width.toFixed(1)}" height="16" rx="2" />
      <text x="${(labelWidth + width + 8).toFixed(1)}" y="${y + 16}">${formatCount(total)}</text>
      <text class="soft" x="${labelWidth}" y="${y + 36}">${buckets}</text> `;
  });
  return chart("Funnel", funnel.length * rowHeight, rows);
}

function gainChart(gain: GainResult): Html {
  const { verdict, sentence } = gainVerdict(gain);
  const undecided = undecidedSentence(gain);
  const arms = [
    { name: "retrieval off", arm: gain.off },
    { name: "retrieval on", arm: gain.on },
  ];
  const rows = arms.map(({ name, arm }, index) => armRow(name, arm, index * 28 + 18));
  const axis = [0, 0.25, 0.5, 0.75, 1].map(
    (share) =>
      html`<line class="axis" x1="${scale(share)}" x2="${scale(share)}" y1="4" y2="62" />
        <text class="soft" x="${scale(share)}" y="76" text-anchor="middle">${share * 100} %</text> `,
  );
  return html`<h3>${gain.kind} <small>${formatCountOf(gain.tasks, "task")}</small></h3>
    <p class="${verdict}">${sentence}</p>
    ${undecided === null ? "" : html`<p class="soft">${undecided}</p>`}
    ${chart(`Success by arm, ${gain.kind}`, 84, [...axis, ...rows])}`;
}

function armRow(name: string, { rate, interval, successes, decided }: GainResult["on"], y: number): Html {
  const marks =
    rate === null || interval === null
      ? html``
      : html`<line x1="${scale(interval[0])}" x2="${scale(interval[1])}" y1="${y}" y2="${y}" />
          <circle cx="${scale(rate)}" cy="${y}" r="6" /> `;
  return html`<text x="0" y="${y + 4}">${name}</text> ${marks}<text x="${chartWidth}" y="${y + 4}" text-anchor="end"
      >${formatCount(successes)} of ${formatCount(decided)}, ${formatPercent(rate)}</text
    > `;
}

/** A share from 0 to 1 as an x coordinate. */
function scale(share: number): string {
  return (labelWidth + share * (chartWidth - labelWidth - 170)).toFixed(1);
}

function chart(title: string, height: number, content: readonly Html[]): Html {
  return html`<svg viewBox="0 0 ${chartWidth} ${height}" role="img" aria-label="${title}">${content}</svg>`;
}

function outcomeTable({ outcomes }: CampaignReport): Html {
  const ends = EndReason.options.filter((reason) => outcomes[reason] > 0);
  const sum = ends.reduce((all, reason) => all + outcomes[reason], 0);
  const row = (reason: EndReason): Html =>
    html`<tr>
      <td>${reason}
      <td class="n">${formatCount(outcomes[reason])}
      <td class="n">${formatPercent(outcomes[reason] / sum)}
     `;
  return html`<table>
    <thead>
      <tr>
        <th>end
        <th class="n">episodes
        <th class="n">share

    <tbody>
      ${ends.map(row)}

    <tfoot>
      <tr>
        <td>sum
        <td class="n">${formatCount(sum)}
        <td>
  </table>`;
}

function costTable({ costs }: CampaignReport): Html {
  const calls = costs.reduce((all, cost) => all + cost.calls, 0);
  const rows = costs.map(
    ({ purpose, model, calls: n, journaled, usage, costUsd }) =>
      html`<tr>
        <td>${printableLine(purpose)}
        <td>${printableLine(model)}
        <td class="n">${formatCount(n)}
        <td class="n">${formatCount(journaled)}
        <td class="n">${formatCount(usage.inputTokens + usage.cacheWriteTokens)}
        <td class="n">${formatCount(usage.cacheReadTokens)}
        <td class="n">${formatCount(usage.outputTokens)}
        <td class="n">${formatUsd(costUsd)}
       `,
  );
  const batched = costs.reduce((all, cost) => all + cost.batched, 0);
  const note =
    batched === 0
      ? html``
      : html`<p>${formatCount(batched)} of the calls were bought in batches, at the batch price.</p>`;
  return html`<table>
      <thead>
        <tr>
          <th>purpose
          <th>model
          <th class="n">calls
          <th class="n">journal
          <th class="n">input
          <th class="n">cached
          <th class="n">output
          <th class="n">cost

      <tbody>
        ${rows}

      <tfoot>
        <tr>
          <td>sum
          <td>
          <td class="n">${formatCount(calls)}
          <td>
          <td>
          <td>
          <td>
          <td class="n">${formatUsd(sumCost(costs.map(({ costUsd }) => costUsd)))}
    </table>
    ${note}`;
}
