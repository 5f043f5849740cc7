// Opening a large collection in a fresh process: the time until it answers, and its first answer.
import { cpSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { clustered } from "../data/catalog.ts";
import { dataFolder } from "../data/data-set.ts";
import { contestants } from "../harness/contestants.ts";
import type { Context, Suite } from "../harness/context.ts";
import { type Built, opened as openedEngine } from "../harness/opened.ts";
import { workFolder } from "../harness/places.ts";
import { runProgram } from "../harness/processes.ts";
import { spreadOf, type Spread } from "../harness/statistics.ts";
import { argumentList } from "../harness/arguments.ts";
import { table } from "../report/markdown.ts";

interface Opened {
  openMs: number;
  firstQueryMs: number;
  laterQueryMs: number;
  checkpoint: { ms: number; bytes: number } | null;
}
interface Result {
  rows: number;
  dimensions: number;
  buildSeconds: number;
  fileMiB: number;
  openMs: Spread;
  firstQueryMs: Spread;
  laterQueryMs: Spread;
  checkpoint: { ms: number; mib: number };
}

export const open: Suite<Result> = {
  name: "open",
  async run(context: Context) {
    const { name: data, rows, dimensions } = clustered(context, "large");
    // A copy: the last program writes into it.
    const folder = join(workFolder, "indexes", data, "hindcast-open");
    const { built, source, columns } = await build(context, data);
    rmSync(folder, { recursive: true, force: true });
    cpSync(source, folder, { recursive: true });
    const opened: Opened[] = [];
    for (let round = 0; round < context.rounds; round += 1)
      opened.push(await runProgram<Opened>("open", argumentList({ data, folder, columns })));
    const last = await runProgram<Opened>("open", argumentList({ data, folder, columns, isCheckpoint: "true" }));
    rmSync(folder, { recursive: true, force: true });
    const spread = (of: (one: Opened) => number): Spread => spreadOf(opened.map(of));
    return {
      rows,
      dimensions,
      buildSeconds: rows / (built.rates[1] ?? Number.NaN),
      fileMiB: built.fileMiB,
      openMs: spread(({ openMs }) => openMs),
      firstQueryMs: spread(({ firstQueryMs }) => firstQueryMs),
      laterQueryMs: spread(({ laterQueryMs }) => laterQueryMs),
      checkpoint: { ms: last.checkpoint?.ms ?? 0, mib: (last.checkpoint?.bytes ?? 0) / 2 ** 20 },
    };
  },
  table({ rows, dimensions, buildSeconds, fileMiB, openMs, firstQueryMs, laterQueryMs, checkpoint }) {
    return table(
      [`${rows.toLocaleString("en")} × ${dimensions}`, "median [quartiles]"],
      [
        ["upserted, graphs built, checkpoint written", `${buildSeconds.toFixed(0)} s, ${fileMiB.toFixed(0)} MiB`],
        ["opened (files in the page cache)", inMs(openMs)],
        ["first query", inMs(firstQueryMs)],
        ["best of twenty queries", inMs(laterQueryMs)],
        [
          "checkpoint after a tenth as many rows came",
          `${checkpoint.ms.toFixed(0)} ms, ${checkpoint.mib.toFixed(0)} MiB named`,
        ],
      ],
    );
  },
  plots: () => ({}),
};

const inMs = ({ median, q1, q3 }: Spread): string => `${median.toFixed(2)} [${q1.toFixed(2)}–${q3.toFixed(2)}] ms`;

/** The index that the suite `filter` has built, where it ran before; one without columns otherwise. */
async function build(context: Context, data: string): Promise<{ built: Built; source: string; columns: string }> {
  const hasColumns = existsSync(join(dataFolder(data), "filters.json"));
  const contestant = hasColumns ? contestants.hindcastColumns : contestants.hindcast;
  const options = { data, contestants: [contestant], settings: [], rounds: 0, queriesPerRound: 0, buildThreads: [1] };
  const { process, built } = await openedEngine(context, { ...options, throughputSeconds: 0 }, contestant);
  await process[Symbol.asyncDispose]();
  return { built, source: join(workFolder, "indexes", data, contestant.engine), columns: String(hasColumns) };
}
