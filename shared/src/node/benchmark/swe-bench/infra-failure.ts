// Labels for logs that tell of a broken machine rather than of a wrong patch. They are advice to a reader: a label never
// changes a score and never takes an instance out of the count.
export interface InfraFailure {
  reason: string;
  /** `environment`: no patch of a repository's sources can cause it; `ambiguous`: a patch may have. */
  tier: "environment" | "ambiguous";
}

const signs: readonly [reason: string, tier: InfraFailure["tier"], sign: RegExp][] = [
  ["browser-launch", "environment", /Failed to launch|Failed to connect to the bus/],
  ["no-display", "environment", /cannot open display|Missing X server|unable to open X display/],
  ["out-of-memory", "environment", /Cannot allocate memory|OutOfMemoryError|^Killed$/m],
  ["container", "environment", /Error response from daemon|Cannot connect to the Docker daemon/],
  ["name-resolution", "environment", /Could not resolve host|Temporary failure in name resolution/],
  ["missing-module", "ambiguous", /Cannot find module|MODULE_NOT_FOUND|ModuleNotFoundError/],
  ["no-tests-collected", "ambiguous", /no tests ran|collected 0 items/],
  ["timeout", "ambiguous", /Timeout error: \d+ seconds exceeded/],
];

/** The first label that fits; null where none does. */
export function infraFailureOf(log: string): InfraFailure | null {
  const found = signs.find(([, , sign]) => sign.test(log));
  return found === undefined ? null : { reason: found[0], tier: found[1] };
}
