export interface Measured {
  name: string;
  rows: number;
  queries: number;
  /** Milliseconds per query. */
  p50Ms: number;
  p99Ms: number;
  /** Share of the exact ten that were found, where it was measured. */
  recall?: number;
  /** How fast it was filled. */
  build?: string;
}

export interface Series {
  name: string;
  rows: number;
  queries: number;
  /** One query. */
  run: (n: number) => unknown;
  build?: string;
}

const warmUpQueries = 20;

/** Times `run(n)` for n = 0 … queries − 1, one after the other, after a warm-up that is not counted. */
export async function measure({ name, rows, queries, run, build }: Series): Promise<Measured> {
  for (let n = 0; n < Math.min(warmUpQueries, queries); n += 1) await run(n);
  const times: number[] = [];
  for (let n = 0; n < queries; n += 1) {
    const startedAt = performance.now();
    await run(n);
    times.push(performance.now() - startedAt);
  }
  times.sort((left, right) => left - right);
  const at = (share: number): number =>
    times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? Number.NaN;
  return { name, rows, queries, p50Ms: at(0.5), p99Ms: at(0.99), ...(build === undefined ? {} : { build }) };
}

export function printTable(machine: object, results: Measured[]): void {
  console.log(`${JSON.stringify(machine)}\n`);
  console.log("| rows | engine | p50 ms | p99 ms | recall@10 | filled at |\n|---:|---|---:|---:|---:|---|");
  for (const { rows, name, p50Ms, p99Ms, recall, build } of results) {
    const cells = [rows, name, p50Ms.toFixed(2), p99Ms.toFixed(2), recall?.toFixed(3) ?? "", build ?? ""];
    console.log(`| ${cells.join(" | ")} |`);
  }
}
