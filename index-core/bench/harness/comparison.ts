// Engines against each other: each in its own process, built alone, then measured in rounds that alternate in time, so that
// whatever disturbs the machine disturbs all of them.
import { readMeta, readTruth, type Truth } from "../data/data-set.ts";
import { recallOf } from "../data/recall.ts";
import type { MemoryReply, RoundReply, ThroughputReply } from "../engines/engine.ts";
import type { Context } from "./context.ts";
import { type Built, type ComparisonOptions, opened, type Running } from "./opened.ts";
import { quantile, type Spread, spreadOf } from "./statistics.ts";

export const k = 10;

export interface Measured {
  engine: string;
  variant: string;
  setting: string;
  /** Microseconds: spread over the rounds of each round's quantile. */
  p50: Spread;
  p99: Spread;
  recall: number;
  /** Queries that got fewer answers than there were, and that got a row twice. */
  short: number;
  repeated: number;
  queries: number;
}

export interface Comparison {
  data: string;
  source: string;
  rows: number;
  dimensions: number;
  rounds: number;
  built: Built[];
  measured: Measured[];
  /** Engines that are not in the tables, with the reason. */
  missing: Record<string, string>;
}

interface Samples {
  p50: number[];
  p99: number[];
  found: number;
  wanted: number;
  short: number;
  repeated: number;
  queries: number;
}

export async function compare(context: Context, options: ComparisonOptions): Promise<Comparison> {
  const meta = readMeta(options.data)!;
  const missing: Record<string, string> = {};
  const running: Running[] = [];
  const samples = new Map<string, Samples>();
  try {
    for (const contestant of options.contestants) {
      try {
        running.push(await opened(context, options, contestant));
      } catch (error) {
        missing[contestant.title] = String(error instanceof Error ? error.message : error).slice(0, 300);
        context.log(`${contestant.title}: ${missing[contestant.title]}`);
      }
    }
    await alternate(context, options, { running, samples, missing });
    for (const { contestant, process, built } of running) await finish(options, { contestant, process, built });
  } finally {
    for (const { process } of running) await process[Symbol.asyncDispose]();
  }
  const { name: data, source, rows, dimensions } = meta;
  const built = running.map((one) => one.built);
  const measured = [...samples].map(([key, sample]) => measuredOf(key, sample));
  return { data, source, rows, dimensions, rounds: options.rounds, built, measured, missing };
}

/** The rounds. An engine that fails in one is out of the comparison, with the reason. */
async function alternate(
  context: Context,
  { data, settings, rounds, queriesPerRound }: ComparisonOptions,
  { running, samples, missing }: { running: Running[]; samples: Map<string, Samples>; missing: Record<string, string> },
): Promise<void> {
  const { queries } = readMeta(data)!;
  const truths = new Map(settings.map(({ truth }) => [truth, readTruth(data, truth)]));
  const whole = Math.min(queriesPerRound, queries);
  // Round −1 warms up and is not counted.
  for (let round = -1; round < rounds; round += 1) {
    const from = Math.max(0, (round * whole) % Math.max(1, queries - whole + 1));
    for (const setting of settings) {
      for (const { contestant, process } of running) {
        for (const variant of Object.keys(contestant.variants)) {
          const key = JSON.stringify([contestant.title, contestant.variants[variant], setting.name]);
          const { ef, filter } = setting;
          const most = filter === null ? whole : (contestant.filteredQueriesMax ?? whole);
          const share = Math.min(whole, round < 0 ? Math.ceil(most / 5) : most);
          if (missing[`${contestant.title}, ${setting.name}`] !== undefined) continue;
          try {
            const request = { op: "round", variant, ef, k, filter, from, to: from + share };
            const reply = await process.ask<RoundReply>(request);
            if (round >= 0) collect(samples, key, { truth: truths.get(setting.truth)!, first: from, reply });
          } catch (error) {
            missing[`${contestant.title}, ${setting.name}`] = String(error).slice(0, 300);
          }
        }
      }
    }
    context.log(`${data}: round ${round + 1} of ${rounds}`);
  }
}

function collect(
  samples: Map<string, Samples>,
  key: string,
  { truth, first, reply }: { truth: Truth; first: number; reply: RoundReply },
): void {
  const blank = { p50: [], p99: [], found: 0, wanted: 0, short: 0, repeated: 0, queries: 0 };
  const sample: Samples = samples.get(key) ?? blank;
  samples.set(key, sample);
  sample.p50.push(quantile(reply.micros, 0.5));
  sample.p99.push(quantile(reply.micros, 0.99));
  const { found, wanted, short, repeated } = recallOf(truth, k, first, reply.ids);
  sample.found += found;
  sample.wanted += wanted;
  sample.short += short;
  sample.repeated += repeated;
  sample.queries += reply.micros.length;
}

/** Memory after the rounds, so that what they touched of mapped files is counted; then throughput, one at a time. */
async function finish(options: ComparisonOptions, { contestant, process, built }: Running): Promise<void> {
  built.memory = await process.ask<MemoryReply>({ op: "memory" });
  if (options.throughputSeconds === 0) return;
  const variant = Object.keys(contestant.variants)[0]!;
  const ef = options.settings.find((setting) => setting.ef === 64)?.ef ?? options.settings[0]!.ef;
  for (const threads of [1, 2]) {
    const request = { op: "throughput", variant, ef, k, threads, seconds: options.throughputSeconds };
    built.throughput[threads] = (await process.ask<ThroughputReply>(request)).perSecond;
  }
}

function measuredOf(key: string, sample: Samples): Measured {
  const [engine = "", variant = "", setting = ""] = JSON.parse(key) as string[];
  const { short, repeated, queries, found, wanted } = sample;
  const recall = wanted === 0 ? 1 : found / wanted;
  return {
    engine,
    variant,
    setting,
    p50: spreadOf(sample.p50),
    p99: spreadOf(sample.p99),
    recall,
    short,
    repeated,
    queries,
  };
}
