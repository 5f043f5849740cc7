// Figures that Rust programs measure without Node: words against tantivy, and texts turned into vectors.
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Context, Suite } from "../harness/context.ts";
import { benchFolder, crateFolder } from "../harness/places.ts";
import { run } from "../harness/processes.ts";
import { type Spread, spreadOf } from "../harness/statistics.ts";
import { count } from "../report/comparison-tables.ts";
import { table } from "../report/markdown.ts";

interface Words {
  engine: string;
  query: string;
  p50_us: number;
  p99_us: number;
  mean_us: number;
  docs: number;
  segments: number;
}
interface Lexical {
  rows: { engine: string; query: string; docs: number; segments: number; p50: Spread; p99: Spread; mean: Spread }[];
  reason: string | null;
}
interface Embedding {
  rows: { words: number; perSecond: Spread }[];
  reason: string | null;
}

export const lexical: Suite<Lexical> = {
  name: "lexical",
  async run({ isQuick, rounds }: Context) {
    const manifest = join(benchFolder, "tantivy", "Cargo.toml");
    if (!existsSync(manifest)) return { rows: [], reason: "bench/tantivy is not there" };
    if (isQuick) return { rows: [], reason: "a quick run compiles nothing" };
    const lines: Words[] = [];
    // One segment as tantivy has it, and eight as a live index may have.
    for (let round = 0; round < Math.ceil(rounds / 2); round += 1)
      for (const segments of [1, 8])
        lines.push(...(await cargo<Words>(["--manifest-path", manifest], ["100000", String(segments)])));
    const groups = Map.groupBy(lines, ({ engine, query, segments }) => JSON.stringify([query, engine, segments]));
    return { rows: [...groups.values()].toSorted(byQuery).map(spreads), reason: null };
  },
  table({ rows, reason }) {
    if (reason !== null) return `Not measured: ${reason}.`;
    return table(
      ["query", "engine", "documents", "segments", "p50 µs", "p99 µs", "mean µs"],
      rows.map(({ query, engine, docs, segments, p50, p99, mean }) => [
        query,
        engine,
        count(docs),
        String(segments),
        ...[p50, p99, mean].map(({ median }) => median.toFixed(0)),
      ]),
    );
  },
  plots: () => ({}),
};

export const embed: Suite<Embedding> = {
  name: "embed",
  async run({ isQuick, rounds }: Context) {
    if (!existsSync(join(crateFolder, "examples", "embed_bench.rs")))
      return { rows: [], reason: "examples/embed_bench.rs is not there" };
    if (isQuick) return { rows: [], reason: "a quick run compiles nothing" };
    const lines: { words: number; texts_per_second: number }[] = [];
    for (let round = 0; round < rounds; round += 1)
      lines.push(...(await cargo<(typeof lines)[0]>(["--example", "embed_bench"], [])));
    const rows = [...Map.groupBy(lines, ({ words }) => words)].map(([words, group]) => ({
      words,
      perSecond: spreadOf(group.map((line) => line.texts_per_second)),
    }));
    return { rows, reason: null };
  },
  table({ rows, reason }) {
    if (reason !== null) return `Not measured: ${reason}.`;
    return table(
      ["words a text", "`hash-v1` texts/s, one core, median [quartiles]"],
      rows.map(({ words, perSecond: { median, q1, q3 } }) => [
        String(words),
        `${count(median)} [${count(q1)}–${count(q3)}]`,
      ]),
    );
  },
  plots: () => ({}),
};

const byQuery = ([left]: Words[], [right]: Words[]): number =>
  `${left?.query} ${left?.engine}`.localeCompare(`${right?.query} ${right?.engine}`);

function spreads(group: Words[]): Lexical["rows"][0] {
  const { engine, query, docs, segments } = group[0]!;
  const spread = (of: (line: Words) => number): Spread => spreadOf(group.map(of));
  return {
    engine,
    query,
    docs,
    segments,
    p50: spread((line) => line.p50_us),
    p99: spread((line) => line.p99_us),
    mean: spread((line) => line.mean_us),
  };
}

async function cargo<T>(which: string[], args: string[]): Promise<T[]> {
  const { code, output, complaints } = await run("cargo", ["run", "--release", "--quiet", ...which, "--", ...args]);
  if (code !== 0) throw new Error(`cargo ended with ${code}: ${complaints}`);
  return output
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as T);
}
