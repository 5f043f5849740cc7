import type { BenchmarkScore } from "../bench/benchmark-score.ts";
import { formatCount, formatCountOf, formatPercent } from "./format.ts";
import type { Pen } from "./style.ts";
import { renderTable } from "./table.ts";
import { printableLine } from "./text-width.ts";

interface Rated {
  rate: number | null;
  interval: readonly [number, number] | null;
}

/**
 * A row per place; below the rule the task average and the averages over groups.
 *
 * @param place what its places are called, e.g. `site`
 */
export function scoreTable(score: BenchmarkScore, place: string, pen: Pen): string {
  const { byPlace, byTemplate, places, withoutJudge } = score;
  const row = (name: string, share: Rated & { successes?: number; tasks?: number }): string[] => [
    name,
    share.tasks === undefined ? "" : `${formatCount(share.successes ?? 0)} of ${formatCount(share.tasks)}`,
    formatPercent(share.rate),
    share.interval === null ? "" : share.interval.map((end) => (end * 100).toFixed(1)).join(" to "),
  ];
  return renderTable(
    {
      columns: [
        { header: place },
        { header: "solved", align: "right" },
        { header: "rate", align: "right" },
        { header: "95 % interval", align: "right" },
      ],
      rows: places.map((each) => row(printableLine(each.place), each)),
      footer: [
        row("all tasks", score),
        ...(byPlace === null ? [] : [row(`mean of ${formatCountOf(byPlace.groups, place, pluralOf(place))}`, byPlace)]),
        ...(byTemplate === null ? [] : [row(`mean of ${formatCountOf(byTemplate.groups, "template")}`, byTemplate)]),
        ...(withoutJudge === null ? [] : [row("tasks that no model judges", withoutJudge)]),
      ],
    },
    pen,
  );
}

function pluralOf(noun: string): string {
  return noun.endsWith("y") ? `${noun.slice(0, -1)}ies` : `${noun}s`;
}
