// Starting the engines of a comparison: each builds alone, in a process of its own, and is opened again in another, so that
// the figures of memory are those of an opened index.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { readMeta } from "../data/data-set.ts";
import type { BuildReply, MemoryReply, OpenReply } from "../engines/engine.ts";
import type { Context } from "./context.ts";
import { type Contestant, start } from "./contestants.ts";
import { workFolder } from "./places.ts";
import type { EngineProcess } from "./processes.ts";

/** What one round asks of each engine. */
export interface Setting {
  /** In the table: `ef 64`, `10 % pass`. */
  name: string;
  ef: number;
  filter: string | null;
  /** File of the exact answers. */
  truth: string;
}

export interface Built {
  engine: string;
  storage: string;
  rows: number;
  /** Rows a second by threads; null where it was not measured. */
  rates: Record<string, number | null>;
  fileMiB: number;
  openMs: number;
  memory: MemoryReply;
  /** Queries a second by threads. */
  throughput: Record<string, number | null>;
}

export interface ComparisonOptions {
  data: string;
  contestants: readonly Contestant[];
  settings: readonly Setting[];
  rounds: number;
  queriesPerRound: number;
  /** Threads for which build rates are measured; the last one's index is kept. */
  buildThreads: readonly number[];
  /** Of each engine's throughput figure; 0 leaves it out. */
  throughputSeconds: number;
}

export interface Running {
  contestant: Contestant;
  process: EngineProcess;
  built: Built;
}

/** Builds where that is needed, and opens. @throws with the reason when the engine is not there */
export async function opened(context: Context, options: ComparisonOptions, contestant: Contestant): Promise<Running> {
  const { data, settings } = options;
  const folder = join(workFolder, "indexes", data, contestant.engine);
  const built = await builtOnce(context, options, { contestant, folder });
  const process = start(contestant, context.peers);
  try {
    const isExact = "exact" in contestant.variants;
    const efs = isExact ? [] : [...new Set(settings.map(({ ef }) => ef))];
    const reply = await process.ask<OpenReply>({ op: "open", data, folder, efs });
    return { contestant, process, built: { ...built, openMs: reply.milliseconds } };
  } catch (error) {
    await process[Symbol.asyncDispose]();
    throw error;
  }
}

function nativeLibraryHash(): string {
  const folder = new URL("../../", import.meta.url);
  const name = readdirSync(folder).find((file) => file.startsWith("native.") && file.endsWith(".node"));
  if (name === undefined) return "none";
  return createHash("sha256")
    .update(readFileSync(new URL(name, folder)))
    .digest("hex");
}

/** An index that an earlier run has built is taken, with the rates of that run, unless `--rebuild` is given. */
async function builtOnce(
  context: Context,
  { data, buildThreads }: ComparisonOptions,
  { contestant, folder }: { contestant: Contestant; folder: string },
): Promise<Built> {
  const { rows } = readMeta(data)!;
  const record = `${folder}.json`;
  const blank = { engine: contestant.title, storage: contestant.storage, rows, openMs: 0, throughput: {} };
  const memory = { anonymous: 0, mapped: 0 };
  // The exact search of npm usearch builds nothing.
  if (contestant.engine === "usearch" && "exact" in contestant.variants)
    return { ...blank, rates: {}, fileMiB: 0, memory };
  // Engines that build with one thread only are not built twice.
  const isOurs = contestant.engine.startsWith("hindcast");
  const isSingle = isOurs || ["hnswlib-node", "lancedb"].includes(contestant.engine);
  const threadCounts = isSingle ? [1] : buildThreads;
  // Our own code changes between runs; then our index is built again.
  const library = isOurs ? nativeLibraryHash() : "";
  if (existsSync(record) && !context.rebuild) {
    const earlier = JSON.parse(readFileSync(record, "utf8")) as Built & { library?: string };
    if ((earlier.library ?? "") === library && threadCounts.every((threads) => threads in earlier.rates))
      return { ...earlier, ...blank, memory };
  }
  mkdirSync(dirname(folder), { recursive: true });
  rmSync(folder, { recursive: true, force: true });
  const rates: Record<string, number | null> = {};
  let fileMiB = 0;
  for (const threads of threadCounts) {
    await using process = start(contestant, context.peers);
    context.log(`${data}: ${contestant.title} builds with ${threads} thread(s)`);
    const { seconds, bytes } = await process.ask<BuildReply>({ op: "build", data, folder, threads });
    rates[threads] = rows / seconds;
    fileMiB = bytes / 2 ** 20;
  }
  const built = { ...blank, rates, fileMiB, memory };
  writeFileSync(record, `${JSON.stringify({ ...built, library })}\n`);
  return built;
}
