// The benchmarks' official data, which are too large to keep here: a folder `shared/data` beside the project or above it.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

const root = new URL("../..", import.meta.url).pathname;

/** The folder of a benchmark's data, or null where this machine has none: tests that need it are skipped. */
export function benchmarkData(name: string): string | null {
  const given = process.env.HINDCAST_BENCHMARK_DATA;
  for (let folder = dirname(join(root, ".")); ; folder = dirname(folder)) {
    const candidate = given === undefined ? join(folder, "shared", "data", name) : join(given, name);
    if (existsSync(candidate)) return candidate;
    if (given !== undefined || folder === dirname(folder)) return null;
  }
}
