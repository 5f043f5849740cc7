// Ways to send requests: one after the other by turns, so many in flight, or at a rate whatever the answers do.
import { HindcastError } from "@hindcast/shared";
import { quantile, type Spread, spreadOf } from "./statistics.ts";

/** Microseconds. */
export interface Latency {
  p50: number;
  p99: number;
  /** How late they were sent: what of it the client's own event loop is to blame for. */
  sentLateP99: number;
  /** Answered ones, and those refused because too many were under way. */
  requests: number;
  refused: number;
}

/** Spread over the rounds of each round's quantiles; the first round warms up and is not counted. */
export async function rounds(
  count: number,
  queries: number,
  ways: Record<string, (n: number) => Promise<unknown>>,
): Promise<Record<string, { p50: Spread; p99: Spread }>> {
  const samples = Object.entries(ways).map(([name, ask]) => ({ name, ask, p50: [] as number[], p99: [] as number[] }));
  for (let round = -1; round < count; round += 1) {
    for (const { ask, p50, p99 } of samples) {
      const micros: number[] = [];
      for (let n = 0; n < queries; n += 1) {
        const startedAt = performance.now();
        await ask(n);
        micros.push((performance.now() - startedAt) * 1_000);
      }
      if (round < 0) continue;
      p50.push(quantile(micros, 0.5));
      p99.push(quantile(micros, 0.99));
    }
  }
  return Object.fromEntries(samples.map(({ name, p50, p99 }) => [name, { p50: spreadOf(p50), p99: spreadOf(p99) }]));
}

/** @returns requests answered a second. */
export async function inFlight(lanes: number, seconds: number, ask: (n: number) => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  const until = startedAt + seconds * 1_000;
  let done = 0;
  const lane = async (): Promise<void> => {
    while (performance.now() < until) {
      await ask(done);
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return (done * 1_000) / (performance.now() - startedAt);
}

/** Of an open loop, not counted: code that was not compiled yet and caches that were empty say nothing of the load. */
const warmUpSeconds = 2;

/** Latency counts from when a request was due, so that a stall is seen by all that it held up. */
export async function openLoop(
  perSecond: number,
  seconds: number,
  ask: (n: number) => Promise<unknown>,
): Promise<Latency> {
  const startedAt = performance.now();
  const uncounted = Math.round(perSecond * warmUpSeconds);
  const total = uncounted + Math.round(perSecond * seconds);
  const micros: number[] = [];
  const sentLate: number[] = [];
  const asked: Promise<void>[] = [];
  let refused = 0;
  while (asked.length < total) {
    const isCounted = asked.length >= uncounted;
    const due = startedAt + (asked.length * 1_000) / perSecond;
    const now = performance.now();
    if (now < due) {
      // Late by up to a millisecond, which counts; spinning would take a core from the service.
      await new Promise((resolve) => setTimeout(resolve, 1));
      continue;
    }
    if (isCounted) sentLate.push((now - due) * 1_000);
    asked.push(
      ask(asked.length).then(
        () => {
          if (isCounted) micros.push((performance.now() - due) * 1_000);
        },
        (error: unknown) => {
          if (!isRefusal(error)) throw error;
          if (isCounted) refused += 1;
        },
      ),
    );
  }
  await Promise.all(asked);
  return {
    p50: quantile(micros, 0.5),
    p99: quantile(micros, 0.99),
    sentLateP99: quantile(sentLate, 0.99),
    requests: micros.length,
    refused,
  };
}

const isRefusal = (error: unknown): boolean =>
  error instanceof HindcastError && (error.code === "INDEX_OVERLOADED" || error.code === "BUS_FULL");
