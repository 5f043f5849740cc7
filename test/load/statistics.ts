/** The q-quantile of the samples (nearest rank), 0 < q ≤ 1. */
export function quantile(samples: readonly number[], q: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN;
}

export function machine(cpus: { model: string }[]): string {
  return `${cpus.length} × ${cpus[0]?.model.trim() ?? "unknown processor"}, Node ${process.versions.node}`;
}

/** `--name 12` from the command line, or the default. */
export function option(name: string, byDefault: number): number {
  const at = process.argv.indexOf(`--${name}`);
  return at === -1 ? byDefault : Number(process.argv[at + 1]);
}
